//! How the parts reach NATS and PostgreSQL: as whom, and encrypted where others could listen.

use std::{fs, net::IpAddr};

use anyhow::Context;
use sqlx::postgres::PgConnectOptions;
use toml::Table;

use super::Finding;
use crate::{Role, folder::Folder};

pub(super) fn check(folder: &Folder) -> Vec<Finding> {
    let (mut plain, mut foreign) = (Vec::new(), Vec::new());
    for role in Role::PARTS {
        let path = folder.settings(role);
        let read = fs::read_to_string(&path).map_err(anyhow::Error::from).and_then(|text| Ok(text.parse::<Table>()?));
        let settings = match read.with_context(|| format!("read {}", path.display())) {
            Ok(settings) => settings,
            Err(failure) => return vec![Finding::failed("links", &failure, "start `pos up` again, which writes it")],
        };
        let user = role.user().unwrap_or_default();
        plain.extend(unencrypted(&settings).into_iter().map(|fault| format!("{role}: {fault}")));
        foreign.extend(foreign_users(&settings, user).into_iter().map(|fault| format!("{role}: {fault}")));
    }
    let good = "none leaves this machine in the clear";
    let advice = "write tls:// into bus.url, sslmode=verify-full into database.url: see docs/operations/security.md";
    vec![
        Finding::none("links", good, &plain, advice),
        Finding::none("users", "each part has its own", &foreign, "give each part the user that is meant for it"),
    ]
}

fn setting<'a>(settings: &'a Table, section: &str, key: &str) -> &'a str {
    settings.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_str).unwrap_or_default()
}

fn unencrypted(settings: &Table) -> Vec<String> {
    let nats = setting(settings, "bus", "url").split(',').map(str::trim).filter(|url| {
        let place = url.split_once("://").map_or(*url, |(_, place)| place);
        !url.starts_with("tls://") && !is_here(host(place))
    });
    let mut faults: Vec<_> = nats.map(|url| format!("{url} is not encrypted")).collect();
    let database = setting(settings, "database", "url");
    match database.parse::<PgConnectOptions>() {
        Ok(place) if is_here(place.get_host()) || database.contains("sslmode=verify-full") => {}
        Ok(place) => faults.push(format!("PostgreSQL at {} is reached without sslmode=verify-full", place.get_host())),
        // The address may hold a password, which the error might repeat.
        Err(_) => faults.push("database.url can't be read".to_owned()),
    }
    faults
}

/// The host of `user@host:port`, `host:port` or `[host]:port`.
fn host(place: &str) -> &str {
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let place = place.split('/').next().unwrap_or_default();
    match place.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    }
}

fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    // A path is a socket of this machine.
    host == "localhost" || host.starts_with('/') || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn foreign_users(settings: &Table, own: &str) -> Vec<String> {
    let nats = setting(settings, "bus", "user");
    let mut faults = Vec::new();
    if nats != own {
        faults.push(format!("is {nats} on NATS, not {own}"));
    }
    if let Ok(place) = setting(settings, "database", "url").parse::<PgConnectOptions>()
        && place.get_username() != format!("tillstream_{own}")
    {
        faults.push(format!("is {} in PostgreSQL, not tillstream_{own}", place.get_username()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(bus: &str, database: &str) -> Table {
        format!("[bus]\nurl = '{bus}'\nuser = 'sales'\n[database]\nurl = '{database}'\n").parse().unwrap()
    }

    #[test]
    fn what_leaves_the_machine_in_the_clear_is_found() {
        let here = "postgres://tillstream_sales:x@127.0.0.1/t";
        let away = "postgres://tillstream_sales:x@db.example.com/t";
        for (bus, database, faults) in [
            ("nats://127.0.0.1:4222", here.to_owned(), 0),
            ("nats://localhost:4222,nats://[::1]:4222", here.to_owned(), 0),
            ("tls://nats.example.com:4222", here.to_owned(), 0),
            ("nats://nats.example.com:4222", here.to_owned(), 1),
            ("nats://127.0.0.1, 10.0.0.1:4222", here.to_owned(), 1),
            ("nats://127.0.0.1@10.0.0.1:4222", here.to_owned(), 1),
            ("nats://127.0.0.1", format!("{away}?sslmode=verify-full"), 0),
            ("nats://127.0.0.1", format!("{away}?sslmode=require"), 1),
            ("nats://127.0.0.1", away.to_owned(), 1),
            ("nats://10.0.0.1", "no url".to_owned(), 2),
        ] {
            let found = unencrypted(&settings(bus, &database));
            assert_eq!(found.len(), faults, "{bus} {database}: {found:?}");
        }
    }

    #[test]
    fn a_part_under_another_name_is_found() {
        let own = settings("nats://127.0.0.1", "postgres://tillstream_sales:x@127.0.0.1/t");
        assert_eq!(foreign_users(&own, "sales"), [""; 0]);
        let root = settings("nats://127.0.0.1", "postgres://postgres:x@127.0.0.1/t");
        assert_eq!(foreign_users(&root, "sales"), ["is postgres in PostgreSQL, not tillstream_sales"]);
        assert_eq!(foreign_users(&own, "edge").len(), 2);
    }
}
