//! What a receipt says.

use serde::{Deserialize, Serialize};

use super::{Hash, Head, journal::Problem, json};
use crate::{
    id::{AccountId, MerchantId, PromotionId, RegisterId, SaleId, StoreId},
    money::{Amount, Currency},
    quantity::Quantity,
    sale::{self, Discount, Line, Original, Sale, Ticket, line_amount},
    tax::{self, CashStep, Component, Rate, Tax, TaxGroup, TaxRules, Taxes},
    tender::{self, Kind, Payment},
    time::Timestamp,
};

/// The highest version of [`Content`]. Version 2 has what version 1 has no words for: kinds other than sales, tickets,
/// discounts, tips, rounded cash, several taxes, more tenders. What version 1 can say is issued as that.
pub const VERSION: u8 = 2;

// Every struct here declares its fields in the order of canonical JSON (RFC 8785): serialising them is canonicalising
// them. Texts are plain strings, because a receipt must stay readable if the rules for new texts become stricter.

/// What a receipt says. All of it is hashed and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// What the part paid in cash was rounded by; absent if by nothing.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub cash_rounding: Amount,
    /// What went back in cash.
    pub change: Amount,
    /// The currency of all amounts.
    pub currency: Currency,
    /// When the receipt was issued.
    pub issued_at: Timestamp,
    /// What kind of document it is; absent for a sale.
    #[serde(default, skip_serializing_if = "sale::Kind::is_sale")]
    pub kind: sale::Kind,
    /// What was sold.
    pub lines: Vec<ContentLine>,
    /// Who sold.
    pub merchant: NamedMerchant,
    /// The total without tax.
    pub net: Amount,
    /// The cashier's remark; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// From 1, consecutive for each register.
    pub number: u64,
    /// What the customer paid with.
    pub payments: Vec<ContentPayment>,
    /// The hash of the register's previous receipt, zeros for the first.
    pub previous: Hash,
    /// At which till.
    pub register: CodedRegister,
    /// The sale.
    pub sale: SaleId,
    /// When the customer paid.
    pub sold_at: Timestamp,
    /// In which store.
    pub store: NamedStore,
    /// The tax in the total.
    pub tax: Amount,
    /// The rules by which tax and rounding were worked out.
    pub tax_rules: TaxRules,
    /// The taxes by rate, the lowest first.
    pub taxes: Vec<TaxGroup>,
    /// The number that the till gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// What the customer gave on top; absent if nothing.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub tip: Amount,
    /// What the customer owed.
    pub total: Amount,
    /// The version of this form, the lowest that can say it: 1 to [`VERSION`].
    pub version: u8,
    /// Of a void, the sale that it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voids: Option<SaleId>,
}

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContentLine {
    /// `quantity` × `unit_price`, rounded.
    pub amount: Amount,
    /// What was taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<ContentDiscount>,
    /// The product's name.
    pub name: String,
    /// What comes back, if it was sold by this merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// How much; below zero if it came back.
    pub quantity: Quantity,
    /// The product's stock-keeping unit.
    pub sku: String,
    /// The taxes of which it consists, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_components: Vec<Component>,
    /// The tax rate.
    pub tax_rate: Rate,
    /// What one unit cost.
    pub unit_price: Amount,
}

/// Something taken off a line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContentDiscount {
    /// How much.
    pub amount: Amount,
    /// Why.
    pub name: String,
    /// By which promotion; absent if by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionId>,
}

/// A payment on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContentPayment {
    /// The account of a gift card or of store credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// What was tendered in cash or charged to the card; below zero if it went back.
    pub amount: Amount,
    /// The card's brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Cash, card or another tender.
    pub kind: Kind,
    /// The last four digits of the card's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// What the merchant calls it, of a tender of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The reference of the terminal or the voucher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A merchant on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedMerchant {
    /// The merchant.
    pub id: MerchantId,
    /// The name of that moment.
    pub name: String,
}

/// A store on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedStore {
    /// The store.
    pub id: StoreId,
    /// The name of that moment.
    pub name: String,
}

/// A register on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CodedRegister {
    /// The code of that moment.
    pub code: String,
    /// The register.
    pub id: RegisterId,
}

impl Content {
    /// What the receipt of a sale says that comes next after `head`.
    #[must_use]
    pub fn of(sale: &Sale, head: &Head, issued_at: Timestamp) -> Self {
        let seller = sale.seller.clone();
        let mut content = Self {
            cash_rounding: sale.cash_rounding,
            change: sale.change,
            currency: sale.currency,
            issued_at,
            kind: sale.kind,
            lines: sale.lines.iter().map(ContentLine::of).collect(),
            merchant: NamedMerchant { id: seller.merchant, name: seller.merchant_name },
            net: sale.net,
            note: sale.note.clone().map(Into::into),
            number: head.number + 1,
            payments: sale.payments.iter().map(ContentPayment::of).collect(),
            previous: head.hash,
            register: CodedRegister { code: seller.register_code, id: seller.register },
            sale: sale.id,
            sold_at: sale.sold_at,
            store: NamedStore { id: seller.store, name: seller.store_name },
            tax: sale.tax,
            tax_rules: sale.rules,
            taxes: sale.taxes.clone(),
            ticket: sale.ticket,
            tip: sale.tip,
            total: sale.total,
            version: VERSION,
            voids: sale.voids,
        };
        content.version = content.least_version();
        content
    }

