//! `pos deadletters`: what could not take effect, and what becomes of it.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use tillstream_bus::Bus;
use tillstream_contract::{Batch, Envelope, Message, dead::DeadLetter, receipt, sale, stock};

use crate::{console::out, operator::Place};

/// Letters asked for at a time.
const PAGE: usize = 100;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List dead letters, the oldest first
    List {
        #[command(flatten)]
        place: Place,
        /// Begin at this number
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        from: u64,
        /// Show no more than this
        #[arg(long, value_name = "COUNT", default_value_t = 1000)]
        limit: usize,
    },
    /// Show a dead letter with all that is in it, as JSON
    Show {
        #[command(flatten)]
        place: Place,
        /// Its number
        number: u64,
    },
    /// Send a dead letter back to where it came from, mended or as it is; what took effect meanwhile does not again
    Redrive {
        #[command(flatten)]
        place: Place,
        /// Its number
        number: u64,
        /// Send this body in place of its own: JSON, as `show` shows it under "body"
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
    },
    /// Drop a dead letter for good
    Drop {
        #[command(flatten)]
        place: Place,
        /// Its number
        number: u64,
    },
}

pub(crate) async fn command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { place, from, limit } => list(&place.connect().await?, from, limit).await,
        Command::Show { place, number } => {
            let letter = place.connect().await?.dead_letter(number).await?;
            out!("{:#}", as_json(number, &letter));
            Ok(())
        }
        Command::Redrive { place, number, body } => redrive(&place.connect().await?, number, body).await,
        Command::Drop { place, number } => {
            let bus = place.connect().await?;
            let letter = bus.dead_letter(number).await?;
            bus.drop_letter(number).await?;
            out!("dropped dead letter {number} for good: {}", summary(&letter));
            Ok(())
        }
    }
}

async fn list(bus: &Bus, from: u64, limit: usize) -> anyhow::Result<()> {
    let (mut next, mut shown) = (from, 0);
    while shown < limit {
        let page = bus.dead_letters(next, PAGE.min(limit - shown)).await?;
        let Some((last, _)) = page.last() else { break };
        next = last + 1;
        for (number, letter) in &page {
            out!("{number:>6}  {}  {}", letter.at, summary(letter));
            out!("        {} (tried {} times)", letter.reason, letter.attempts);
        }
        shown += page.len();
    }
    match shown {
        0 => out!("no dead letters"),
        _ if shown == limit => out!("{shown} shown; more with --from {next}"),
        _ => out!("{shown} in all; `pos deadletters show NUMBER` shows what is in one"),
    }
    Ok(())
}

async fn redrive(bus: &Bus, number: u64, body: Option<PathBuf>) -> anyhow::Result<()> {
    let letter = bus.dead_letter(number).await?;
    let Some(path) = body else {
        bus.redrive(number, None).await?;
        out!("sent dead letter {number} to {} again as it was: {}", letter.subject, summary(&letter));
        return Ok(());
    };
    let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let envelope = mend(&letter, &text).with_context(|| format!("put {} into dead letter {number}", path.display()))?;
    let id = envelope.id;
    bus.redrive(number, Some(Batch { envelopes: vec![envelope] }.encode())).await?;
    out!(
        "sent dead letter {number} to {} again with the body of {}; its id is still {id}",
        letter.subject,
        path.display()
    );
    Ok(())
}

/// The letter's one envelope with another body. Its id stays, so that it takes effect once, and so does the fingerprint
/// of what the client asked for, so that the client's repetition is known for what it is.
fn mend(letter: &DeadLetter, body: &[u8]) -> anyhow::Result<Envelope> {
    let batch = Batch::decode(&letter.payload)
        .context("it holds no envelope whose body could be replaced; drop it and submit anew")?;
    let count = batch.envelopes.len();
    let Ok([envelope]) = <[Envelope; 1]>::try_from(batch.envelopes) else {
        bail!("it holds {count} envelopes, and a body can replace that of one only");
    };
    let kind = kind(&envelope.kind)
        .with_context(|| format!("message kind {:?} is not known to this version", envelope.kind))?;
    let body = (kind.encode)(body).with_context(|| format!("read it as the body of {:?}", envelope.kind))?;
    Ok(Envelope { body: body.into(), ..envelope })
}

fn summary(letter: &DeadLetter) -> String {
    match Batch::decode(&letter.payload) {
        Ok(batch) => {
            let each: Vec<_> =
                batch.envelopes.iter().map(|e| format!("{} {} of merchant {}", e.kind, e.id, e.merchant)).collect();
            format!("{}: {}", letter.worker, each.join(", "))
        }
        Err(_) => format!("{}: {} bytes that are no message of ours", letter.worker, letter.payload.len()),
    }
}

