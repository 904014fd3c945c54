//! Tills on the wire.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use tillstream_domain::{
    id::{RegisterId, StoreId, UserId},
    identity::SecretHash,
};
use utoipa::ToSchema;

/// A one-time code with which a device can be enrolled as the till of a register, within a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewEnrolment {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// SHA-256 of the code (32 bytes).
    #[schema(value_type = String, format = Binary)]
    pub code_hash: ByteArray<32>,
}

/// A device that brings the code and has proved to have the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewTill {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// SHA-256 of the code (32 bytes).
    #[schema(value_type = String, format = Binary)]
    pub code_hash: ByteArray<32>,
    /// The device's Ed25519 public key (32 bytes).
    #[schema(value_type = String, format = Binary)]
    pub public_key: ByteArray<32>,
}

/// A till, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OneTill {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
}

/// Another PIN of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPin {
    /// Who.
    pub user: UserId,
    /// The argon2id hash of the PIN, keyed with the pepper.
    #[schema(value_type = String, max_length = 256)]
    pub pin: SecretHash,
}
