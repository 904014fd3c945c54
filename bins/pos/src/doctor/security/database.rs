//! `PostgreSQL`: roles that may do more than is theirs, tables that show more than they should, doors that stand open.

use std::net::IpAddr;

use sqlx::PgConnection;
use tillstream_store::privilege::{self, Entrance, Privilege, declared};

use super::Finding;
use crate::{UpFile, operator};

/// What to do about a right that somebody has given.
const REVOKE: &str =
    "take it away again, as superuser: `revoke` or `alter role`; the migrations have what a role needs";

pub(super) async fn check(up: &UpFile) -> Vec<Finding> {
    let mut conn = match operator::connect_database(&up.database).await {
        Ok(conn) => conn,
        Err(failure) => {
            return vec![Finding::failed("postgres", &failure, "see what it printed, in the output of `pos up`")];
        }
    };
    let conn = &mut conn;
    vec![
        phrases("roles", "each part's role is no more than that", REVOKE, powers(conn).await),
        phrases("grants", "each role may do what is declared, and no more", REVOKE, grants(conn).await),
        phrases(
            "rows",
            "every table confines who reads it",
            "mend the policy as the migrations have it: without it a merchant may see another's rows",
            privilege::unconfined(conn).await,
        ),
        phrases(
            "schemas",
            "only their owner makes things in them",
            "`revoke create on schema NAME from public`: what somebody makes there may be called in place of what is meant",
            privilege::open_schemas(conn).await,
        ),
        phrases("hashes", "only the identity worker can read any", REVOKE, privilege::readable_secrets(conn).await),
        phrases(
            "functions",
            "none that runs with its owner's rights is open to all",
            "`alter function … set search_path`, `revoke execute … from public`",
            privilege::unsafe_functions(conn).await,
        ),
        phrases(
            "role passwords",
            "all are stored as SCRAM",
            "set password_encryption to scram-sha-256 and run `pos migrate --passwords DIR`",
            privilege::weak_passwords(conn).await,
        ),
        entrances(conn).await,
        phrases(
            "connections",
            "none from another machine is in the clear",
            "encrypt: see docs/operations/security.md",
            privilege::plain_connections(conn).await,
        ),
    ]
}

/// What has been looked up, as a finding.
fn phrases(what: &'static str, good: &str, advice: &str, bad: Result<Vec<String>, tillstream_store::Error>) -> Finding {
    match bad {
        Ok(bad) => Finding::none(what, good, &bad, advice),
        Err(error) => unanswered(what, error),
    }
}

fn unanswered(what: &'static str, error: tillstream_store::Error) -> Finding {
    Finding::failed(what, &error.into(), "connect as a superuser; if that does not help, run `pos migrate`")
}

async fn powers(conn: &mut PgConnection) -> Result<Vec<String>, tillstream_store::Error> {
    let mut powers = privilege::powers(&mut *conn).await?;
    powers.extend(privilege::strangers(conn).await?);
    Ok(powers)
}

async fn grants(conn: &mut PgConnection) -> Result<Vec<String>, tillstream_store::Error> {
    let declared = declared();
    let found = privilege::privileges(conn).await?;
    let phrase = |Privilege { role, table, action }: &Privilege| format!("{role} may {action} {table}");
    Ok(found.iter().filter(|found| !declared.contains(found)).map(phrase).collect())
}

async fn entrances(conn: &mut PgConnection) -> Finding {
    match privilege::entrances(conn).await {
        Ok(entrances) => {
            let bad: Vec<_> = entrances.iter().filter_map(fault).collect();
            let advice = "write scram-sha-256 in pg_hba.conf, and have PostgreSQL reload it";
            Finding::none("entrances", "everybody from elsewhere must show a password", &bad, advice)
        }
        Err(error) => unanswered("entrances", error),
    }
}

/// What is wrong with a line of `pg_hba.conf`.
fn fault(entrance: &Entrance) -> Option<String> {
    let Entrance { line, kind, address, netmask, method } = entrance;
    let (Some(kind), Some(method)) = (kind, method) else {
        return Some(format!("line {line} of pg_hba.conf can't be read"));
    };
    let address = address.as_deref().filter(|address| !is_here(address, netmask.as_deref()))?;
    match (method.as_str(), kind.as_str()) {
        ("trust", _) => Some(format!("line {line} of pg_hba.conf lets anybody at {address} in without a password")),
        ("password", kind) if kind != "hostssl" => {
            Some(format!("line {line} of pg_hba.conf takes passwords in the clear from {address}"))
        }
        _ => None,
    }
}

/// Whether only this machine is meant. A mask without the first bits means everybody, whatever the address.
fn is_here(address: &str, netmask: Option<&str>) -> bool {
    let whole = |mask: &str| mask.starts_with("255.") || mask == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    address == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()) && netmask.is_some_and(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrance(kind: &str, address: Option<&str>, method: &str) -> Entrance {
        Entrance {
            line: 1,
            kind: Some(kind.to_owned()),
            address: address.map(|address| address.split('/').next().unwrap().to_owned()),
            netmask: address.and_then(|address| address.split_once('/')).map(|(_, mask)| mask.to_owned()),
            method: Some(method.to_owned()),
        }
    }

    #[test]
    fn doors_for_strangers_are_found() {
        for (kind, address, method, bad) in [
            ("local", None, "trust", false),
            ("host", Some("127.0.0.1/255.255.255.255"), "trust", false),
            ("host", Some("::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "trust", false),
            ("host", Some("localhost"), "trust", false),
            ("host", Some("10.0.0.0"), "scram-sha-256", false),
            ("hostssl", Some("10.0.0.0"), "password", false),
            ("hostssl", Some("10.0.0.0"), "trust", true),
            ("host", Some("all"), "trust", true),
            ("host", Some("127.0.0.1/0.0.0.0"), "trust", true),
            ("host", Some("samenet"), "trust", true),
            ("host", Some("10.0.0.0"), "password", true),
        ] {
            assert_eq!(fault(&entrance(kind, address, method)).is_some(), bad, "{kind} {address:?} {method}");
        }
        let broken = Entrance { line: 7, kind: None, address: None, netmask: None, method: None };
        assert_eq!(fault(&broken).unwrap(), "line 7 of pg_hba.conf can't be read");
    }
}
