//! What tokens say that are not for access.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{MerchantId, RegisterId, StoreId, UserId},
    identity::Permission,
};
use uuid::Uuid;

use super::Claims;

/// Somebody approves one command of somebody else, by their PIN at a till.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Who.
    pub by: UserId,
    /// What they approve.
    pub permission: Permission,
    /// The command: its id is the request's `Idempotency-Key`.
    pub command: Uuid,
    /// The merchant.
    pub merchant: MerchantId,
    /// The store in which it takes effect.
    pub store: StoreId,
    /// The till at which it was approved, and from which the command comes.
    pub till: RegisterId,
}

impl Claims for Approved {
    const AUDIENCE: &'static str = "tillstream-approval";
}

/// Somebody may sell at a till that does not reach the server. The till checks it by the server's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offline {
    /// Who.
    pub user: UserId,
    /// The merchant.
    pub merchant: MerchantId,
    /// The store.
    pub store: StoreId,
    /// The till, at which alone it counts.
    pub till: RegisterId,
    /// What they may there.
    pub permissions: Vec<Permission>,
    /// Seconds since the Unix epoch at which it was issued.
    pub iat: i64,
}

impl Claims for Offline {
    const AUDIENCE: &'static str = "tillstream-offline";
}
