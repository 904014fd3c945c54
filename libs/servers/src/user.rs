//! `PostgreSQL` refuses to run as root, so root runs it as another user.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::unistd::{Uid, User};
use tokio::process::Command;

use crate::Error;

/// The user that root runs `PostgreSQL` as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account for new data, or `None` if we are not root and run `PostgreSQL` as ourselves.
    pub(crate) fn for_new_data() -> Result<Option<Self>, Error> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).map_err(Error::Users)? {
                return Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
            }
        }
        Err(Error::NoUser)
    }

    /// The owner of existing data, which stays right when a user postgres is added later.
    pub(crate) fn for_data(dir: &Path) -> Result<Option<Self>, Error> {
        let owner = fs::metadata(dir).map_err(Error::file("look at", dir))?;
        if Uid::effective().is_root() && owner.uid() != 0 {
            return Ok(Some(Self { uid: owner.uid(), gid: owner.gid() }));
        }
        Self::for_new_data()
    }

    /// A command that runs as this account, or the error that names the folder it can't pass.
    fn command(self, program: &Path, dir: &Path) -> Result<Command, Error> {
        let Self { uid, gid } = self;
        let Some(folder) = self.closed_parent(program)?.or(self.closed_parent(dir)?) else {
            let mut command = Command::new(program);
            command.uid(uid).gid(gid);
            return Ok(command);
        };
        // DAC_READ_SEARCH lets it pass closed folders. A root without that capability (containers), or a
        // system without setpriv (macOS), can't give it.
        let probe = setpriv(self, program).arg("--version").output();
        if probe.is_ok_and(|probe| probe.status.success()) {
            Ok(setpriv(self, program).into())
        } else {
            Err(Error::Closed { uid, folder })
        }
    }

    /// The parent folder nearest to the path that this account can't pass, if there is one.
    fn closed_parent(self, path: &Path) -> Result<Option<PathBuf>, Error> {
        let path = fs::canonicalize(path).map_err(Error::file("resolve", path))?;
        for folder in path.ancestors().skip(1) {
            let of = fs::metadata(folder).map_err(Error::file("look at", folder))?;
            if !self.may_pass(&of) {
                return Ok(Some(folder.to_owned()));
            }
        }
        Ok(None)
    }

    fn may_pass(self, folder: &Metadata) -> bool {
        let needed = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        folder.mode() & needed != 0
    }
}

/// A command that runs as the account, if there is one, in a folder that anybody can be in.
pub(crate) fn command(account: Option<Account>, program: &Path, dir: &Path) -> Result<Command, Error> {
    let mut command = match account {
        Some(account) => account.command(program, dir)?,
        None => Command::new(program),
    };
    command.current_dir("/");
    Ok(command)
}

fn setpriv(Account { uid, gid }: Account, program: &Path) -> std::process::Command {
    let mut command = std::process::Command::new("setpriv");
    command
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={gid}"))
        .args(["--clear-groups", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"])
        // Else access(2), by which PostgreSQL looks for its own program, ignores that capability.
        .args(["--securebits=+no_setuid_fixup", "--"])
        .arg(program)
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_nearest_closed_parent_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let [outer, inner] = [dir.path().join("outer"), dir.path().join("outer/inner")];
        fs::create_dir_all(inner.join("data")).unwrap();
        let owner = fs::metadata(&inner).unwrap();
        let stranger = Account { uid: owner.uid() + 1, gid: owner.gid() + 1 };
        let closed = |mode| {
            fs::set_permissions(&outer, fs::Permissions::from_mode(mode)).unwrap();
            stranger.closed_parent(&inner.join("data")).unwrap()
        };
        assert_eq!(closed(0o700), Some(fs::canonicalize(&outer).unwrap()));
        // Open as far as this test made it; the temporary folder above may itself be closed.
        assert_ne!(closed(0o711), Some(fs::canonicalize(&outer).unwrap()));
    }
}