    /// The lowest version that can say it.
    fn least_version(&self) -> u8 {
        let plain = self.kind.is_sale()
            && self.ticket.is_none()
            && self.cash_rounding.is_zero()
            && self.tip.is_zero()
            && self.tax_rules.cash_step == CashStep::ONE
            && self.lines.iter().all(|line| line.discounts.is_empty() && line.tax_components.is_empty())
            && self.payments.iter().all(|payment| matches!(payment.kind, Kind::Cash | Kind::Card));
        if plain { 1 } else { VERSION }
    }

    /// Reads a receipt's canonical JSON.
    ///
    /// # Errors
    /// [`Problem::Content`] if it is no receipt, [`Problem::Version`] if it is one of another version,
    /// [`Problem::NotCanonical`] if it is written in any but the canonical form.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let content: Self = serde_json::from_str(text).map_err(|error| Problem::Content(error.to_string()))?;
        if !(1..=VERSION).contains(&content.version) {
            return Err(Problem::Version(content.version));
        }
        if content.canonical() != text || content.version != content.least_version() {
            return Err(Problem::NotCanonical);
        }
        Ok(content)
    }

    /// The canonical JSON (RFC 8785): what is hashed.
    #[must_use]
    pub fn canonical(&self) -> String {
        json(self)
    }

    /// Whether lines, taxes, totals, payments and change add up by the rules that the receipt names.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let rounding = self.tax_rules.rounding;
        let lines = self.lines.iter();
        let payments = self.payments.iter().map(|payment| (payment.kind, payment.amount));
        let stated = Taxes { groups: self.taxes.clone(), net: self.net, tax: self.tax, gross: self.total };
        lines.clone().all(|line| line_amount(line.quantity, line.unit_price, rounding) == Ok(line.amount))
            && self.taxes() == Some(stated)
            && self.balances(payments)
    }

    /// The taxes on its lines.
    fn taxes(&self) -> Option<Taxes> {
        let lines: Vec<_> = self.lines.iter().map(ContentLine::taxed).collect::<Option<_>>()?;
        tax::total(self.tax_rules, lines.iter().map(|(tax, due)| (tax, *due))).ok()
    }

    /// Whether the payments settle it, with the change and the rounding that it names.
    fn balances(&self, payments: impl Iterator<Item = (Kind, Amount)>) -> bool {
        tender::balance(payments, self.total, self.tip, self.tax_rules)
            .is_ok_and(|balance| balance.change == self.change && balance.cash_rounding == self.cash_rounding)
    }
}

impl ContentLine {
    /// How it is taxed, unless it says two things of that, and what is due for it.
    fn taxed(&self) -> Option<(Tax, Amount)> {
        let tax = match &self.tax_components[..] {
            [] => Tax::single(self.tax_rate),
            several => Tax::of(several.to_vec()).ok().filter(|tax| tax.rate() == self.tax_rate)?,
        };
        let due = self.discounts.iter().try_fold(self.amount, |due, discount| due.checked_sub(discount.amount))?;
        Some((tax, due))
    }

    fn of(line: &Line) -> Self {
        Self {
            amount: line.amount,
            discounts: line.discounts.iter().cloned().map(ContentDiscount::from).collect(),
            name: line.name.clone(),
            original: line.original,
            quantity: line.quantity,
            sku: line.sku.clone(),
            tax_components: line.tax.components().to_vec(),
            tax_rate: line.tax.rate(),
            unit_price: line.unit_price,
        }
    }
}

impl From<Discount> for ContentDiscount {
    fn from(discount: Discount) -> Self {
        let Discount { amount, name, promotion } = discount;
        Self { amount, name, promotion }
    }
}

impl ContentPayment {
    fn of(payment: &Payment) -> Self {
        let plain = Self {
            account: None,
            amount: payment.amount(),
            brand: None,
            kind: payment.kind(),
            last4: None,
            name: None,
            reference: None,
        };
        match payment.clone() {
            Payment::Cash { .. } | Payment::OnAccount { .. } => plain,
            Payment::Card { brand, last4, reference, .. } => Self {
                brand: brand.map(Into::into),
                last4: last4.map(Into::into),
                reference: reference.map(Into::into),
                ..plain
            },
            Payment::GiftCard { account, .. } | Payment::StoreCredit { account, .. } => {
                Self { account: Some(account), ..plain }
            }
            Payment::Voucher { reference, .. } => Self { reference: reference.map(Into::into), ..plain },
            Payment::Custom { name, reference, .. } => {
                Self { name: Some(name.into()), reference: reference.map(Into::into), ..plain }
            }
        }
    }
}
