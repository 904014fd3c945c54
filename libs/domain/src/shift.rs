//! Shifts at a register, and what is in its drawer: opened with a float, ended, counted, closed with a Z report.
//!
//! The totals of a shift are kept with it and grow with every sale, so that closing reads no sales, however many there are.

mod cash;
mod decide;
mod report;
mod tickets;
mod totals;

pub use cash::{Cash, Denomination, MAX_DENOMINATIONS};
pub use decide::{Closing, Counting, Entry, Opening, Target};
pub use report::{Reckoned, Report};
pub(crate) use tickets::under_way;
pub use tickets::{Gap, MAX_GAPS, Tickets};
pub use totals::{Documents, Sum, TaxTotal, TenderTotal, Totals};

use serde::{Deserialize, Serialize};

use crate::{
    id::{RegisterId, ShiftId, StoreId},
    identity::Actor,
    money::Currency,
    tender::Kind,
    time::Timestamp,
};

/// The drawer of a register: what its next decision depends on. It is kept as one document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Drawer {
    /// The number of the register's last Z report; 0 before the first. It only grows.
    pub number: u64,
    /// What all its Z reports come to.
    pub grand: Grand,
    /// The shift that is not closed yet.
    pub shift: Option<Shift>,
    /// What was sold in no shift: the next one that opens takes it up as late.
    pub waiting: Totals,
}

/// A shift that is not closed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// The id of the command that opened it.
    pub id: ShiftId,
    /// Where.
    pub spot: Spot,
    /// The currency of all amounts.
    pub currency: Currency,
    /// Whether whoever counts is not told what is expected.
    pub blind: bool,
    /// Who opened it, and when.
    pub opened: Mark,
    /// Who ended it, and when: what is sold later counts in the next.
    pub ended: Option<Mark>,
    /// What was in the drawer at the beginning.
    pub float: Cash,
    /// What went in and out besides sales.
    pub drawer: Movements,
    /// What was found at the end.
    pub counted: Option<Count>,
    /// What was sold in it.
    pub totals: Totals,
    /// What was sold before it opened, or in no shift, and arrived since the last Z report.
    pub late: Totals,
    /// The tickets of what was sold in it.
    pub tickets: Tickets,
}

/// Where a shift is, with the names of its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ShiftSpot))]
pub struct Spot {
    /// The store.
    pub store: StoreId,
    /// The store's name.
    pub store_name: String,
    /// The register.
    pub register: RegisterId,
    /// The register's code, as printed.
    pub register_code: String,
}

/// Who did something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ShiftMark))]
pub struct Mark {
    /// When, by the till's clock if it said so.
    pub at: Timestamp,
    /// Who: `operator`, or `user:`, `till:` or `key:` and an id.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "user:018f0000-0000-7000-8000-000000000001"))]
    pub by: Actor,
}

/// How far a shift has come. It only goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ShiftState))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Sales count in it.
    Open,
    /// Nobody sells on it any more; the drawer is counted.
    Ended,
    /// It has its Z report.
    Closed,
}

/// What a drawer is opened for besides sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DrawerUse))]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Cash goes in, for example small change.
    CashIn,
    /// Cash is paid out, for example for a delivery.
    CashOut,
    /// Cash goes to the safe.
    Drop,
    /// It is opened and nothing moves.
    NoSale,
}

/// What went in and out of a drawer besides sales, in minor units, none of it negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DrawerMovements))]
pub struct Movements {
    /// Put in.
    pub cash_in: Sum,
    /// Paid out.
    pub cash_out: Sum,
    /// Dropped to the safe.
    pub drops: Sum,
    /// How often it was opened without a sale and without cash.
    pub no_sales: u64,
}

/// What was found when a shift was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ShiftCounted))]
pub struct Count {
    /// Who counted, and when.
    pub mark: Mark,
    /// What there was of each tender that was counted.
    pub tenders: Vec<Counted>,
}

/// What was found of a tender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CountedTender))]
pub struct Counted {
    /// The tender.
    pub tender: Kind,
    /// What there is of it: for cash what is in the drawer, for others what their slips or the terminal's report come to.
    pub amount: Cash,
}

/// What all Z reports of a register come to, in minor units. It is never reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = GrandTotals))]
pub struct Grand {
    /// Documents: sales, returns, exchanges and voids.
    pub documents: u64,
    /// The total without tax.
    pub net: Sum,
    /// The tax.
    pub tax: Sum,
    /// The total: what was sold less what came back.
    pub gross: Sum,
    /// What came back, not negative.
    pub refunded: Sum,
}

impl Grand {
    /// With one more Z report.
    #[must_use]
    pub fn with(self, totals: &Totals) -> Self {
        let Totals { documents, net, tax, gross, refunded, .. } = *totals;
        self.and(Self { documents: documents.all(), net, tax, gross, refunded })
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            documents: self.documents.saturating_add(other.documents),
            net: self.net + other.net,
            tax: self.tax + other.tax,
            gross: self.gross + other.gross,
            refunded: self.refunded + other.refunded,
        }
    }
}

#[cfg(test)]
mod tests;
