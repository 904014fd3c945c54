//! Who belongs to a merchant, on the wire.
//!
//! Events name users by their ids alone, so that nothing about a person lasts in what is kept for ever.

mod key;
mod session;
mod till;
mod user;

use serde::{Deserialize, Serialize};
use tillstream_domain::identity::{Need, Permission, Place};
use utoipa::ToSchema;
use uuid::Uuid;

pub use key::{NewKey, Revocation};
pub use session::{Method, SignIn};
pub use till::{NewEnrolment, NewPin, NewTill, OneTill};
pub use user::{NewPassword, NewUser};

use crate::envelope::messages;

messages! {
    /// What the identity worker is told to do.
    Command {
        /// Add a user.
        AddUser(NewUser) = "identity.add_user.v1",
        /// Make an API key.
        MakeKey(NewKey) = "identity.make_key.v1",
        /// Revoke an API key.
        RevokeKey(Revocation) = "identity.revoke_key.v1",
        /// Set one's own password.
        SetPassword(NewPassword) = "identity.set_password.v1",
        /// Somebody has signed in, or wanted to.
        SignIn(SignIn) = "identity.sign_in.v1",
        /// Set a user's PIN.
        SetPin(NewPin) = "identity.set_pin.v1",
        /// Give out a one-time code for the enrolment of a till.
        InviteTill(NewEnrolment) = "identity.invite_till.v1",
        /// Enrol a till, by its code.
        EnrolTill(NewTill) = "identity.enrol_till.v1",
        /// Let a till do nothing any more.
        RevokeTill(OneTill) = "identity.revoke_till.v1",
    }
}

messages! {
    /// What the identity worker reports.
    Event {
        /// A user was added or changed.
        UserChanged(Changed) = "identity.user_changed.v1",
        /// An API key was made or revoked.
        KeyChanged(Changed) = "identity.key_changed.v1",
        /// A till was invited, enrolled or revoked: the id is its register's.
        TillChanged(Changed) = "identity.till_changed.v1",
    }
}

impl Event {
    /// What changed.
    #[must_use]
    pub fn changed(&self) -> &Changed {
        match self {
            Self::UserChanged(changed) | Self::KeyChanged(changed) | Self::TillChanged(changed) => changed,
        }
    }
}

/// Something was added or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// What: the id of the command that added it.
    pub id: Uuid,
    /// Counts its changes from 1.
    pub version: u32,
}

impl crate::Command for Command {
    fn need(&self) -> Need {
        match self {
            // Whether the grants are theirs to give is for the worker to decide.
            Self::AddUser(_) => Need::new(Permission::ManageUsers, Place::Anywhere),
            // Whether the key is for stores that are theirs to manage is for the worker to decide.
            Self::MakeKey(_) | Self::RevokeKey(_) => Need::new(Permission::ManageKeys, Place::Anywhere),
            Self::SetPassword(new) => Need::new(Permission::ManageOwn, Place::Own(new.user)),
            Self::SignIn(sign_in) => Need::new(Permission::ManageOwn, Place::Own(sign_in.user)),
            // Whoever works there may; whether the PIN is theirs to set is for the worker to decide.
            Self::SetPin(_) => Need::new(Permission::ReadCatalogue, Place::Anywhere),
            Self::InviteTill(NewEnrolment { store, .. }) | Self::RevokeTill(OneTill { store, .. }) => {
                Need::new(Permission::ManageRegisters, Place::Store(*store))
            }
            // What every till may, which it is about to be. The worker asks for the code instead.
            Self::EnrolTill(new) => Need::new(Permission::ReadCatalogue, Place::Store(new.store)),
        }
    }
}
