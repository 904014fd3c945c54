//! Price lists and promotions on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    id::{PriceListId, ProductId},
    money::Amount,
    pricing::{PriceList, Promotion},
    quantity::Quantity,
};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most prices that are set at once.
pub const MAX_PRICES: usize = 1_000;

/// A promotion to add, or to put in the place of the one with its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PromotionToPut {
    /// The promotion.
    pub promotion: Promotion,
    /// The version that who asks has seen; of a new one left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A price list to add, or to put in the place of the one with its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PriceListToPut {
    /// The list.
    pub list: PriceList,
    /// The version that who asks has seen; of a new one left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A promotion or a price list to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToEnd {
    /// Which.
    pub id: Uuid,
    /// The version that who asks has seen.
    pub version: u32,
}

/// Prices of a list to set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPrices {
    /// The list.
    pub list: PriceListId,
    /// Its prices, 1 to 1,000; others stay as they are.
    #[schema(min_items = 1, max_items = 1000)]
    pub prices: Vec<NewPrice>,
}

/// What a list asks for a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPrice {
    /// The product.
    pub product: ProductId,
    /// From how much of it in the basket on; any, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_quantity: Option<Quantity>,
    /// What one unit costs, in minor units; left out to have the list ask nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Amount>,
}
