//! Starts `PostgreSQL` and NATS as child processes, without Docker, as root or as an ordinary user.
//!
//! [`Programs`] says where the servers' programs are, [`postgres::Cluster`] and [`nats::Server`] start
//! them, and [`child::Child`] is what runs: it is waited for, stopped, and, when the run that started it
//! was killed, ended by the next one ([`child::reclaim`]).

pub mod child;
mod error;
pub mod nats;
mod password;
mod ports;
pub mod postgres;
mod programs;
mod ready;
mod user;

pub use error::Error;
pub use password::Password;
pub use ports::{free_listener, free_port, port_or_free};
pub use programs::Programs;
