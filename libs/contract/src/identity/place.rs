//! Merchants, stores and registers on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{MerchantId, RegisterId, StoreId},
    identity::{Merchant, PlaceName, Register, RegisterCode, Store, TimeZone, UTC},
    money::Currency,
    tax::TaxRules,
};
use utoipa::ToSchema;
use uuid::Uuid;

/// A merchant to open: the one of the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewMerchant {
    /// The name, as receipts show it.
    #[schema(value_type = String, max_length = 120)]
    pub name: PlaceName,
    /// In which it sells, for good.
    pub currency: Currency,
    /// How it reckons tax, for good.
    pub rules: TaxRules,
}

impl NewMerchant {
    /// The merchant.
    #[must_use]
    pub fn merchant(&self, id: MerchantId) -> Merchant {
        Merchant { id, name: self.name.to_string(), currency: self.currency, rules: self.rules, version: 1 }
    }
}

/// What to change of the merchant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MerchantChange {
    /// The version that who asks has seen.
    pub version: u32,
    /// The name, as receipts show it from now on.
    #[schema(value_type = String, max_length = 120)]
    pub name: PlaceName,
}

/// A store to add. Its id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewStore {
    /// The name, as receipts show it, which no other store of the merchant has.
    #[schema(value_type = String, max_length = 120)]
    pub name: PlaceName,
    /// The time zone of its clock, by its name in the IANA database; UTC, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub time_zone: Option<TimeZone>,
}

impl NewStore {
    /// The store.
    #[must_use]
    pub fn store(&self, id: Uuid) -> Store {
        let time_zone = self.time_zone.as_ref().map_or_else(|| UTC.to_owned(), TimeZone::to_string);
        Store { id: StoreId::new(id), name: self.name.to_string(), time_zone, version: 1 }
    }
}

/// What to change of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreChange {
    /// Which.
    pub store: StoreId,
    /// The version that who asks has seen.
    pub version: u32,
    /// The name, as receipts show it from now on.
    #[schema(value_type = String, max_length = 120)]
    pub name: PlaceName,
    /// The time zone of its clock from now on, by its name in the IANA database; the one that it has, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub time_zone: Option<TimeZone>,
}

/// A register to add. Its id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewRegister {
    /// Where it stands.
    pub store: StoreId,
    /// Its short code, as receipts show it, which no other register of the store has.
    #[schema(value_type = String, max_length = 16)]
    pub code: RegisterCode,
}

impl NewRegister {
    /// The register.
    #[must_use]
    pub fn register(&self, id: Uuid) -> Register {
        Register { id: RegisterId::new(id), store: self.store, code: self.code.to_string() }
    }
}
