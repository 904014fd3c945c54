//! The identity worker: keeps merchants, stores, registers, users and keys.

use std::process::ExitCode;

fn main() -> ExitCode {
    tillstream_runtime::main("identity-worker", tillstream_identity_worker::run)
}
