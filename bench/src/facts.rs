//! What figures depend on: the machine and the versions.

use std::{path::Path, process::Command, thread};

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;
use sysinfo::System;
use tillstream_servers::Programs;

/// The machine and the versions.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    os: &'static str,
    architecture: &'static str,
    cores: usize,
    memory_gib: u64,
    tillstream: &'static str,
    postgres: String,
    nats: String,
    method: &'static str,
}

impl Facts {
    pub(crate) fn gather(services: &Path) -> anyhow::Result<Self> {
        let programs = Programs::find(Some(services))?;
        let mut system = System::new().context("look at the machine")?;
        system.refresh_memory();
        Ok(Self {
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            cores: thread::available_parallelism().context("count the cores")?.get(),
            memory_gib: system.total_memory().div_ceil(1 << 30),
            tillstream: env!("CARGO_PKG_VERSION"),
            postgres: version(&programs.postgres_bin().join("postgres"))?,
            nats: version(programs.nats_server())?,
            method: "both systems up, each with its own PostgreSQL with the same settings and fsync on; one loaded at a \
                     time, in turns, by the same client on the same machine; Tillstream's sales count when recorded, \
                     stocked and receipted, the conventional server's when answered after its commit",
        })
    }
}

fn version(program: &Path) -> anyhow::Result<String> {
    let run = Command::new(program).arg("--version").output().with_context(|| format!("run {}", program.display()))?;
    let said = String::from_utf8_lossy(&run.stdout);
    let is_version = |word: &&str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    let version = said.split_whitespace().find(is_version).context("find a version in what it says")?;
    Ok(version.trim_start_matches('v').to_owned())
}

/// As JSON, with three decimals.
pub(crate) fn json(figures: &impl Serialize) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(figures).context("write figures as JSON")?;
    round(&mut value);
    Ok(format!("{value:#}\n"))
}

fn round(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        Value::Number(number) if number.is_f64() => {
            if let Some(float) = number.as_f64() {
                *value = Value::from((float * 1000.0).round() / 1000.0);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_have_three_decimals() {
        let mut figures = json!({"a": [1.23456, 7, "1.23456"], "b": {"c": 0.1 + 0.2}});
        round(&mut figures);
        assert_eq!(figures, json!({"a": [1.235, 7, "1.23456"], "b": {"c": 0.3}}));
    }
}
