//! Who belongs to a merchant, and who may do what.

mod directory;
pub mod people;
mod places;
mod rights;

pub use directory::{Wanted, directories, save};
pub use rights::{Held, Who, judge, parties, rights, rights_of};
