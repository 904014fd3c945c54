//! A `pos up` of one's own.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tillstream_pos::{StackOptions, UpFile, demo};

/// On a machine with two cores that runs other tests too.
const PATIENCE: Duration = Duration::from_mins(3);

/// A data folder that lasts for a test.
pub(crate) struct Shop {
    temp: TempDir,
}

/// A `pos up`. Dropping it kills it, and ends what it leaves behind.
pub(crate) struct Running<'a> {
    shop: &'a Shop,
    process: Child,
    log: PathBuf,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let temp = tempfile::Builder::new().prefix("tillstream-pos-").tempdir().unwrap();
        // Passable, for as root PostgreSQL runs as another user.
        fs::set_permissions(temp.path(), Permissions::from_mode(0o711)).unwrap();
        Self { temp }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Starts `pos up` and waits until it says that it is ready.
    pub(crate) fn up(&self) -> Running<'_> {
        self.up_with(&[])
    }

    /// The same, with more options.
    pub(crate) fn up_with(&self, options: &[&str]) -> Running<'_> {
        let running = self.start_with(options);
        let known = self.known();
        running.until("it is ready", || self.known().is_some_and(|up| known.as_ref() != Some(&up)));
        running
    }

    /// Starts `pos up` and does not wait.
    pub(crate) fn start(&self) -> Running<'_> {
        self.start_with(&[])
    }

    fn start_with(&self, options: &[&str]) -> Running<'_> {
        let log = self.path("log");
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let process = pos()
            .args(["up", "--products", "20", "--registers", "2", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.data())
            .arg("--services")
            .arg(services())
            .args(options)
            .stdin(Stdio::null())
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap();
        Running { shop: self, process, log }
    }

    /// Runs another command of `pos` on the data folder.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let data = self.data();
        let data = data.to_str().unwrap();
        pos().args(args).args(["--data", data]).stdin(Stdio::null()).output().unwrap()
    }

    /// What a small system on the data folder is started with, of the `pos` that is tested.
    pub(crate) fn stack(&self) -> StackOptions {
        StackOptions {
            program: PathBuf::from(env!("CARGO_BIN_EXE_pos")),
            services: services(),
            listen: Some(([127, 0, 0, 1], 0).into()),
            shop: Some(demo::Size { products: 10, registers: 1 }),
            ..StackOptions::new(self.data()).unwrap()
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn known(&self) -> Option<UpFile> {
        UpFile::read(&self.data()).ok()
    }
}

/// What a command has printed.
pub(crate) fn said(run: &Output) -> String {
    String::from_utf8_lossy(&[run.stdout.as_slice(), &run.stderr].concat()).into_owned()
}

/// Looks until there is something, and says in the end what there was in its place.
pub(crate) fn until<T>(never: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < give_up, "never: {}", never());
        sleep(Duration::from_millis(20));
    }
}

/// What `scripts/services` filled.
pub(crate) fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.services")
}

pub(crate) fn pos() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pos"))
}

impl Running<'_> {
    pub(crate) fn known(&self) -> UpFile {
        UpFile::read(&self.shop.data()).unwrap()
    }

    /// Runs a printed line as it stands.
    pub(crate) fn shell(&self, line: &str) -> String {
        let run = Command::new("sh").arg("-c").arg(line).output().unwrap();
        assert!(run.status.success(), "{line}: {run:?}\n{}", self.log());
        String::from_utf8(run.stdout).unwrap()
    }

    /// Asks it to stop and returns how it ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.end()
    }

    /// Kills it, and nothing else.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.end();
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        let log = self.log.clone();
        until(|| format!("it ends\n{}", read(&log)), || self.process.try_wait().unwrap())
    }

    pub(crate) fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        until(
            || format!("{what}\n{}", self.log()),
            || {
                let done = done();
                assert!(done || lives(self.pid()), "it ended before: {what}\n{}", self.log());
                done.then_some(())
            },
        );
    }

    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.id().cast_signed()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
            self.shop.run(&["down"]);
        }
    }
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

/// Whether there is such a process, other than one that has ended and is not waited for yet.
pub(crate) fn lives(pid: i32) -> bool {
    let zombie = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH) && !zombie()
}
