//! Who belongs to a merchant, on the wire.
//!
//! Events name users by their ids alone, so that nothing about a person lasts in what is kept for ever.

mod key;
mod session;
mod user;

use serde::{Deserialize, Serialize};
use tillstream_domain::identity::{Need, Permission, Place};
use utoipa::ToSchema;
use uuid::Uuid;

pub use key::{NewKey, Revocation};
pub use session::{Method, SignIn};
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
    }
}

messages! {
    /// What the identity worker reports.
    Event {
        /// A user was added or changed.
        UserChanged(Changed) = "identity.user_changed.v1",
        /// An API key was made or revoked.
        KeyChanged(Changed) = "identity.key_changed.v1",
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
        }
    }
}
