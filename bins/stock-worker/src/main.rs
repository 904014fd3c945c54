//! The stock worker: moves stock for sales and adjusts it by hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    tillstream_runtime::main("stock-worker", tillstream_stock_worker::run)
}
