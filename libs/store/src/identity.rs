//! Who belongs to a merchant, and who may do what.

mod directory;
mod rights;
pub mod tills;

pub use directory::{Wanted, directories, save};
pub use rights::{Held, Who, judge, parties, rights, rights_of};
