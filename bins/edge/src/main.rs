//! The HTTP edge: turns requests into messages, and reads.

use std::process::ExitCode;

fn main() -> ExitCode {
    tillstream_runtime::main("edge", tillstream_edge::run)
}
