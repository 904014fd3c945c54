//! Stock: a ledger of movements, whose sums are the levels.

use std::{collections::BTreeMap, fmt, iter, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    Invalid, Rejection, decimal,
    id::{CommandId, ProductId, StoreId},
    money::Overflow,
    quantity::Quantity,
    sale::{Books, check_count},
    text::Note,
    time::Timestamp,
};

/// One movement of one product in one store. Movements add up to levels in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Where.
    pub store: StoreId,
    /// What.
    pub product: ProductId,
    /// What came (above zero) or went (below).
    pub delta: Quantity,
    /// Why.
    pub reason: Reason,
    /// When it happened, by the clock of who reports it.
    pub occurred_at: Timestamp,
    /// The line of the document that it comes from, from 0; the document's id and this name the movement.
    pub line: u16,
}

/// Why stock moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// What was there at first.
    Opening,
    /// Sold.
    Sale,
    /// Came in.
    Received,
    /// Cannot be sold any more.
    Damaged,
    /// Stolen or missing.
    Lost,
    /// Turned up again.
    Found,
    /// An entry was wrong.
    Correction,
}

impl Reason {
    const ALL: [Self; 7] =
        [Self::Opening, Self::Sale, Self::Received, Self::Damaged, Self::Lost, Self::Found, Self::Correction];

    /// The name in snake case, as in every format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Sale => "sale",
            Self::Received => "received",
            Self::Damaged => "damaged",
            Self::Lost => "lost",
            Self::Found => "found",
            Self::Correction => "correction",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name).ok_or(Invalid::Reason)
    }
}

/// A change of stock that somebody reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// The command that carries it.
    pub id: CommandId,
    /// Where.
    pub store: StoreId,
    /// Why: neither [`Reason::Sale`] nor [`Reason::Opening`].
    pub reason: Reason,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What came (above zero) or went (below): 1 to 500 lines, none of zero.
    pub lines: Vec<(ProductId, Quantity)>,
    /// A remark.
    pub note: Option<Note>,
}

impl Adjustment {
    /// Checks what the adjustment alone decides.
    ///
    /// # Errors
    /// [`Rejection::ReasonNotAllowed`], [`Rejection::EmptyBasket`], [`Rejection::TooManyLines`] or
    /// [`Rejection::QuantityOutOfRange`] for a line of zero.
    pub fn check(&self) -> Result<(), Rejection> {
        if matches!(self.reason, Reason::Sale | Reason::Opening) {
            return Err(Rejection::ReasonNotAllowed(self.reason));
        }
        check_count(self.lines.len())?;
        match self.lines.iter().position(|&(_, delta)| delta == Quantity::ZERO) {
            Some(line) => Err(Rejection::QuantityOutOfRange { line }),
            None => Ok(()),
        }
    }
}

/// The movements of a sale's lines: what is sold goes out of the store.
pub fn sold(
    lines: impl IntoIterator<Item = (ProductId, Quantity)>,
    store: StoreId,
    occurred_at: Timestamp,
) -> Vec<Movement> {
    iter::zip(0.., lines)
        .map(|(line, (product, quantity))| Movement {
            store,
            product,
            delta: -quantity,
            reason: Reason::Sale,
            occurred_at,
            line,
        })
        .collect()
}

/// Decides on an adjustment: one movement for each line.
///
/// # Errors
/// What [`Adjustment::check`] refuses, and an unknown store or product.
pub fn adjust(books: &Books, adjustment: &Adjustment) -> Result<Vec<Movement>, Rejection> {
    adjustment.check()?;
    let Adjustment { store, reason, occurred_at, .. } = *adjustment;
    books.store(store).ok_or(Rejection::UnknownStore(store))?;
    iter::zip(0_u16.., &adjustment.lines)
        .map(|(line, &(product, delta))| {
            let unknown = Rejection::UnknownProduct { line: line.into(), product };
            books.product(product).ok_or(unknown)?;
            Ok(Movement { store, product, delta, reason, occurred_at, line })
        })
        .collect()
}

/// What movements add up to: thousandths of a unit, of either sign, as many as 64 bits count. A single movement is a
/// [`Quantity`]; a level may be the sum of millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, example = "98.5"))]
pub struct Level(i64);

impl Level {
    /// So many thousandths of a unit.
    #[must_use]
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// How many thousandths of a unit.
    #[must_use]
    pub const fn thousandths(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal::shortest(self.0, 3))
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

/// What the movements add up to, for each store and product.
///
/// # Errors
/// [`Overflow`] if a sum is beyond 64 bits.
pub fn deltas<'a>(
    movements: impl IntoIterator<Item = &'a Movement>,
) -> Result<BTreeMap<(StoreId, ProductId), Level>, Overflow> {
    let mut sums = BTreeMap::<_, i128>::new();
    for movement in movements {
        // Wider than a level, so that whether the sum fits does not depend on the order.
        *sums.entry((movement.store, movement.product)).or_default() += i128::from(movement.delta.thousandths());
    }
    sums.into_iter().map(|(level, sum)| Ok((level, i64::try_from(sum).map(Level).map_err(|_| Overflow)?))).collect()
}

#[cfg(test)]
mod tests;
