//! Users on the wire.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use tillstream_domain::{
    id::UserId,
    identity::{Email, Grant, PersonName, SecretHash, User},
};
use utoipa::ToSchema;
use uuid::Uuid;

/// A user to add. Their id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewUser {
    /// What people call them: 1 to 120 characters.
    #[schema(value_type = String, max_length = 120)]
    pub name: PersonName,
    /// With which they sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 254)]
    pub email: Option<Email>,
    /// The argon2id hash of their password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 256)]
    pub password: Option<SecretHash>,
    /// The argon2id hash of their PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 256)]
    pub pin: Option<SecretHash>,
    /// What they are, at most 32 grants.
    #[schema(max_items = 32)]
    pub grants: Vec<Grant>,
}

impl NewUser {
    /// The user, before it is decided whether they may be added.
    #[must_use]
    pub fn user(&self, id: Uuid) -> User {
        User {
            id: UserId::new(id),
            name: Some(self.name.clone()),
            email: self.email.clone(),
            password: self.password.clone(),
            pin: self.pin.clone(),
            invitation: None,
            grants: self.grants.clone(),
            version: 0,
            ended_at: None,
        }
    }
}

/// What to change of a user. What is left out stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserChange {
    /// Who.
    pub user: UserId,
    /// The version that who asks has seen.
    pub version: u32,
    /// What people call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 120)]
    pub name: Option<PersonName>,
    /// With which they sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 254)]
    pub email: Option<Email>,
}

/// What a user is from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Regrant {
    /// Who.
    pub user: UserId,
    /// The version that who asks has seen.
    pub version: u32,
    /// In place of the grants that they have, at most 32.
    #[schema(max_items = 32)]
    pub grants: Vec<Grant>,
}

/// A user who may set their password by a one-time code, within a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewInvitation {
    /// Who.
    pub user: UserId,
    /// SHA-256 of the code (32 bytes).
    #[schema(value_type = String, format = Binary)]
    pub code_hash: ByteArray<32>,
}

/// Another password of a user, who asks for it themself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPassword {
    /// Who.
    pub user: UserId,
    /// The argon2id hash of the password.
    #[schema(value_type = String, max_length = 256)]
    pub password: SecretHash,
    /// SHA-256 of the one-time code (32 bytes), from who does not know the present password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Binary)]
    pub code_hash: Option<ByteArray<32>>,
}

/// A user, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OneUser {
    /// Who.
    pub user: UserId,
}
