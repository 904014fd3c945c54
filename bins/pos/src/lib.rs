//! The operator's tool `pos`, and [`Stack`]: the whole shop system on one machine, as `pos up` runs it.

mod backup;
mod cli;
mod console;
mod deadletters;
pub mod demo;
mod doctor;
mod down;
mod folder;
pub mod http;
mod journal;
pub mod load;
pub mod migrate;
mod operator;
mod owner;
mod patience;
mod run;
pub mod schemas;
mod secrets;
pub mod seed;
mod smoke;
pub mod stack;
mod streams;
mod terminal;
pub mod token;
pub mod topology;
pub mod torture;
mod up;
pub mod up_file;

pub use cli::main;
pub use console::Output;
pub use stack::{Role, Stack, StackOptions};
pub use up_file::UpFile;
