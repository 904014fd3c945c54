//! `pos doctor`: looks at everything that must hold in a running system, and says what to do about what does not.

mod broker;
mod database;
mod machine;
mod parts;

use std::{fmt::Display, process::ExitCode};

use crate::{UpFile, console::out, operator::Data};

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

    /// What could not be looked at is wrong.
    fn failed(what: &'static str, failure: &anyhow::Error, advice: impl Display) -> Self {
        Self::wrong(what, format!("{failure:#}"), advice)
    }
}

pub(crate) async fn command(data: &Data) -> anyhow::Result<ExitCode> {
    let up = UpFile::read(&data.data)?;
    let folder = data.folder()?;
    let mut findings = machine::check(&up.services, &folder).await;
    findings.extend(parts::check(&up).await);
    findings.extend(database::check(&up).await);
    findings.extend(broker::check(&up, &folder).await);
    print(&findings);
    let wrong = findings.iter().filter(|finding| matches!(finding.state, State::Wrong(_))).count();
    if wrong == 0 {
        out!("\nall is well");
        return Ok(ExitCode::SUCCESS);
    }
    out!("\n{wrong} of {} checks found something wrong", findings.len());
    Ok(ExitCode::FAILURE)
}

fn print(findings: &[Finding]) {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    for Finding { what, state, detail } in findings {
        let word = match state {
            State::Fine => "ok",
            State::Note => "note",
            State::Wrong(_) => "WRONG",
        };
        out!("{word:<5}  {what:<width$}  {detail}");
        if let State::Wrong(advice) = state {
            out!("{:<5}  {:<width$}  → {advice}", "", "");
        }
    }
}
