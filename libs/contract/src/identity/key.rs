//! API keys on the wire.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use tillstream_domain::{
    id::{KeyId, StoreId},
    identity::{Actor, ApiKey, KeyName, Permission},
    time::Timestamp,
};
use utoipa::ToSchema;
use uuid::Uuid;

/// An API key to make. Its id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    /// What people call it: 1 to 120 characters.
    #[schema(value_type = String, max_length = 120)]
    pub name: KeyName,
    /// SHA-256 of the key (32 bytes).
    #[schema(value_type = String, format = Binary)]
    pub hash: ByteArray<32>,
    /// What it may.
    #[schema(min_items = 1)]
    pub scopes: Vec<Permission>,
    /// In which stores, 1 to 32; in all, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 32)]
    pub stores: Option<Vec<StoreId>>,
    /// From when on it is no longer taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl NewKey {
    /// The key, before it is decided whether it may be made.
    #[must_use]
    pub fn key(&self, id: Uuid, made_by: Actor, made_at: Timestamp) -> ApiKey {
        ApiKey {
            id: KeyId::new(id),
            name: self.name.clone(),
            hash: self.hash.into_array(),
            scopes: self.scopes.iter().copied().collect(),
            stores: self.stores.as_ref().map(|stores| stores.iter().copied().collect()),
            made_by,
            made_at,
            expires_at: self.expires_at,
            version: 0,
            ended_at: None,
        }
    }
}

/// An API key to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revocation {
    /// Which.
    pub key: KeyId,
}
