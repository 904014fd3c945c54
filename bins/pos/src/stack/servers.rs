//! `PostgreSQL` and NATS.

use std::time::Duration;

use tillstream_bus::access;
use tillstream_servers::{
    Password, Programs,
    child::StopSignal,
    nats::{Server, Settings, SyncInterval},
    postgres::Cluster,
};

use super::{Role, StackOptions, settings::Ports, supervisor::Launch};
use crate::{
    Output,
    folder::Folder,
    secrets::{SUPERUSER, Secrets},
};

/// The database of a system.
const DATABASE: &str = "tillstream";
/// Recovery after a crash reads the log since the last checkpoint, up to 4 GB.
const POSTGRES_READY: Duration = Duration::from_mins(10);
/// After a crash NATS reads its streams.
const NATS_READY: Duration = Duration::from_mins(5);
/// The largest message: twice what our own parts make.
const MAX_PAYLOAD_BYTES: u32 = 1 << 20;

/// Both servers, running or not.
#[derive(Debug)]
pub(crate) struct Servers {
    postgres: Cluster,
    nats: Server,
}

impl Servers {
    pub(crate) fn new(
        options: &StackOptions,
        folder: &Folder,
        secrets: &Secrets,
        ports: &Ports,
    ) -> anyhow::Result<Self> {
        let programs = Programs::find(Some(&options.services))?;
        let postgres = Cluster::new(
            &programs,
            &folder.postgres(),
            ports.postgres,
            SUPERUSER,
            secrets.postgres(SUPERUSER).clone(),
        )?;
        let postgres = match &options.archive {
            Some(dir) => postgres.archiving(&std::path::absolute(dir)?)?,
            None => postgres,
        };
        let limits = &options.limits;
        let per_partition = limits.commands_max_bytes + limits.events_max_bytes;
        // The sum of what is declared: NATS sets it aside and refuses streams beyond it.
        let store = i64::from(options.partitions) * per_partition + limits.dead_max_bytes + limits.identity_max_bytes;
        let nats = Server::new(
            &programs,
            Settings {
                dir: folder.nats(),
                name: format!("tillstream-{}", Password::random()?.reveal()),
                port: ports.nats,
                monitor_port: Some(ports.nats_monitor),
                accounts: access::authorization(options.partitions, |role| secrets.nats(role)),
                sync_interval: SyncInterval::Always,
                max_payload_bytes: MAX_PAYLOAD_BYTES,
                // Room to enlarge a stream that is full.
                max_file_store_bytes: 4 * store.unsigned_abs(),
            },
        )?;
        Ok(Self { postgres, nats })
    }

    /// Makes the database cluster unless it is there.
    pub(crate) async fn init(&self, output: &Output) -> anyhow::Result<()> {
        output.say("looking after the database's data folder (the first time takes a few seconds)");
        Ok(self.postgres.init().await?)
    }

    /// How to start a server.
    pub(crate) fn launcher(&self, role: Role) -> Launch {
        let (postgres, nats) = (self.postgres.clone(), self.nats.clone());
        Box::new(move || {
            let command = if role == Role::Postgres { postgres.command(&[])? } else { nats.command()? };
            Ok((command, StopSignal::Interrupt))
        })
    }

    /// Waits until a server lets clients in.
    pub(crate) async fn ready(&self, role: Role) -> anyhow::Result<()> {
        match role {
            Role::Postgres => self.postgres.ready(POSTGRES_READY).await?,
            _ => self.nats.ready(NATS_READY).await?,
        }
        Ok(())
    }

    /// The database `postgres`, which is always there, as superuser.
    pub(crate) fn maintenance_url(&self) -> String {
        self.postgres.superuser_url("postgres")
    }

    pub(crate) fn database_url(&self) -> String {
        self.postgres.superuser_url(DATABASE)
    }

    pub(crate) fn database_url_of(&self, user: &str, secrets: &Secrets) -> String {
        self.postgres.url(user, secrets.postgres(user), DATABASE)
    }

    pub(crate) fn nats_url(&self) -> String {
        self.nats.url()
    }
}
