use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde::Deserialize;

use crate::Error;

/// Older ones lack what the migrations use.
const POSTGRES_AT_LEAST: (u32, u32) = (15, 0);
/// Older ones do not know `sync_interval: always`.
const NATS_AT_LEAST: (u32, u32) = (2, 10);

/// Where the servers' programs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    postgres_bin: PathBuf,
    nats_server: PathBuf,
}

/// What `scripts/services` writes; paths are absolute or relative to the file's folder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Services {
    postgres_bin: PathBuf,
    nats_server: PathBuf,
}

impl Programs {
    /// Finds them: in `services.json` of the folder that `scripts/services` filled, if it is there, else
    /// on PATH (`PostgreSQL` also by `pg_config`, since Debian keeps it elsewhere).
    ///
    /// # Errors
    /// A program is missing or too old, or `services.json` names what is gone.
    pub fn find(services_dir: Option<&Path>) -> Result<Self, Error> {
        if let Some(dir) = services_dir {
            let file = dir.join("services.json");
            if file.exists() {
                return Self::read(dir, &file);
            }
        }
        Ok(Self {
            postgres_bin: installed_postgres().ok_or(Error::Missing { program: "PostgreSQL 15 or later" })?,
            nats_server: installed_nats().ok_or(Error::Missing { program: "nats-server 2.10 or later" })?,
        })
    }

    /// The folder of `postgres` and `initdb`.
    #[must_use]
    pub fn postgres_bin(&self) -> &Path {
        &self.postgres_bin
    }

    /// The program `nats-server`.
    #[must_use]
    pub fn nats_server(&self) -> &Path {
        &self.nats_server
    }

    fn read(dir: &Path, file: &Path) -> Result<Self, Error> {
        let bad = |reason: String| Error::Services { path: file.to_owned(), reason };
        let text = fs::read_to_string(file).map_err(|e| bad(format!("can't be read ({e})")))?;
        let services: Services = serde_json::from_str(&text).map_err(|e| bad(format!("is damaged ({e})")))?;
        // Absolute, for the servers are started in another folder.
        let dir = fs::canonicalize(dir).map_err(Error::file("resolve", dir))?;
        let found = Self { postgres_bin: dir.join(services.postgres_bin), nats_server: dir.join(services.nats_server) };
        let needed =
            [found.postgres_bin.join("postgres"), found.postgres_bin.join("initdb"), found.nats_server.clone()];
        match needed.iter().find(|program| !program.exists()) {
            Some(gone) => Err(bad(format!("names {}, which is gone", gone.display()))),
            None => Ok(found),
        }
    }
}

/// (major, minor) of a program that answers to `--version`.
pub(crate) fn version(program: &Path) -> Option<(u32, u32)> {
    let run = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    parse_version(&String::from_utf8_lossy(&run.stdout))
}

/// The first word that starts like a version: `postgres (PostgreSQL) 15.18 (Debian)`, `nats-server: v2.15.0`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut parts = word.trim_start_matches('v').split('.');
        let major = parts.next()?.parse().ok()?;
        let minor: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
        Some((major, minor.parse().ok()?))
    })
}

fn installed_postgres() -> Option<PathBuf> {
    // Resolved, because a link in another folder does not have the other programs beside it.
    let on_path = on_path("postgres").and_then(|program| Some(fs::canonicalize(program).ok()?.parent()?.to_owned()));
    let by_config = || {
        let run = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output().ok()?;
        Some(PathBuf::from(String::from_utf8(run.stdout).ok()?.trim_end()))
    };
    let usable =
        |dir: &PathBuf| dir.join("initdb").exists() && version(&dir.join("postgres")) >= Some(POSTGRES_AT_LEAST);
    on_path.filter(usable).or_else(|| by_config().filter(usable))
}

fn installed_nats() -> Option<PathBuf> {
    on_path("nats-server").filter(|program| version(program) >= Some(NATS_AT_LEAST))
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_the_programs_print_them() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 18.6\n"), Some((18, 6)));
        assert_eq!(parse_version("nats-server: v2.15.0-RC.1\n"), Some((2, 15)));
        assert_eq!(parse_version("command not found"), None);
    }

    #[test]
    fn services_are_relative_to_their_folder_and_must_exist() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("services.json");
        fs::write(&file, r#"{"postgres_bin": "pg/bin", "nats_server": "nats-server"}"#).unwrap();
        let gone = Programs::find(Some(dir.path())).unwrap_err().to_string();
        assert!(gone.contains("pg/bin/postgres, which is gone: run `scripts/services` again"), "{gone}");

        fs::create_dir_all(dir.path().join("pg/bin")).unwrap();
        for program in ["pg/bin/postgres", "pg/bin/initdb", "nats-server"] {
            fs::write(dir.path().join(program), "").unwrap();
        }
        let found = Programs::find(Some(dir.path())).unwrap();
        assert_eq!(found.postgres_bin(), fs::canonicalize(dir.path().join("pg/bin")).unwrap());

        fs::write(&file, "{").unwrap();
        let damaged = Programs::find(Some(dir.path())).unwrap_err().to_string();
        assert!(damaged.contains("is damaged"), "{damaged}");
    }
}
