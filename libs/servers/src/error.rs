use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a server could not be found, started, reached or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is neither in the services folder nor on PATH.
    #[error("{program} is not here: run `scripts/services`, or install it and put it on PATH")]
    Missing {
        /// The program and the version that is needed.
        program: &'static str,
    },
    /// `services.json` can't be read, or names what is gone.
    #[error("{} {reason}: run `scripts/services` again", path.display())]
    Services {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder could not be read, made, changed or removed.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A process could not be started or waited for.
    #[error("could not {action} {name}")]
    Process {
        /// What was being done.
        action: &'static str,
        /// The child or program.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A signal could not be sent.
    #[error("could not send {signal} to {name}, process {pid}: end it yourself")]
    Signal {
        /// The signal.
        signal: nix::sys::signal::Signal,
        /// The child.
        name: String,
        /// Its process id.
        pid: i32,
        /// The cause.
        #[source]
        source: nix::Error,
    },
    /// A leftover of an earlier run did not end, even when killed.
    #[error("{name}, process {pid}, is left over from an earlier run and does not end: end it yourself")]
    Undying {
        /// The child's name.
        name: String,
        /// Its process id.
        pid: i32,
    },
    /// The run that started the children is alive.
    #[error("{name} belongs to process {parent}, which is still running: stop that one first")]
    InUse {
        /// The child's name.
        name: String,
        /// The process that started it.
        parent: i32,
    },
    /// No random bytes for a password.
    #[error("could not get random bytes for a password from the operating system")]
    Random(#[source] getrandom::Error),
    /// The operating system's user database could not be asked.
    #[error("could not look up the user that PostgreSQL is to run as")]
    Users(#[source] nix::Error),
    /// Root runs `PostgreSQL` as another user, and there is none.
    #[error("PostgreSQL refuses to run as root and there is neither a user postgres nor nobody: add a user postgres")]
    NoUser,
    /// The user that `PostgreSQL` runs as can't reach its files.
    #[error(
        "user {uid}, as which root runs PostgreSQL, can't pass the folder {}: \
         choose another data folder, or open that one with chmod o+x",
        folder.display()
    )]
    Closed {
        /// The user's id.
        uid: u32,
        /// The folder that is closed to it.
        folder: PathBuf,
    },
    /// initdb failed.
    #[error("initdb could not make a database cluster in {}: {output}", dir.display())]
    Initdb {
        /// The data folder.
        dir: PathBuf,
        /// What initdb printed.
        output: String,
    },
    /// A program of `PostgreSQL` failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it printed.
        output: String,
    },
    /// The archive's name can't be put into a command.
    #[error(
        "{} can't be used as an archive: it must be a folder, named by an absolute path without quotes, percent signs and backslashes",
        dir.display()
    )]
    ArchiveName {
        /// The folder.
        dir: PathBuf,
    },
    /// The data folder was written by another major version.
    #[error(
        "{} holds data of PostgreSQL {data}, but {} is version {program_version}: \
         install PostgreSQL {data} and run `scripts/services` again, or move the data with pg_dump",
        dir.display(), program.display()
    )]
    DataVersion {
        /// The data folder.
        dir: PathBuf,
        /// The version that wrote it.
        data: String,
        /// The program that was to be started.
        program: PathBuf,
        /// Its version.
        program_version: u32,
    },
    /// Something else listens on the port.
    #[error("port {port} on 127.0.0.1 is taken: choose another, or stop what listens there")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// A server ended while it was starting.
    #[error("{name} ended while starting ({status}): see what it printed")]
    EndedEarly {
        /// The child.
        name: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A server does not answer.
    #[error("{name} did not answer on port {port} within {} s: see what it printed", within.as_secs_f32())]
    NotReady {
        /// The server.
        name: &'static str,
        /// Its port.
        port: u16,
        /// How long it was given.
        within: Duration,
    },
}

impl Error {
    /// For `map_err` on what was being done to a file or folder.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// For `map_err` on what was being done to a process.
    pub(crate) fn process(action: &'static str, name: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let name = name.into();
        move |source| Self::Process { action, name, source }
    }
}
