//! Who may use whom. Arrows point down: bins → runtime → {store, bus} → contract → domain.

use std::fs;

use crate::workspace::{Member, cargo, members, root};

const WIRE: &[&str] = &["contract", "domain"];
const WORK: &[&str] = &["runtime", "store", "bus", "contract", "domain"];
const ALL: &[&str] = &[
    "edge",
    "sales-worker",
    "stock-worker",
    "identity-worker",
    "receipts-worker",
    "terminal",
    "pos",
    "servers",
    "runtime",
    "store",
    "bus",
    "contract",
    "domain",
];

const BENCH: &[&str] = &["till-wasm", "pos", "servers", "runtime", "contract", "domain"];

/// Each crate, and the crates of ours that it may use. What only tests use may be `testkit` besides.
const ARROWS: [(&str, &[&str]); 18] = [
    ("domain", &[]),
    ("contract", &["domain"]),
    ("till", WIRE),
    ("till-wasm", &["domain"]),
    ("store", WIRE),
    ("bus", WIRE),
    ("terminal", &["domain"]),
    ("runtime", &["store", "bus", "contract", "domain"]),
    ("edge", WORK),
    ("sales-worker", &["terminal", "runtime", "store", "bus", "contract", "domain"]),
    ("stock-worker", WORK),
    ("identity-worker", WORK),
    ("receipts-worker", WORK),
    ("servers", &[]),
    ("pos", ALL),
    ("bench", BENCH),
    ("testkit", ALL),
    ("tidy", &[]),
];

/// Crates from outside that belong to a few of ours, for these have the right to know of them.
const HOMES: [(&str, &[&str]); 2] =
    // `servers` asks a database whether it is ready, `pos` is the database's operator, the others test or compare.
    [("sqlx", &["store", "servers", "pos", "testkit", "bench"]), ("async-nats", &["bus"])];

/// What would let `domain` read a clock, a disk, a network or random numbers.
const IMPURE: [&str; 6] = ["tokio", "sqlx", "async-nats", "rand", "getrandom", "iana-time-zone"];

#[test]
fn arrows_point_down() {
    for member in members() {
        let allowed = ARROWS.iter().find(|(name, _)| *name == member.name).map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("say here and in ARCHITECTURE.md what {} may use", member.name));
        for dependency in &member.dependencies {
            let Some(ours) = dependency.ours() else { continue };
            let fine = allowed.contains(&ours) || (dependency.dev && ours == "testkit");
            assert!(fine, "{} must not use {ours}", member.name);
        }
    }
}

#[test]
fn sql_and_nats_have_one_home_each() {
    for Member { name, dependencies, .. } in members() {
        for dependency in dependencies.iter().filter(|dependency| !dependency.dev) {
            let home = HOMES.iter().find(|(outside, _)| *outside == dependency.name);
            assert!(
                home.is_none_or(|(_, homes)| homes.contains(&name.as_str())),
                "{name} must not use {}",
                dependency.name
            );
        }
    }
}

#[test]
fn domain_is_pure() {
    let tree = cargo(&["tree", "--package", "tillstream-domain", "--edges", "normal", "--prefix", "none"]);
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        assert!(!IMPURE.contains(&name), "domain must not use {name}, not even through another crate");
    }
    let members = members();
    let domain = members.iter().find(|member| member.name == "domain").unwrap();
    let chrono = domain.dependencies.iter().find(|dependency| dependency.name == "chrono").unwrap();
    assert!(!chrono.default_features, "chrono's default features have a clock");
    for feature in ["clock", "now"] {
        assert!(!chrono.features.iter().any(|found| found == feature), "domain must not have chrono's {feature}");
    }
}

#[test]
fn every_crate_has_the_lints_and_version_of_the_workspace() {
    let version = fs::read_to_string(root().join("version.txt")).unwrap();
    for member in members() {
        assert_eq!(member.version, version.trim(), "version.txt and the version of {} differ", member.name);
        let manifest = fs::read_to_string(member.folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        let expected = if member.name == "till-wasm" { with_exports() } else { "workspace = true".parse().unwrap() };
        let lints = manifest.get("lints").and_then(toml::Value::as_table);
        assert_eq!(lints, Some(&expected), "{} needs `[lints] workspace = true`", member.name);
    }
}

/// The lints of the workspace for a crate that gives names to exports, which is an unsafe attribute: what is forbidden
/// elsewhere is denied there, so that each place says why it needs it.
fn with_exports() -> toml::Table {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    let mut lints = manifest["workspace"]["lints"].as_table().unwrap().clone();
    lints["rust"]["unsafe_code"] = "deny".into();
    lints
}
