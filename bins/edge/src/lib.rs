//! The HTTP edge: authenticates, checks what a request alone decides, turns writes into commands on the bus and waits for
//! their outcome, and reads from PostgreSQL under row-level security.
//!
//! It never writes to PostgreSQL and never decides: what depends on the catalogue or on anything else that may change is
//! the worker's to decide, so that a repeated request has the same answer whatever has changed meanwhile.

mod address;
mod body;
mod caller;
mod commands;
mod config;
mod csv;
mod derive;
mod document;
mod door;
mod edge;
mod feed;
mod front;
mod hashing;
mod keys;
mod limits;
mod lockout;
mod marks;
mod middleware;
mod page;
mod parameters;
mod passwords;
mod prefer;
mod problem;
mod proof;
mod routes;
mod seat;
mod security;
mod seen;
mod serve;
mod sessions;
mod waiting;

pub use address::{ClientAddress, Network};
pub use config::Config;
pub use document::document;
pub use edge::Edge;
pub use serve::{router, run, serve};
