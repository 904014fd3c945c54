//! The operator's tool, and the whole shop system on one machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    tillstream_pos::main()
}
