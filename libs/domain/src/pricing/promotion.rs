//! Promotions: what is taken off by itself, of what, and when.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::{Basket, Coupon, Date, Hours, Miss, Percent, Weekday};
use crate::{
    Invalid,
    id::{CategoryId, GroupId, ProductId, PromotionId, StoreId},
    money::Amount,
    text::Text,
};

/// The most products, categories, stores or groups that one list of a promotion names.
pub const MAX_NAMED: usize = 10_000;

/// What a promotion or a price list is called, as printed.
pub type PromotionName = Text<120>;

/// A promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Promotion {
    /// Its id.
    pub id: PromotionId,
    /// Its name, as printed: 1 to 120 characters.
    #[cfg_attr(feature = "schema", schema(value_type = String, max_length = 120))]
    pub name: PromotionName,
    /// When it takes its turn: the highest first, of equals the lowest id.
    #[serde(default)]
    pub priority: i32,
    /// What it is for.
    #[serde(default)]
    pub scope: Scope,
    /// Products that it leaves alone, at most [`MAX_NAMED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<ProductId>,
    /// When it applies.
    #[serde(default)]
    pub conditions: Conditions,
    /// What it does.
    pub effect: Effect,
    /// It goes with no other: a line that it took from is closed to others, and it leaves alone what another took from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// How often it applies in one basket: groups of `buy_get` and of `bundle`, else units, the dearest first, and then
    /// weighed lines are left out. It says nothing of `basket_percent` and `basket_amount`, which apply once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u16>, minimum = 1))]
    pub limit: Option<NonZeroU16>,
}

/// What a promotion is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = PromotionScope))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    #[default]
    All,
    /// These products, 1 to [`MAX_NAMED`].
    Products(Vec<ProductId>),
    /// Products in these categories or below, 1 to [`MAX_NAMED`].
    Categories(Vec<CategoryId>),
}

/// When a promotion applies: when all of this holds. What is left out sets no condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = PromotionConditions))]
pub struct Conditions {
    /// The lines' amounts, before anything is taken off, are at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Amount>,
    /// The customer is in one of these groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupId>,
    /// The customer shows this coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, max_length = 64))]
    pub coupon: Option<Coupon>,
    /// It is one of these stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<StoreId>,
    /// From this day on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Until this day, which is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// On these days of the week.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// At these hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

/// What a promotion does. Amounts are not negative; nothing gets dearer, and nothing goes below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = PromotionEffect))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Takes this part off each line.
    Percent(Percent),
    /// Takes so much off each unit, of weighed goods in proportion.
    AmountOff(Amount),
    /// Each unit costs so much.
    UnitPrice(Amount),
    /// Of so many units some are cheaper, or free.
    BuyGet(BuyGet),
    /// So many units together cost so much: mix and match.
    Bundle(Bundle),
    /// Takes this part off the whole.
    BasketPercent(Percent),
    /// Takes so much off the whole.
    BasketAmount(Amount),
}

/// Who buys so many units gets so many more cheaper. Units are put in order, the dearest first, and make groups of
/// `buy` + `get`; in each group the last are the cheaper ones. What makes no full group stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BuyGetDeal))]
pub struct BuyGet {
    /// Units at their price.
    #[cfg_attr(feature = "schema", schema(value_type = u16, minimum = 1))]
    pub buy: NonZeroU16,
    /// Units that are cheaper.
    #[cfg_attr(feature = "schema", schema(value_type = u16, minimum = 1))]
    pub get: NonZeroU16,
    /// What is taken off those: 100 for free.
    pub percent: Percent,
}

/// So many units together cost so much. Units are put in order, the dearest first, and make groups as long as the group
/// gets cheaper by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BundleDeal))]
pub struct Bundle {
    /// Units.
    #[cfg_attr(feature = "schema", schema(value_type = u16, minimum = 1))]
    pub units: NonZeroU16,
    /// What they cost together.
    pub price: Amount,
}

impl Effect {
    /// Whether it is worked out on the whole basket, after all that is on lines.
    #[must_use]
    pub const fn is_of_basket(&self) -> bool {
        matches!(self, Self::BasketPercent(_) | Self::BasketAmount(_))
    }
}

impl Promotion {
    /// Checks what its types alone do not: no amount is negative, a part is more than nothing, a list of products or
    /// categories names 1 to [`MAX_NAMED`], other lists at most so many, and `from` is not after `until`.
    ///
    /// # Errors
    /// [`Invalid::Promotion`].
    pub fn check(&self) -> Result<(), Invalid> {
        let Conditions { minimum, groups, stores, from, until, .. } = &self.conditions;
        let fine = match self.effect {
            Effect::Percent(percent) | Effect::BasketPercent(percent) | Effect::BuyGet(BuyGet { percent, .. }) => {
                percent.millionths() > 0
            }
            Effect::AmountOff(amount) | Effect::BasketAmount(amount) => amount > Amount::ZERO,
            Effect::UnitPrice(amount) | Effect::Bundle(Bundle { price: amount, .. }) => !amount.is_negative(),
        };
        let named = match &self.scope {
            Scope::All => true,
            Scope::Products(products) => (1..=MAX_NAMED).contains(&products.len()),
            Scope::Categories(categories) => (1..=MAX_NAMED).contains(&categories.len()),
        };
        let bounded = [self.except.len(), groups.len(), stores.len()].into_iter().all(|count| count <= MAX_NAMED);
        let in_order = !matches!((from, until), (Some(from), Some(until)) if from > until);
        if fine && named && bounded && in_order && minimum.is_none_or(|minimum| !minimum.is_negative()) {
            Ok(())
        } else {
            Err(Invalid::Promotion)
        }
    }

    /// Sorts what is looked up.
    pub(super) fn sort_names(&mut self) {
        self.except.sort_unstable();
        match &mut self.scope {
            Scope::All => {}
            Scope::Products(products) => {
                products.sort_unstable();
                products.dedup();
            }
            Scope::Categories(categories) => {
                categories.sort_unstable();
                categories.dedup();
            }
        }
    }

    /// Why it does not apply to a basket, if it does not. `amount` is what the basket costs before anything is taken off.
    pub(super) fn missed_by(&self, basket: &Basket, amount: i128) -> Option<Miss> {
        let Conditions { minimum, groups, coupon, stores, from, until, weekdays, hours } = &self.conditions;
        let minimum = minimum.filter(|minimum| i128::from(minimum.get()) > amount);
        if coupon.as_ref().is_some_and(|coupon| !basket.shows(coupon)) {
            Some(Miss::CouponNotShown)
        } else if !stores.is_empty() && !stores.contains(&basket.store) {
            Some(Miss::OtherStore)
        } else if !groups.is_empty() && !groups.iter().any(|group| basket.groups.contains(group)) {
            Some(Miss::OtherGroup)
        } else if from.is_some_and(|from| basket.at.date < from) {
            Some(Miss::NotYet)
        } else if until.is_some_and(|until| basket.at.date > until) {
            Some(Miss::Over)
        } else if (!weekdays.is_empty() && !weekdays.contains(&basket.at.date.weekday()))
            || hours.is_some_and(|hours| !hours.contain(basket.at.time))
        {
            Some(Miss::OtherTime)
        } else {
            minimum.map(|minimum| Miss::BelowMinimum { minimum })
        }
    }
}
