//! The whole system on one machine: `PostgreSQL` and NATS, then the edge and the workers, as supervised child processes.

mod description;
mod freeze;
mod options;
mod role;
mod servers;
mod settings;
mod setup;
mod supervisor;

pub use options::StackOptions;
pub use role::Role;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use futures_util::future::{join_all, try_join_all};
use tillstream_servers::child::reclaim;
use tokio::{sync::watch, time::sleep};

use crate::{
    Output,
    folder::{Folder, Lock},
    http,
    secrets::Secrets,
    token,
};
use servers::Servers;
use supervisor::Supervised;

/// How long a child may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// How long a part may take to become ready, once what it needs is.
const READY: Duration = Duration::from_mins(1);
/// A part that ends this often before it is ready will not become so.
const ENDS_BEFORE_READY: u32 = 3;
/// Between two looks at a part that is not ready.
const PAUSE: Duration = Duration::from_millis(25);

/// A running system.
#[derive(Debug)]
pub struct Stack {
    options: StackOptions,
    folder: Folder,
    secrets: Secrets,
    servers: Servers,
    ports: settings::Ports,
    token: String,
    children: BTreeMap<Role, Supervised>,
    changed: watch::Sender<u64>,
    _lock: Lock,
}

impl Stack {
    /// Takes the data folder, sets up what is missing, starts everything and waits until all is ready. What a killed run
    /// left running is ended first.
    ///
    /// # Errors
    /// When the folder is in use, a program is missing, or a part does not become ready; then nothing is left running.
    pub async fn start(options: StackOptions) -> anyhow::Result<Self> {
        let mut stack = Self::prepare(options).await?;
        match stack.bring_up().await {
            Ok(()) => Ok(stack),
            Err(failure) => match stack.stop().await {
                Ok(()) => Err(failure),
                Err(also) => Err(failure.context(format!("nor can what was started be stopped ({also:#})"))),
            },
        }
    }

    /// Takes the data folder, ends what a killed run left running there, and makes secrets; nothing runs yet.
    pub(crate) async fn prepare(mut options: StackOptions) -> anyhow::Result<Self> {
        options.services = std::path::absolute(&options.services).context("find the services folder")?;
        let folder = Folder::at(&options.data)?;
        folder.make()?;
        let lock = folder.lock()?;
        for left in reclaim(&folder.run(), GRACE).await? {
            options
                .output
                .say(&format!("ended {}, process {}, which a killed run had left behind", left.name, left.pid));
        }
        let secrets = secrets_of(&folder)?;
        let ports = settings::Ports::choose(&options)?;
        let servers = Servers::new(&options, &folder, &secrets, &ports)?;
        let token =
            token::mint(&folder.secrets().join("tokens.ed25519"), crate::demo::Owner::Cafe.merchant(), token::MONTH)?;
        let changed = watch::Sender::new(0);
        Ok(Self { options, folder, secrets, servers, ports, token, children: BTreeMap::new(), changed, _lock: lock })
    }

    /// Starts everything, in order. Interrupted or failed, [`stop`](Self::stop) ends what runs by then.
    pub(crate) async fn bring_up(&mut self) -> anyhow::Result<()> {
        self.servers.init(self.output()).await?;
        for role in Role::SERVERS {
            self.output().say(&format!("starting {role}"));
            self.supervise(role);
        }
        for role in Role::SERVERS {
            self.until_ready(role, self.servers.ready(role)).await?;
        }
        setup::database(self).await?;
        setup::bus(self).await?;
        self.write_settings()?;
        if self.simulates_terminals() {
            self.output().say("starting a simulator of card terminals");
            self.supervise(Role::Terminal);
            let url = format!("{}/payments", self.ports.admin_url(Role::Terminal));
            self.until_ready(Role::Terminal, says_yes(Role::Terminal, &url)).await?;
        }
        self.output().say("starting the edge and the workers");
        for role in Role::PARTS {
            self.supervise(role);
        }
        let ready = Role::PARTS.map(|role| self.until_ready(role, self.answers(role)));
        try_join_all(ready).await?;
        Ok(())
    }

