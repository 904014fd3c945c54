//! `pos streams`: what is on the broker, taken again or carried to another one.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use tillstream_bus::{
    Bus,
    topology::{Limits, Topology},
};
use tillstream_domain::time::Timestamp;

use crate::{console::out, operator::Place};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Have the workers take again what was published since a moment, over a database restored to before it
    Replay {
        #[command(flatten)]
        place: Place,
        /// That moment or one before it, as in 2026-11-23T05:17:00Z; too early costs time and nothing else
        #[arg(long, value_name = "TIME")]
        since: Timestamp,
    },
    /// Write all that the streams hold into a new file
    Save {
        #[command(flatten)]
        place: Place,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Publish the commands and events of a file; what took effect before does not again
    Load {
        #[command(flatten)]
        place: Place,
        /// What `save` has written
        file: PathBuf,
        /// Also the dead letters; over a NATS that has them already there would be two of each
        #[arg(long)]
        letters: bool,
    },
}

/// A line of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Line {
    /// A message.
    Message {
        /// Where it was published.
        subject: String,
        /// Its bytes, hexadecimal.
        payload: String,
    },
    /// The last line: how many messages there are.
    End {
        /// So many.
        messages: u64,
    },
}

pub(crate) async fn command(command: Command) -> anyhow::Result<()> {
    let (Command::Replay { place, .. } | Command::Save { place, .. } | Command::Load { place, .. }) = &command;
    let bus = place.connect().await?;
    // Limits are left as they are; names are all that matters here.
    let topology = Topology::declare(bus.partitions(), &Limits::default());
    match command {
        Command::Replay { since, .. } => {
            for (consumer, messages) in topology.replay(&bus, since).await? {
                out!("{consumer}: {messages} bus messages to take again");
            }
            out!("what the database knows already changes nothing");
        }
        Command::Save { out, .. } => {
            let messages = save(&topology, &bus, &out).await?;
            out!("{messages} messages written to {}", out.display());
        }
        Command::Load { file, letters, .. } => {
            let messages = load(&bus, &file, letters).await?;
            out!("{messages} messages published");
        }
    }
    Ok(())
}

/// It holds every sale that is under way: for this user's eyes only, and there whole or not at all.
async fn save(topology: &Topology, bus: &Bus, path: &Path) -> anyhow::Result<u64> {
    let context = || format!("write {}", path.display());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(dir).with_context(context)?);
    let mut messages = 0;
    for stream in topology.streams() {
        messages += bus
            .each_kept(stream, |kept| {
                let line = Line::Message { subject: kept.subject, payload: hex::encode(kept.payload) };
                write(&mut file, &line).with_context(context)
            })
            .await?;
    }
    write(&mut file, &Line::End { messages }).with_context(context)?;
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(context)?;
    file.as_file().sync_all().with_context(context)?;
    file.persist_noclobber(path).with_context(context)?;
    Ok(messages)
}

fn write(file: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    Ok(file.write_all(b"\n")?)
}

/// Reads the file twice: one that is cut short publishes nothing.
async fn load(bus: &Bus, path: &Path, letters: bool) -> anyhow::Result<u64> {
    let (mut messages, mut published, mut end) = (0, 0, None);
    for line in lines(path)? {
        ensure!(end.is_none(), "{} goes on after its end", path.display());
        match line? {
            Line::Message { .. } => messages += 1,
            Line::End { messages } => end = Some(messages),
        }
    }
    ensure!(end == Some(messages), "{} is cut short: it holds {messages} messages and no matching end", path.display());
    for line in lines(path)? {
        if let Line::Message { subject, payload } = line?
            && (letters || !subject.starts_with("dead."))
        {
            let payload = hex::decode(payload).with_context(|| format!("read {}", path.display()))?;
            bus.publish(subject, payload.into()).await.context("publish; to load the file again does no harm")?;
            published += 1;
        }
    }
    Ok(published)
}

fn lines(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Line>>> {
    let context = format!("read {}", path.display());
    let file = File::open(path).with_context(|| context.clone())?;
    let lines = BufReader::new(file).lines().enumerate();
    Ok(lines.map(move |(index, line)| {
        let line = line.with_context(|| context.clone())?;
        serde_json::from_str(&line).with_context(|| format!("{context}, line {}", index + 1))
    }))
}