fn as_json(number: u64, letter: &DeadLetter) -> Value {
    let mut shown = json!({
        "number": number,
        "worker": letter.worker,
        "subject": letter.subject,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "at": letter.at,
    });
    match Batch::decode(&letter.payload) {
        Ok(batch) => shown["envelopes"] = batch.envelopes.iter().map(envelope_as_json).collect(),
        Err(error) => {
            shown["payload_hex"] = hex::encode(&letter.payload).into();
            shown["payload_problem"] = tillstream_runtime::health::describe(&error).into();
        }
    }
    shown
}

fn envelope_as_json(envelope: &Envelope) -> Value {
    let mut shown = json!({
        "id": envelope.id,
        "kind": envelope.kind,
        "merchant": envelope.merchant,
        "actor": envelope.actor,
        "at": envelope.at,
        "trace": envelope.trace,
        "fingerprint": envelope.fingerprint.map(|fingerprint| hex::encode(fingerprint.as_slice())),
    });
    let unknown = || Err(anyhow::anyhow!("message kind {:?} is not known to this version", envelope.kind));
    match kind(&envelope.kind).map_or_else(unknown, |kind| (kind.show)(envelope)) {
        Ok(body) => shown["body"] = body,
        Err(error) => {
            shown["body_hex"] = hex::encode(&envelope.body).into();
            shown["body_problem"] = format!("{error:#}").into();
        }
    }
    shown
}

/// How the body of a message kind is shown and read.
struct Kind {
    show: fn(&Envelope) -> anyhow::Result<Value>,
    encode: fn(&[u8]) -> anyhow::Result<Vec<u8>>,
}

/// Every kind that a worker takes, and so may give up, and those that it makes.
fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "sale.submit.v1" => Kind {
            show: |envelope| {
                let sale::Command::Submit(body) = envelope.open()?;
                Ok(serde_json::to_value(body)?)
            },
            encode: |json| Ok(sale::Command::Submit(serde_json::from_slice(json)?).encode()),
        },
        "sale.recorded.v1" => Kind {
            show: |envelope| {
                let sale::Event::Recorded(body) = envelope.open()?;
                Ok(serde_json::to_value(body)?)
            },
            encode: |json| Ok(sale::Event::Recorded(serde_json::from_slice(json)?).encode()),
        },
        "stock.adjust.v1" => Kind {
            show: |envelope| {
                let stock::Command::Adjust(body) = envelope.open()?;
                Ok(serde_json::to_value(body)?)
            },
            encode: |json| Ok(stock::Command::Adjust(serde_json::from_slice(json)?).encode()),
        },
        "stock.moved.v1" => Kind {
            show: |envelope| {
                let stock::Event::Moved(body) = envelope.open()?;
                Ok(serde_json::to_value(body)?)
            },
            encode: |json| Ok(stock::Event::Moved(serde_json::from_slice(json)?).encode()),
        },
        "receipt.issued.v1" => Kind {
            show: |envelope| {
                let receipt::Event::Issued(body) = envelope.open()?;
                Ok(serde_json::to_value(body)?)
            },
            encode: |json| Ok(receipt::Event::Issued(serde_json::from_slice(json)?).encode()),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Owner;

    fn letter() -> DeadLetter {
        let body = format!(
            r#"{{"store":"{}","reason":"found","lines":[{{"product":"{}","delta":"1"}}]}}"#,
            Owner::Cafe.store(),
            Owner::Cafe.product(1)
        );
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let kind = kind("stock.adjust.v1").unwrap();
        let envelope = Envelope {
            id: Owner::Cafe.product(7).uuid(),
            kind: "stock.adjust.v1".to_owned(),
            merchant: Owner::Cafe.merchant(),
            actor: "operator".to_owned(),
            till: None,
            approval: None,
            fingerprint: None,
            at,
            origin: None,
            trace: None,
            reply: None,
            body: (kind.encode)(body.as_bytes()).unwrap().into(),
        };
        let payload = Batch { envelopes: vec![envelope] }.encode().to_vec().into();
        let (worker, subject, reason) = ("stock".to_owned(), "cmd.stock.0".to_owned(), "why".to_owned());
        DeadLetter { worker, subject, reason, attempts: 3, at, payload }
    }

    #[test]
    fn a_body_is_shown_as_json_and_taken_back_as_shown() {
        let letter = letter();
        let mut body = as_json(1, &letter)["envelopes"][0]["body"].clone();
        assert_eq!(body["lines"][0]["delta"], "1");
        body["lines"][0]["delta"] = "2".into();
        let mended = mend(&letter, body.to_string().as_bytes()).unwrap();
        assert_eq!(mended.id, Owner::Cafe.product(7).uuid());
        assert_eq!(envelope_as_json(&mended)["body"], body);
        assert!(mend(&letter, b"{}").is_err());
    }

    #[test]
    fn what_is_no_message_is_shown_as_bytes() {
        let letter = DeadLetter { payload: vec![0xc1].into(), ..letter() };
        assert_eq!(as_json(1, &letter)["payload_hex"], "c1");
        assert!(mend(&letter, b"{}").is_err());
    }
}
