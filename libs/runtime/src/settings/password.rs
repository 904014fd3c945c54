//! Passwords that are kept in files of their own, as Docker and Kubernetes hand secrets over.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use config::{Config, Map, Value, ValueKind};

/// Why a password is not usable.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file is missing or closed to us.
    #[error("could not read the password file {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// There is nothing in the file.
    #[error("the password file {} is empty", .0.display())]
    Empty(PathBuf),
    /// Which of the two counts?
    #[error("there are both a password and a password file: give one of them")]
    Both,
    /// A password belongs to a user.
    #[error("the URL names no user for the password: write scheme://user@host")]
    NoUser,
}

/// Why a setting that names a password file is not usable.
#[derive(Debug, thiserror::Error)]
#[error("use the setting {setting}")]
struct Setting {
    setting: &'static str,
    #[source]
    source: PasswordError,
}

/// Reads the password in `file`. White space around it, such as the end of the line, is not part of it.
///
/// # Errors
/// When the file can't be read or is empty.
pub fn read_password(file: &Path) -> Result<String, PasswordError> {
    let text = fs::read_to_string(file).map_err(|error| PasswordError::Read(file.to_owned(), error))?;
    match text.trim() {
        "" => Err(PasswordError::Empty(file.to_owned())),
        password => Ok(password.to_owned()),
    }
}

/// `url` (`scheme://user@host…`) with the password put in.
///
/// # Errors
/// When the URL has no user, or a password already.
pub fn with_password(url: &str, password: &str) -> Result<String, PasswordError> {
    let (scheme, rest) = url.split_once("://").ok_or(PasswordError::NoUser)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').ok_or(PasswordError::NoUser)?;
    match user {
        "" => Err(PasswordError::NoUser),
        user if user.contains(':') => Err(PasswordError::Both),
        user => Ok(format!("{scheme}://{user}:{}@{host}{path}", percent_encoded(password))),
    }
}

/// RFC 3986: what is not unreserved is encoded.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
        encoded
    })
}

/// Puts what `bus.password_file` and `database.password_file` hold where the passwords belong.
pub(super) fn resolve(settings: &mut Config) -> anyhow::Result<()> {
    let named = |setting| move |source| Setting { setting, source };
    if let Some((file, bus)) = take(settings, "bus") {
        let resolved = match text(bus, "password").as_str() {
            "" => read_password(&file),
            _ => Err(PasswordError::Both),
        };
        bus.insert("password".to_owned(), resolved.map_err(named("bus.password_file"))?.into());
    }
    if let Some((file, database)) = take(settings, "database") {
        let resolved = read_password(&file).and_then(|password| with_password(&text(database, "url"), &password));
        database.insert("url".to_owned(), resolved.map_err(named("database.password_file"))?.into());
    }
    Ok(())
}

/// Takes `password_file` out of a section; `None` if it names no file.
fn take<'a>(settings: &'a mut Config, section: &str) -> Option<(PathBuf, &'a mut Map<String, Value>)> {
    let ValueKind::Table(sections) = &mut settings.cache.kind else { return None };
    let ValueKind::Table(section) = &mut sections.get_mut(section)?.kind else { return None };
    let file = section.remove("password_file").map(|value| value.to_string()).filter(|file| !file.is_empty())?;
    Some((file.into(), section))
}

fn text(section: &Map<String, Value>, key: &str) -> String {
    section.get(key).map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use serde::Deserialize;
    use tempfile::TempDir;

    use super::super::{DatabaseSettings, ProcessSettings, Settings, TracingSettings, load};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        process: ProcessSettings,
        bus: tillstream_bus::Settings,
        database: DatabaseSettings,
        tracing: TracingSettings,
    }

    impl Settings for Sample {
        const SAMPLE: &'static str = r#"
            [process]
            log_format = "text"
            log_filter = "info"
            [bus]
            url = "nats://127.0.0.1"
            user = "edge"
            password = ""
            password_file = ""
            tls_ca_file = ""
            partitions = 1
            [database]
            url = "postgres://tillstream_edge@127.0.0.1/tillstream?application_name=a@b"
            password_file = ""
            max_connections = 1
            acquire_timeout_ms = 1
            [tracing]
            endpoint = ""
            sample_ratio = 0.0
        "#;

        fn tracing(&self) -> TracingSettings {
            self.tracing.clone()
        }

        fn process(&self) -> &ProcessSettings {
            &self.process
        }
    }

    struct Folder(TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, text: &str) -> String {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        }

        fn load(&self, settings: &str) -> Result<Sample, String> {
            let file = self.write("settings.toml", settings);
            load(Some(Path::new(&file))).map_err(|error| format!("{error:#}"))
        }
    }

    #[test]
    fn passwords_come_from_files_and_do_not_show() {
        let folder = Folder::new();
        let (bus, database) = (folder.write("bus", "0b05\n"), folder.write("database", "s3cr@t/ü\n"));
        let settings = format!("bus.password_file = {bus:?}\ndatabase.password_file = {database:?}");
        let sample = folder.load(&settings).unwrap();
        assert_eq!(sample.bus.password, "0b05");
        let url = "postgres://tillstream_edge:s3cr%40t%2F%C3%BC@127.0.0.1/tillstream?application_name=a@b";
        assert_eq!(sample.database.url, url);
        let shown = format!("{sample:?}");
        assert!(!shown.contains("0b05") && !shown.contains("s3cr"), "{shown}");
    }

    #[test]
    fn without_files_nothing_changes() {
        let sample = Folder::new().load("bus.password = \"plain\"").unwrap();
        assert_eq!(sample.bus.password, "plain");
        assert!(sample.database.url.starts_with("postgres://tillstream_edge@127.0.0.1/"));
    }

    #[test]
    fn what_is_wrong_with_a_password_file_is_said() {
        let folder = Folder::new();
        let (good, empty) = (folder.write("good", "0b05"), folder.write("empty", " \n"));
        for (settings, fault) in [
            (
                "bus.password_file = \"/none\"".to_owned(),
                "use the setting bus.password_file: could not read the password file /none: No such file",
            ),
            (
                "database.password_file = \"/none\"".to_owned(),
                "use the setting database.password_file: could not read the password file /none",
            ),
            (format!("bus.password_file = {empty:?}"), "is empty"),
            (format!("bus.password_file = {good:?}\nbus.password = \"0b05\""), "both a password and a password file"),
            (
                format!("database.password_file = {good:?}\ndatabase.url = \"postgres://a:b@c/d\""),
                "both a password and a password file",
            ),
            (format!("database.password_file = {good:?}\ndatabase.url = \"postgres://c/d\""), "names no user"),
        ] {
            let said = folder.load(&settings).unwrap_err();
            assert!(said.contains(fault), "{settings}: {said}");
            assert!(!said.contains("0b05"), "{said}");
        }
    }

    #[test]
    fn a_fault_has_its_cause() {
        assert!(read_password(Path::new("/none")).unwrap_err().source().is_some());
    }
}
