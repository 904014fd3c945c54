//! Price lists, and the book of all that prices depend on.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Basket, BasketLine, Date, PriceSource, Promotion, PromotionName};
use crate::{
    Invalid,
    id::{GroupId, PriceListId, StoreId},
    money::Amount,
    quantity::Quantity,
    tax::TaxRules,
};

/// A list of prices, and when it applies. What is left out sets no condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PriceList {
    /// Its id.
    pub id: PriceListId,
    /// Its name, 1 to 120 characters.
    #[cfg_attr(feature = "schema", schema(value_type = String, max_length = 120))]
    pub name: PromotionName,
    /// Which of several lists counts: the highest.
    #[serde(default)]
    pub priority: i32,
    /// Only in these stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<StoreId>,
    /// Only for customers in one of these groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupId>,
    /// From this day on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Until this day, which is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

/// What a price list asks for a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ListedPrice {
    /// The list.
    pub list: PriceListId,
    /// From how much of the product in the basket on; any, if left out.
    #[serde(default)]
    pub from_quantity: Quantity,
    /// What one unit costs, not negative.
    pub unit_price: Amount,
}

impl PriceList {
    fn applies(&self, basket: &Basket) -> bool {
        (self.stores.is_empty() || self.stores.contains(&basket.store))
            && (self.groups.is_empty() || self.groups.iter().any(|group| basket.groups.contains(group)))
            && self.from.is_none_or(|from| from <= basket.at.date)
            && self.until.is_none_or(|until| basket.at.date <= until)
    }
}

/// All that prices depend on besides the basket: the rules of tax and rounding, price lists and promotions.
///
/// It is checked and put in order once, and then prices any number of baskets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct PriceBook {
    rules: TaxRules,
    lists: Vec<PriceList>,
    promotions: Vec<Promotion>,
}

#[derive(Serialize, Deserialize)]
struct Form {
    rules: TaxRules,
    #[serde(default)]
    lists: Vec<PriceList>,
    #[serde(default)]
    promotions: Vec<Promotion>,
}

impl PriceBook {
    /// Checks the promotions, and puts all in order: the highest priority first, of equals the lowest id.
    ///
    /// # Errors
    /// What [`Promotion::check`] refuses, and [`Invalid::Promotion`] if two have the same id.
    pub fn try_new(
        rules: TaxRules,
        mut lists: Vec<PriceList>,
        mut promotions: Vec<Promotion>,
    ) -> Result<Self, Invalid> {
        for promotion in &mut promotions {
            promotion.check()?;
            promotion.sort_names();
        }
        promotions.sort_by_key(|promotion| promotion.id);
        if promotions.windows(2).any(|pair| pair[0].id == pair[1].id) {
            return Err(Invalid::Promotion);
        }
        promotions.sort_by_key(|promotion| (Reverse(promotion.priority), promotion.id));
        lists.sort_by_key(|list| (Reverse(list.priority), list.id));
        Ok(Self { rules, lists, promotions })
    }

    /// The rules of tax and rounding.
    #[must_use]
    pub const fn rules(&self) -> TaxRules {
        self.rules
    }

    /// The promotions, the first to apply first.
    #[must_use]
    pub fn promotions(&self) -> &[Promotion] {
        &self.promotions
    }

    /// The lists that apply to a basket.
    pub(super) fn lists_for(&self, basket: &Basket) -> Vec<&PriceList> {
        self.lists.iter().filter(|list| list.applies(basket)).collect()
    }
}

impl TryFrom<Form> for PriceBook {
    type Error = Invalid;

    fn try_from(Form { rules, lists, promotions }: Form) -> Result<Self, Invalid> {
        Self::try_new(rules, lists, promotions)
    }
}

impl From<PriceBook> for Form {
    fn from(PriceBook { rules, lists, promotions }: PriceBook) -> Self {
        Self { rules, lists, promotions }
    }
}

/// What one unit of a line costs: the cashier's price, else that of the list with the highest priority, of several such
/// the lowest, else the catalogue's. `of_product` is how much of the product the whole basket holds.
pub(super) fn unit_price(lists: &[&PriceList], line: &BasketLine, of_product: i64) -> (Amount, PriceSource) {
    if let Some(price) = line.override_price {
        return (price, PriceSource::Override);
    }
    let reached = line.listed.iter().filter(|listed| listed.from_quantity.thousandths() <= of_product);
    let applying = reached.filter_map(|listed| Some((lists.iter().find(|list| list.id == listed.list)?, listed)));
    let best = applying.min_by_key(|(list, listed)| (Reverse(list.priority), listed.unit_price, list.id));
    best.map_or((line.unit_price, PriceSource::Catalogue), |(list, listed)| {
        (listed.unit_price, PriceSource::List { id: list.id, name: list.name.clone() })
    })
}
