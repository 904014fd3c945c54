//! What a receipt says.

use serde::{Deserialize, Serialize};

use super::{Hash, Head, journal::Problem, json};
use crate::{
    id::{MerchantId, RegisterId, SaleId, StoreId},
    money::{Amount, Currency},
    quantity::Quantity,
    sale::{Line, Sale, line_amount},
    tax::{self, Rate, TaxGroup, TaxRules, Taxes},
    tender::{self, Kind, Payment},
    time::Timestamp,
};

/// The version of [`Content`] that is issued.
pub const VERSION: u8 = 1;

// Every struct here declares its fields in the order of canonical JSON (RFC 8785): serialising them is canonicalising
// them. Texts are plain strings, because a receipt must stay readable if the rules for new texts become stricter.

/// What a receipt says. All of it is hashed and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// What went back in cash.
    pub change: Amount,
    /// The currency of all amounts.
    pub currency: Currency,
    /// When the receipt was issued.
    pub issued_at: Timestamp,
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
    /// What the customer owed.
    pub total: Amount,
    /// The version of this form: [`VERSION`].
    pub version: u8,
}

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContentLine {
    /// `quantity` × `unit_price`, rounded.
    pub amount: Amount,
    /// The product's name.
    pub name: String,
    /// How much.
    pub quantity: Quantity,
    /// The product's stock-keeping unit.
    pub sku: String,
    /// The tax rate.
    pub tax_rate: Rate,
    /// What one unit cost.
    pub unit_price: Amount,
}

/// A payment on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ContentPayment {
    /// What was tendered in cash or charged to the card.
    pub amount: Amount,
    /// The card's brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Cash or card.
    pub kind: Kind,
    /// The last four digits of the card's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// The terminal's reference.
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
        Self {
            change: sale.change,
            currency: sale.currency,
            issued_at,
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
            total: sale.total,
            version: VERSION,
        }
    }

    /// Reads a receipt's canonical JSON.
    ///
    /// # Errors
    /// [`Problem::Content`] if it is no receipt, [`Problem::Version`] if it is one of another version,
    /// [`Problem::NotCanonical`] if it is written in any but the canonical form.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let content: Self = serde_json::from_str(text).map_err(|error| Problem::Content(error.to_string()))?;
        if content.version != VERSION {
            return Err(Problem::Version(content.version));
        }
        if content.canonical() != text {
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
        let taxes = Taxes { groups: self.taxes.clone(), net: self.net, tax: self.tax, gross: self.total };
        lines.clone().all(|line| line_amount(line.quantity, line.unit_price, rounding) == Ok(line.amount))
            && tax::total(self.tax_rules, lines.map(|line| (line.tax_rate, line.amount))) == Ok(taxes)
            && tender::balance(payments, self.total).is_ok_and(|(_, change)| change == self.change)
    }
}

impl ContentLine {
    fn of(line: &Line) -> Self {
        Self {
            amount: line.amount,
            name: line.name.clone(),
            quantity: line.quantity,
            sku: line.sku.clone(),
            tax_rate: line.tax_rate,
            unit_price: line.unit_price,
        }
    }
}

impl ContentPayment {
    fn of(payment: &Payment) -> Self {
        let (brand, last4, reference) = match payment.clone() {
            Payment::Cash { .. } => (None, None, None),
            Payment::Card { brand, last4, reference, .. } => {
                (brand.map(Into::into), last4.map(Into::into), reference.map(Into::into))
            }
        };
        Self { amount: payment.amount(), brand, kind: payment.kind(), last4, reference }
    }
}
