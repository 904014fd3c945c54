//! `pos doctor`: looks at everything that must hold in a running system, and says what to do about what does not.

mod broker;
mod database;
mod machine;
mod parts;
mod security;

use std::{fmt::Display, process::ExitCode};

use clap::Args;
use serde_json::json;

use crate::{UpFile, console::out, folder::Folder, operator::Data};

/// Options of `pos doctor`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    /// Look for what would let somebody in, or do more than is theirs: weak, shared, open and old secrets, rights of roles
    /// and users, row-level security, links that are not encrypted
    #[arg(long)]
    security: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What was looked at, and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    state: State,
    detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Fine,
    /// Nothing is lost or wrong, but somebody should know.
    Note,
    /// Something is wrong: what to do about it.
    Wrong(String),
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Note => "note",
            Self::Wrong(_) => "wrong",
        }
    }
}

impl Finding {
    fn fine(what: &'static str, detail: impl Display) -> Self {
        Self { what, state: State::Fine, detail: detail.to_string() }
    }

    fn note(what: &'static str, detail: impl Display) -> Self {
        Self { what, state: State::Note, detail: detail.to_string() }
    }

    fn wrong(what: &'static str, detail: impl Display, advice: impl Display) -> Self {
        Self { what, state: State::Wrong(advice.to_string()), detail: detail.to_string() }
    }

    /// Fine if there is nothing to name, else wrong.
    fn none(what: &'static str, good: impl Display, bad: &[String], advice: impl Display) -> Self {
        if bad.is_empty() { Self::fine(what, good) } else { Self::wrong(what, bad.join("; "), advice) }
    }

    fn to_json(&self) -> serde_json::Value {
        let Self { what, state, detail } = self;
        match state {
            State::Wrong(advice) => json!({ "check": what, "state": state.name(), "detail": detail, "advice": advice }),
            state => json!({ "check": what, "state": state.name(), "detail": detail }),
        }
    }

    /// What could not be looked at is wrong.
    fn failed(what: &'static str, failure: &anyhow::Error, advice: impl Display) -> Self {
        Self::wrong(what, format!("{failure:#}"), advice)
    }
}

pub(crate) async fn command(options: &Options) -> anyhow::Result<ExitCode> {
    let up = UpFile::read(&options.data.data)?;
    let folder = options.data.folder()?;
    let findings = if options.security { security::check(&up, &folder).await } else { health(&up, &folder).await };
    let wrong = findings.iter().filter(|finding| matches!(finding.state, State::Wrong(_))).count();
    if options.json {
        let findings: Vec<_> = findings.iter().map(Finding::to_json).collect();
        out!("{:#}", json!({ "findings": findings, "wrong": wrong }));
    } else {
        print(&findings);
        match wrong {
            0 => out!("\nall is well"),
            wrong => out!("\n{wrong} of {} checks found something wrong", findings.len()),
        }
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn health(up: &UpFile, folder: &Folder) -> Vec<Finding> {
    let mut findings = machine::check(&up.services, folder).await;
    findings.extend(parts::check(up).await);
    findings.extend(database::check(up).await);
    findings.extend(broker::check(up, folder).await);
    findings
}

fn print(findings: &[Finding]) {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    for Finding { what, state, detail } in findings {
        let word = match state {
            State::Wrong(_) => "WRONG",
            state => state.name(),
        };
        out!("{word:<5}  {what:<width$}  {detail}");
        if let State::Wrong(advice) = state {
            out!("{:<5}  {:<width$}  → {advice}", "", "");
        }
    }
}
