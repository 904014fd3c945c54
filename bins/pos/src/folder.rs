//! The data folder: what lies where, and who may use it now.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::Role;

/// A data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

/// Held as long as the folder is in use; gone with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Folder {
    pub(crate) fn at(path: &Path) -> anyhow::Result<Self> {
        let root = std::path::absolute(path).with_context(|| format!("find the data folder {}", path.display()))?;
        Ok(Self { root })
    }

    /// Makes what is missing.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        if !self.root.exists() {
            make_passable(&self.root)?;
        }
        for dir in [self.run(), self.secrets()] {
            if !dir.exists() {
                DirBuilder::new().mode(0o700).create(&dir).with_context(|| format!("make {}", dir.display()))?;
            }
        }
        Ok(())
    }

    /// Takes the folder for this process.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.lock_file();
        let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open().with_context(|| format!("open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use by another `pos` ({}): stop that one first, with Ctrl-C or `pos down`, or name another folder with --data",
                self.root.display(),
                holder(&mut file).map_or_else(|| "starting or stopping".to_owned(), |pid| format!("process {pid}"))
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("lock {}", path.display()));
            }
        }
        let note = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        note(&mut file).with_context(|| format!("write {}", path.display()))?;
        Ok(Lock { _file: file })
    }

    /// The process that uses the folder now, if one does.
    pub(crate) fn user(&self) -> anyhow::Result<Option<i32>> {
        let path = self.lock_file();
        if !path.exists() {
            return Ok(None);
        }
        let mut file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(holder(&mut file)),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("look at the lock {}", path.display()))
            }
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    pub(crate) fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(crate) fn settings(&self, role: Role) -> PathBuf {
        self.run().join(format!("{role}.toml"))
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    pub(crate) fn up_file(&self) -> PathBuf {
        self.root.join("up.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }
}

/// Makes a folder. Others may pass through it (as root, `PostgreSQL` runs as another user) but see nothing.
pub(crate) fn make_passable(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("make the folder {}", dir.display()))?;
    fs::set_permissions(dir, Permissions::from_mode(0o711))
        .with_context(|| format!("close the folder {}", dir.display()))
}

fn holder(file: &mut File) -> Option<i32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok())
}

/// Writes a file for this user's eyes only, durably, in one step: it is there whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let write = || {
        // Temporary files are made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(dir)?.sync_all()
    };
    write().with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::at(&temp.path().join("data")).unwrap();
        folder.make().unwrap();
        assert_eq!(folder.user().unwrap(), None);
        let lock = folder.lock().unwrap();
        let refused = folder.lock().unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert_eq!(folder.user().unwrap(), i32::try_from(std::process::id()).ok());
        drop(lock);
        folder.lock().unwrap();
    }
}
