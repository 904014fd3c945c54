//! The receipts worker: numbers, chains, signs and stores a receipt for each sale.

use std::process::ExitCode;

fn main() -> ExitCode {
    tillstream_runtime::main("receipts-worker", tillstream_receipts_worker::run)
}