    /// Stops everything in order: edge, workers, NATS, `PostgreSQL`. One that does not stop in time is killed.
    ///
    /// # Errors
    /// When a process can't be ended; the others are.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for together in [&[Role::Edge][..], &Role::WORKERS, &[Role::Terminal, Role::Nats], &[Role::Postgres]] {
            let ended = join_all(
                together
                    .iter()
                    .filter_map(|role| Some((role, self.children.remove(role)?)))
                    .map(async |(role, child)| child.stop(GRACE).await.with_context(|| format!("stop {role}"))),
            );
            outcome = ended.await.into_iter().fold(outcome, Result::and);
        }
        outcome
    }

    /// The process id of a part; `None` while it is being restarted.
    #[must_use]
    pub fn pid(&self, role: Role) -> Option<i32> {
        self.children.get(&role).and_then(Supervised::pid)
    }

    /// The process ids of all parts that run.
    #[must_use]
    pub fn pids(&self) -> BTreeMap<Role, i32> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.pid(role)?))).collect()
    }

    /// How often a part has been started.
    #[must_use]
    pub fn starts(&self, role: Role) -> u32 {
        self.children.get(&role).map_or(0, Supervised::starts)
    }

    /// Tells when a process id may have changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Kills a part with SIGKILL. It is restarted.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn kill(&self, role: Role) -> anyhow::Result<()> {
        self.child(role)?.kill().await.with_context(|| format!("kill {role}"))
    }

    /// Halts a part where it is, with all that it has started, until [`resume`](Self::resume).
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn pause(&self, role: Role) -> anyhow::Result<()> {
        self.child(role)?.pause().await.with_context(|| format!("pause {role}"))
    }

    /// Lets a part go on.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn resume(&self, role: Role) -> anyhow::Result<()> {
        self.child(role)?.resume().await.with_context(|| format!("resume {role}"))
    }

    /// Stops a part in good order; it is started again at once. Returns when it has ended.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn terminate(&self, role: Role) -> anyhow::Result<()> {
        self.child(role)?.terminate(GRACE).await.with_context(|| format!("restart {role}"))
    }

    /// Whether every part runs and says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let second = Duration::from_secs(1);
        let asked =
            Role::PARTS.map(async |role| matches!(http::get(&self.readiness_url(role), second).await, Ok((200, _))));
        self.pids().len() == Role::ALL.len() && join_all(asked).await.into_iter().all(|ready| ready)
    }

    /// Where the edge answers.
    #[must_use]
    pub fn url(&self) -> String {
        self.ports.edge_url()
    }

    /// A bearer token for the demo merchant.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The database, as superuser.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.servers.database_url()
    }

    /// How to connect to NATS as operator.
    #[must_use]
    pub fn bus_settings(&self) -> tillstream_bus::Settings {
        self.bus_settings_of("operator")
    }

    /// Where a part shows its metrics.
    #[must_use]
    pub fn metrics_url(&self, role: Role) -> String {
        format!("{}/metrics", self.ports.admin_url(role))
    }

    /// The folder with the signing keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.folder.secrets()
    }

    /// NATS for monitoring over HTTP.
    #[must_use]
    pub fn nats_monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.nats_monitor)
    }

    /// What the system was started with.
    #[must_use]
    pub fn options(&self) -> &StackOptions {
        &self.options
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn output(&self) -> &Output {
        &self.options.output
    }

    fn bus_settings_of(&self, user: &str) -> tillstream_bus::Settings {
        tillstream_bus::Settings {
            url: self.servers.nats_url(),
            user: user.to_owned(),
            password: self.secrets.nats(user).to_owned(),
            tls_ca_file: PathBuf::new(),
            partitions: self.options.partitions,
        }
    }

    fn readiness_url(&self, role: Role) -> String {
        format!("{}/readyz", self.ports.admin_url(role))
    }

    fn child(&self, role: Role) -> anyhow::Result<&Supervised> {
        self.children.get(&role).with_context(|| format!("{role} has not been started"))
    }

    fn supervise(&mut self, role: Role) {
        let launch = match role {
            Role::Postgres | Role::Nats => self.servers.launcher(role),
            Role::Terminal => simulated_by(&self.options.program, &self.ports.admin_url(role)),
            _ => run_by(&self.options.program, role, &self.folder.settings(role)),
        };
        let child = Supervised::start(role, launch, self.folder.run(), self.output().clone(), self.changed.clone());
        self.children.insert(role, child);
    }

    async fn until_ready(&self, role: Role, ready: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        let child = self.child(role)?;
        tokio::select! {
            outcome = ready => outcome,
            last = child.ended(ENDS_BEFORE_READY) => bail!("{role} does not start ({last}): see what it printed"),
        }
    }

    /// Where card terminals are reached, if there are any.
    fn terminals(&self) -> Option<String> {
        let simulated = || self.simulates_terminals().then(|| self.ports.admin_url(Role::Terminal));
        self.options.terminals.clone().or_else(simulated)
    }

    /// A simulator approves what nobody pays: it is for demo shops alone.
    fn simulates_terminals(&self) -> bool {
        self.options.terminals.is_none() && self.options.shop.is_some()
    }

    async fn answers(&self, role: Role) -> anyhow::Result<()> {
        says_yes(role, &self.readiness_url(role)).await
    }
}

/// Waits until a part answers with 200.
async fn says_yes(role: Role, url: &str) -> anyhow::Result<()> {
    let mut last = "nothing".to_owned();
    let asked = async {
        loop {
            match http::get(url, Duration::from_secs(2)).await {
                Ok((200, _)) => return,
                Ok((_, body)) => last = body,
                Err(error) => last = format!("{error:#}"),
            }
            sleep(PAUSE).await;
        }
    };
    let outcome = tokio::time::timeout(READY, asked).await;
    outcome.with_context(|| format!("{role} is not ready after {} s; it says: {last}", READY.as_secs()))
}

/// The folder's secrets. Those that are missing are made, unless there are books that the lost ones belong to.
fn secrets_of(folder: &Folder) -> anyhow::Result<Secrets> {
    let missing = Secrets::missing(&folder.secrets());
    if folder.postgres().exists() && !missing.is_empty() {
        bail!(
            "{} of {} is missing, but the database that it belongs to is there: restore it from a backup, or move {} away to begin anew",
            missing.join(", "),
            folder.secrets().display(),
            folder.root().display()
        );
    }
    Ok(Secrets::keep(&folder.secrets())?.0)
}

/// Each role runs in a process of its own, of the same program.
fn run_by(program: &Path, role: Role, settings: &Path) -> supervisor::Launch {
    let (program, settings) = (program.to_owned(), settings.to_owned());
    Box::new(move || {
        let mut command = tokio::process::Command::new(&program);
        command.args(["run", role.name(), "--config"]).arg(&settings);
        Ok((command, tillstream_servers::child::StopSignal::Terminate))
    })
}

/// A simulator is told where to listen, and keeps nothing.
fn simulated_by(program: &Path, url: &str) -> supervisor::Launch {
    let (program, listen) = (program.to_owned(), url.replace("http://", ""));
    Box::new(move || {
        let mut command = tokio::process::Command::new(&program);
        command.args(["terminal", "--listen", &listen]);
        Ok((command, tillstream_servers::child::StopSignal::Terminate))
    })
}
