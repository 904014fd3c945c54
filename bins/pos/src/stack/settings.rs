//! Ports, and the settings files of the parts.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::Context;
use tillstream_domain::receipt::VerifyingKey;
use tillstream_servers::{free_listener, port_or_free};
use toml::{Table, Value};

use super::{Role, Stack, StackOptions};
use crate::{
    folder::write_private,
    secrets::{PEPPER, earlier_files},
};

/// Where the edge listens if nobody says otherwise.
const EDGE_PORT: u16 = 8080;

/// Who listens where. Chosen at each start and kept through restarts of the parts.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    pub(crate) postgres: u16,
    pub(crate) nats: u16,
    pub(crate) nats_monitor: u16,
    edge: SocketAddr,
    workers: [u16; 4],
    terminal: u16,
}

impl Ports {
    pub(crate) fn choose(options: &StackOptions) -> anyhow::Result<Self> {
        let edge = match options.listen {
            Some(any) if any == SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) => free_listener()?.local_addr()?,
            Some(wanted) => {
                // Held but for this moment: the edge would only say so much later, in its own log.
                let listener = TcpListener::bind(wanted).with_context(|| {
                    format!("listen on {wanted}: choose another address with --listen, or stop what listens there")
                })?;
                listener.local_addr()?
            }
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, port_or_free(EDGE_PORT)?)),
        };
        // Held until all are chosen, so that no two are the same.
        let any = || free_listener().context("find a free port on 127.0.0.1");
        let held = [any()?, any()?, any()?, any()?, any()?, any()?, any()?, any()?];
        let port = |index: usize| held[index].local_addr().map(|address| address.port());
        let workers = [port(3)?, port(4)?, port(5)?, port(6)?];
        Ok(Self { postgres: port(0)?, nats: port(1)?, nats_monitor: port(2)?, edge, workers, terminal: port(7)? })
    }

    /// The edge, as this machine reaches it.
    pub(crate) fn edge_url(&self) -> String {
        let ip = match self.edge.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.edge.port()))
    }

    /// Where a part serves `/readyz` and `/metrics`; for NATS, its own monitoring.
    pub(crate) fn admin_url(&self, role: Role) -> String {
        let port = match role {
            Role::Edge | Role::Postgres => return self.edge_url(),
            Role::Nats => self.nats_monitor,
            Role::SalesWorker => self.workers[0],
            Role::StockWorker => self.workers[1],
            Role::ReceiptsWorker => self.workers[2],
            Role::IdentityWorker => self.workers[3],
            Role::Terminal => self.terminal,
        };
        format!("http://127.0.0.1:{port}")
    }
}

/// Connections that an edge on one machine takes.
const CONNECTIONS: i64 = 8192;

impl Stack {
    /// Writes `run/<role>.toml` for each of our own parts.
    pub(super) fn write_settings(&self) -> anyhow::Result<()> {
        for role in Role::PARTS {
            let text = toml::to_string(&self.settings_of(role)?).context("write settings as TOML")?;
            write_private(
                &self.folder.settings(role),
                &format!("# Written by `pos up` at each start; changes are lost.\n{text}"),
            )?;
        }
        Ok(())
    }

    fn settings_of(&self, role: Role) -> anyhow::Result<Table> {
        let user = role.user().unwrap_or_default();
        let bus = self.bus_settings_of(user);
        let mut process =
            table([("log_format", "text".into()), ("log_filter", self.options.log_filter.as_str().into())]);
        let mut settings = Table::new();
        if role == Role::Edge {
            settings.insert("listen".to_owned(), self.ports.edge.to_string().into());
            settings.insert("tokens".to_owned(), self.signing("tokens")?);
            let pepper = text(&self.folder.secrets().join(PEPPER));
            settings.insert("pins".to_owned(), table([("pepper_file", pepper)]).into());
            // All tills of one machine have one address, and as many may be tried out as there may be connections.
            let http =
                table([("max_connections", CONNECTIONS.into()), ("max_connections_per_address", CONNECTIONS.into())]);
            settings.insert("http".to_owned(), http.into());
        } else {
            let listen = self.ports.admin_url(role).replace("http://", "");
            process.insert("listen".to_owned(), listen.into());
        }
        if role == Role::ReceiptsWorker {
            settings.insert("signing".to_owned(), self.signing("receipts")?);
        }
        if role == Role::SalesWorker
            && let Some(sabotage) = &self.options.sabotage
        {
            settings.insert("worker".to_owned(), table([("sabotage", sabotage.as_str().into())]).into());
        }
        if role == Role::SalesWorker
            && let Some(url) = self.terminals()
        {
            settings.insert("terminal".to_owned(), table([("url", url.into())]).into());
        }
        let bus = [
            ("url", bus.url.into()),
            ("user", bus.user.into()),
            ("password", bus.password.into()),
            ("partitions", i64::from(bus.partitions).into()),
        ];
        let database = self.servers.database_url_of(&format!("tillstream_{user}"), &self.secrets);
        settings.insert("process".to_owned(), process.into());
        settings.insert("bus".to_owned(), table(bus).into());
        settings.insert("database".to_owned(), table([("url", database.into())]).into());
        Ok(settings)
    }

    /// The key of `signer`, and the public halves of those before it.
    fn signing(&self, signer: &str) -> anyhow::Result<Value> {
        let secrets = self.folder.secrets();
        let key = text(&secrets.join(format!("{signer}.ed25519")));
        Ok(table([("key_file", key), ("earlier_keys", earlier_keys(&secrets, signer)?.into())]).into())
    }
}

/// The public halves of the keys of `signer` that were in use before.
fn earlier_keys(secrets: &Path, signer: &str) -> anyhow::Result<Vec<String>> {
    let key = |path: &PathBuf| {
        let key = fs::read_to_string(path).map_err(anyhow::Error::from);
        let key = key.and_then(|text| Ok(text.trim().parse::<VerifyingKey>()?));
        Ok(key.with_context(|| format!("read the earlier key {}", path.display()))?.into())
    };
    earlier_files(secrets, signer)?.iter().map(key).collect()
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn text(path: &Path) -> Value {
    path.to_string_lossy().into_owned().into()
}

#[cfg(test)]
mod tests {
    use tillstream_domain::receipt::SigningKey;

    use super::*;

    #[test]
    fn earlier_keys_are_found_beside_the_one_in_use() {
        let secrets = tempfile::tempdir().unwrap();
        let [earlier, present] = [1, 2].map(|seed| String::from(SigningKey::from_seed(&[seed; 32]).verifying_key()));
        fs::write(secrets.path().join("receipts-1.pub"), format!("{earlier}\n")).unwrap();
        fs::write(secrets.path().join("receipts.pub"), present).unwrap();
        assert_eq!(earlier_keys(secrets.path(), "receipts").unwrap(), [earlier]);
        fs::write(secrets.path().join("receipts-2.pub"), "none").unwrap();
        let failure = format!("{:#}", earlier_keys(secrets.path(), "receipts").unwrap_err());
        assert!(failure.contains("receipts-2.pub"), "{failure}");
    }
}
