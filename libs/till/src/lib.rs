//! What a till decides by itself: who may sell there while the server is out of reach.
//!
//! It is pure, without a clock, a disk or random numbers, so that it runs in a browser as WebAssembly and in tests alike. The
//! till brings the time, the salt and what its key store computes.
//!
//! Two things must hold: the PIN is the one that the server has accepted before at this till ([`Verifier`]), and the server
//! has said until when that person may sell there without it ([`grant`]).

pub mod grant;
mod verifier;

pub use verifier::{ATTEMPTS, Refusal, Verifier};
