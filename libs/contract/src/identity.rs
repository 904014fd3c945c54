//! Who belongs to a merchant, on the wire.
//!
//! Events name users by their ids alone, so that nothing about a person lasts in what is kept for ever.

mod key;
mod place;
mod session;
mod user;

use serde::{Deserialize, Serialize};
use tillstream_domain::identity::{Need, Permission, Place};
use utoipa::ToSchema;
use uuid::Uuid;

pub use key::{NewKey, Revocation};
pub use place::{MerchantChange, NewMerchant, NewRegister, NewStore, StoreChange};
pub use session::{Method, SignIn};
pub use user::{NewInvitation, NewPassword, NewUser, OneUser, Regrant, UserChange};

use crate::envelope::messages;

messages! {
    /// What the identity worker is told to do.
    Command {
        /// Open a merchant. The operator alone does.
        OpenMerchant(NewMerchant) = "identity.open_merchant.v1",
        /// Change the merchant.
        ChangeMerchant(MerchantChange) = "identity.change_merchant.v1",
        /// Add a store.
        AddStore(NewStore) = "identity.add_store.v1",
        /// Change a store.
        ChangeStore(StoreChange) = "identity.change_store.v1",
        /// Add a register.
        AddRegister(NewRegister) = "identity.add_register.v1",
        /// Add a user.
        AddUser(NewUser) = "identity.add_user.v1",
        /// Change a user's name or e-mail address.
        ChangeUser(UserChange) = "identity.change_user.v1",
        /// Say what a user is.
        SetGrants(Regrant) = "identity.set_grants.v1",
        /// Give a user a one-time code for a password.
        InviteUser(NewInvitation) = "identity.invite_user.v1",
        /// Set one's own password.
        SetPassword(NewPassword) = "identity.set_password.v1",
        /// Let a user do nothing any more.
        DeactivateUser(OneUser) = "identity.deactivate_user.v1",
        /// Forget who a user is.
        EraseUser(OneUser) = "identity.erase_user.v1",
        /// Make an API key.
        MakeKey(NewKey) = "identity.make_key.v1",
        /// Revoke an API key.
        RevokeKey(Revocation) = "identity.revoke_key.v1",
        /// Somebody has signed in, or wanted to.
        SignIn(SignIn) = "identity.sign_in.v1",
    }
}

messages! {
    /// What the identity worker reports.
    Event {
        /// The merchant was opened or changed.
        MerchantChanged(Changed) = "identity.merchant_changed.v1",
        /// A store was added or changed.
        StoreChanged(Changed) = "identity.store_changed.v1",
        /// A register was added.
        RegisterChanged(Changed) = "identity.register_changed.v1",
        /// A user was added or changed.
        UserChanged(Changed) = "identity.user_changed.v1",
        /// An API key was made or revoked.
        KeyChanged(Changed) = "identity.key_changed.v1",
    }
}

impl Event {
    /// What changed.
    #[must_use]
    pub fn changed(&self) -> &Changed {
        match self {
            Self::MerchantChanged(changed)
            | Self::StoreChanged(changed)
            | Self::RegisterChanged(changed)
            | Self::UserChanged(changed)
            | Self::KeyChanged(changed) => changed,
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
            Self::OpenMerchant(_) => Need::new(Permission::OpenMerchant, Place::Merchant),
            Self::ChangeMerchant(_) | Self::EraseUser(_) => Need::new(Permission::ManageMerchant, Place::Merchant),
            Self::AddStore(_) => Need::new(Permission::ManageStores, Place::Merchant),
            Self::ChangeStore(change) => Need::new(Permission::ManageStores, Place::Store(change.store)),
            Self::AddRegister(new) => Need::new(Permission::ManageRegisters, Place::Store(new.store)),
            // Whether the user, and the grants, are theirs to govern is for the worker to decide.
            Self::AddUser(_)
            | Self::ChangeUser(_)
            | Self::SetGrants(_)
            | Self::InviteUser(_)
            | Self::DeactivateUser(_) => Need::new(Permission::ManageUsers, Place::Anywhere),
            Self::SetPassword(new) => Need::new(Permission::ManageOwn, Place::Own(new.user)),
            // Whether the key is for stores that are theirs to manage is for the worker to decide.
            Self::MakeKey(_) | Self::RevokeKey(_) => Need::new(Permission::ManageKeys, Place::Anywhere),
            Self::SignIn(sign_in) => Need::new(Permission::ManageOwn, Place::Own(sign_in.user)),
        }
    }
}
