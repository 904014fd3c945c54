//! Who may do what.
//!
//! Every command and every read needs a [`Permission`] at a [`Place`]. People get permissions by [`Role`], in one store or
//! in all of a merchant; the matrix of roles and permissions is in [`Role::permissions`] and nowhere else.

mod actor;
mod code;
mod directory;
mod key;
mod permission;
mod pin;
mod place;
mod rights;
mod role;
mod till;
mod user;

pub use actor::Actor;
pub use code::OneTimeCode;
pub use directory::{Directory, Kept};
pub use key::{ApiKey, KeyName, MAX_KEY_STORES};
pub use permission::{Permission, Permissions};
pub use pin::Pin;
pub use place::{Merchant, PlaceName, Register, RegisterCode, Store, TimeZone, UTC};
pub use rights::{Need, Place, Reach, Rights};
pub use role::{Grant, MAX_GRANTS, Role};
pub use till::{ENROLMENT_MICROS, EnrolmentCode, Till};
pub use user::{Email, INVITATION_CHARS, INVITATION_MICROS, Invitation, PersonName, SecretHash, User};
