//! `pos journal verify`.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, stdin},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use tillstream_domain::receipt::{
    VerifyingKey,
    journal::{Fault, Summary, Verifier},
};

use super::is_standard;
use crate::console::out;

/// A receipt of 500 lines has 250 KB.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Options of `pos journal verify`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The export, - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A public key that may have signed, 64 hexadecimal digits; may be given several times. Without it the keys that the
    /// export itself lists are taken
    #[arg(long, value_name = "KEYHEX")]
    trust: Vec<VerifyingKey>,
}

pub(crate) fn command(options: Options) -> anyhow::Result<ExitCode> {
    let trusted = !options.trust.is_empty();
    let name = options.file.display().to_string();
    let verifier = Verifier::new(trusted.then_some(options.trust));
    let outcome = if is_standard(&options.file) {
        verify(verifier, BufReader::new(stdin().lock()))
    } else {
        let file = File::open(&options.file).with_context(|| format!("open {name}"))?;
        verify(verifier, BufReader::new(file))
    };
    match outcome.with_context(|| format!("read {name}"))? {
        Ok(summary) => {
            print(&summary);
            if trusted {
                out!("sound: numbers, hashes, chain, signatures and sums; signed by the keys that you trust");
            } else {
                out!("sound: numbers, hashes, chain, signatures and sums");
                out!(
                    "its keys are as the export itself declares; name the shop's own with --trust to know that it is the shop's"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            out!("BAD: {}", describe(&fault));
            out!("everything before it is sound; what follows has not been looked at");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn verify(mut verifier: Verifier, mut source: impl BufRead) -> anyhow::Result<Result<Summary, Fault>> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        source.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        let Some(text) = line.strip_suffix(b"\n") else {
            if line.len() as u64 >= MAX_LINE_BYTES {
                bail!("line {number} is longer than {MAX_LINE_BYTES} bytes: this is no journal");
            }
            if line.is_empty() {
                break;
            }
            // Cut off within a line: what is left of it is judged like any other.
            let text = String::from_utf8_lossy(&line).into_owned();
            match verifier.line(&text) {
                Ok(()) => break,
                Err(fault) => return Ok(Err(fault)),
            }
        };
        // What is no UTF-8 is no JSON; the replacement makes it fail as the line that it is.
        if let Err(fault) = verifier.line(&String::from_utf8_lossy(text)) {
            return Ok(Err(fault));
        }
    }
    Ok(verifier.finish())
}

fn print(summary: &Summary) {
    out!("merchant {}, exported at {}", summary.merchant, summary.exported_at);
    out!("{:<36}  {:>9}  {:>11}  totals", "register", "receipts", "last number");
    for register in &summary.registers {
        let totals: Vec<_> = register
            .totals
            .iter()
            .map(|(currency, total)| format!("{} {}", currency.code(), total.format(*currency)))
            .collect();
        out!("{:<36}  {:>9}  {:>11}  {}", register.register, register.count, register.number, totals.join(", "));
    }
    out!("{} receipts", summary.receipts);
}

fn describe(fault: &Fault) -> String {
    let place = match (fault.register, fault.number) {
        (Some(register), Some(number)) => format!(", receipt {number} of register {register}"),
        _ => String::new(),
    };
    format!("line {}{place}: {}", fault.line, fault.problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_journal_is_named_by_its_line() {
        let outcome = verify(Verifier::new(None), &b"\xff\xfe\n"[..]).unwrap().unwrap_err();
        assert!(describe(&outcome).starts_with("line 1: the line is no header"), "{}", describe(&outcome));
        let empty = verify(Verifier::new(None), &b""[..]).unwrap().unwrap_err();
        assert_eq!(describe(&empty), "line 1: the trailer is missing");
    }
}
