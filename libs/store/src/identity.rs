//! Who belongs to a merchant, and who may do what.

mod accounts;
mod directory;
mod keys;
pub mod people;
mod places;
mod rights;
pub mod tills;

pub use accounts::{Account, Active, accounts, active, invited, merchant_name, password};
pub use directory::{Wanted, directories, save};
pub use keys::{KeyFound, KeyShown, key_of, keys};
pub use rights::{Held, Who, judge, parties, rights, rights_of};
