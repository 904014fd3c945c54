//! What customers owe and collect, on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    account::{Payoff, Redemption},
    id::{CardPaymentId, CommandId, CustomerId, RegisterId, ShiftId, StoreId},
    identity::{Need, Permission, Place},
    loyalty::Rule,
    money::Amount,
    tender,
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::{Envelope, account::Account};

/// How much a customer may owe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HouseAccountToPut {
    /// Who.
    pub customer: CustomerId,
    /// Where it is done.
    pub store: StoreId,
    /// How much, in minor units: zero or more.
    pub limit: Amount,
}

/// What a customer pays of what they owe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountPayment {
    /// Who.
    pub customer: CustomerId,
    /// Where.
    pub store: StoreId,
    /// At which register: it counts in its shift.
    pub register: RegisterId,
    /// How much, in minor units; below zero to take back what was entered by mistake, which needs the permission
    /// `accounts.issue`.
    pub amount: Amount,
    /// With what: cash, card, voucher or custom.
    pub tender: tender::Kind,
    /// The card payment that took it, if a terminal did that is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<CardPaymentId>,
    /// When; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// Points that a customer turns into store credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PointsToRedeem {
    /// Who.
    pub customer: CustomerId,
    /// Where it is done.
    pub store: StoreId,
    /// How many: above zero.
    pub points: Amount,
}

/// A rule of points to put in the place of the merchant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoyaltyRuleToPut {
    /// The rule.
    pub rule: Rule,
    /// The version that who asks has seen; of the first one left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// The merchant's rule of points, which is to apply no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoyaltyRuleToEnd {
    /// The version that who asks has seen.
    pub version: u32,
}

/// A customer paid of what they owe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountPaid {
    /// Where.
    pub store: StoreId,
    /// At which register.
    pub register: RegisterId,
    /// In which shift it counts; in the next one, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftId>,
    /// How much, in minor units.
    pub amount: Amount,
    /// With what.
    pub tender: tender::Kind,
    /// The account as it stands since.
    pub account: Account,
}

impl HouseAccountToPut {
    pub(crate) fn need(&self) -> Need {
        Need::new(Permission::IssueAccounts, Place::Store(self.store))
    }
}

impl AccountPayment {
    /// What the domain decides on: this, of `customer`, with the id of the envelope in which it came.
    #[must_use]
    pub fn payoff(&self, envelope: &Envelope, customer: CustomerId) -> Payoff {
        Payoff { id: CommandId::new(envelope.id), customer, amount: self.amount, note: self.note.clone() }
    }

    pub(crate) fn need(&self) -> Need {
        let besides = self.amount.is_negative().then_some(Permission::IssueAccounts);
        Need::new(Permission::Sell, Place::Register(self.store, self.register)).and(besides.into_iter().collect())
    }
}

impl PointsToRedeem {
    /// What the domain decides on: this, of `customer`, with the id of the envelope in which it came.
    #[must_use]
    pub fn redemption(&self, envelope: &Envelope, customer: CustomerId) -> Redemption {
        Redemption { id: CommandId::new(envelope.id), customer, points: self.points }
    }

    pub(crate) fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Store(self.store))
    }
}
