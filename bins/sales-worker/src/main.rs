//! The sales worker: records sales.

use std::process::ExitCode;

fn main() -> ExitCode {
    tillstream_runtime::main("sales-worker", tillstream_sales_worker::run)
}
