//! Parked baskets: what a till puts aside under a name, until it or another till of the store takes it up again.
//!
//! Nothing is priced and nothing moves while a basket is parked. Exactly one of those who try gets it.

mod rejection;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{
    Invalid, Rejection,
    id::{BasketId, RegisterId, StoreId, UserId},
    sale::{Books, Submission},
    text::Text,
    time::Timestamp,
};

pub use rejection::BasketRejection;

/// Baskets that are parked in a store at once, at the most.
pub const MAX_PARKED: usize = 500;
/// How long a basket stays parked, unless who parks it says otherwise: a day, in microseconds.
pub const PARKED_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// How long it stays parked at the most: 30 days, in microseconds.
pub const MAX_PARKED_MICROS: i64 = 30 * PARKED_MICROS;
/// How long it is remembered who took or dropped a basket, and that one expired: a day, in microseconds.
pub const KEPT_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// What people find a basket by.
pub type Name = Text<80>;

/// What became of a basket. One that has expired is still parked, and nobody gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BasketStatus))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits to be taken.
    #[default]
    Parked,
    /// A till goes on with it.
    Taken,
    /// It was thrown away.
    Dropped,
}

impl Status {
    const ALL: [Self; 3] = [Self::Parked, Self::Taken, Self::Dropped];

    /// The name in snake case, as in every format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Taken => "taken",
            Self::Dropped => "dropped",
        }
    }
}

impl FromStr for Status {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(Invalid::BasketStatus)
    }
}

/// Who did something to a basket, where and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BasketMark))]
pub struct Mark {
    /// At which register.
    pub register: RegisterId,
    /// Who, if it was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// When it was decided on.
    pub at: Timestamp,
}

/// A parked basket, but for what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// The id of the command that parked it.
    pub id: BasketId,
    /// In which store.
    pub store: StoreId,
    /// Who parked it.
    pub parked: Mark,
    /// From when on nobody gets it.
    pub expires_at: Timestamp,
    /// What became of it.
    pub status: Status,
    /// Who took or dropped it.
    pub ended: Option<Mark>,
}

/// A basket to park.
#[derive(Debug, Clone)]
pub struct Parking {
    /// The id of the command that carries it.
    pub id: BasketId,
    /// From when on nobody gets it; after a day, if none.
    pub expires_at: Option<Timestamp>,
    /// What is in it: a sale that nobody has paid yet.
    pub draft: Submission,
}

/// A basket to take or to drop.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Which.
    pub basket: BasketId,
    /// In which store.
    pub store: StoreId,
    /// At which register.
    pub register: RegisterId,
    /// By whom, if it is a person.
    pub by: Option<UserId>,
}

/// The baskets of a merchant that decisions ask for, and what becomes of them.
#[derive(Debug, Clone, Default)]
pub struct Baskets {
    known: BTreeMap<BasketId, Basket>,
    /// When those that are parked in a store expire: the last [`MAX_PARKED`] of them.
    ends: HashMap<StoreId, Vec<Timestamp>>,
    parked: BTreeSet<BasketId>,
    ended: BTreeSet<BasketId>,
}

impl Baskets {
    /// The baskets that are asked for, as they stand, and for each store in which one is to be parked when those that are
    /// parked there expire: the last [`MAX_PARKED`] of them.
    #[must_use]
    pub fn new(known: Vec<Basket>, ends: HashMap<StoreId, Vec<Timestamp>>) -> Self {
        let known = known.into_iter().map(|basket| (basket.id, basket)).collect();
        Self { known, ends, ..Self::default() }
    }

    /// Parks a basket.
    ///
    /// # Errors
    /// An unknown store, register or product, another currency than the merchant's, what [`Submission::check`] refuses, and
    /// [`BasketRejection::TooMany`], [`BasketRejection::ExpiryPast`] or [`BasketRejection::ExpiryTooFar`].
    pub fn park(&mut self, books: &Books, parking: &Parking, now: Timestamp) -> Result<&Basket, Rejection> {
        let Parking { id, expires_at, draft } = parking;
        check_place(books, draft.store, draft.register)?;
        check_draft(books, draft).map_err(|rejection| BasketRejection::Draft(Box::new(rejection)))?;
        let after = |micros: i64| Timestamp::from_micros(now.micros().saturating_add(micros));
        // Behind the year 9999 nothing is parked.
        let latest = after(MAX_PARKED_MICROS).map_err(|_| BasketRejection::ExpiryTooFar)?;
        let expires_at = match expires_at {
            Some(at) if *at <= now => return Err(BasketRejection::ExpiryPast.into()),
            Some(at) if *at > latest => return Err(BasketRejection::ExpiryTooFar.into()),
            Some(at) => *at,
            None => after(PARKED_MICROS).map_err(|_| BasketRejection::ExpiryTooFar)?,
        };
        let ends = self.ends.entry(draft.store).or_default();
        ends.retain(|end| *end > now);
        if ends.len() >= MAX_PARKED {
            return Err(BasketRejection::TooMany { max: MAX_PARKED }.into());
        }
        ends.push(expires_at);
        self.parked.insert(*id);
        let parked = Mark { register: draft.register, by: draft.cashier, at: now };
        let basket = Basket { id: *id, store: draft.store, parked, expires_at, status: Status::Parked, ended: None };
        Ok(self.known.entry(*id).insert_entry(basket).into_mut())
    }

    /// Gives a basket to a register, if nobody has it.
    ///
    /// # Errors
    /// An unknown store or register; [`BasketRejection::Unknown`], also of another store's; [`BasketRejection::Taken`],
    /// [`BasketRejection::Dropped`] or [`BasketRejection::Expired`].
    pub fn take(&mut self, books: &Books, target: Target, now: Timestamp) -> Result<&Basket, Rejection> {
        self.end(books, target, Status::Taken, now)
    }

    /// Throws a basket away, if nobody has it.
    ///
    /// # Errors
    /// As [`Baskets::take`].
    pub fn drop(&mut self, books: &Books, target: Target, now: Timestamp) -> Result<&Basket, Rejection> {
        self.end(books, target, Status::Dropped, now)
    }

    fn end(&mut self, books: &Books, target: Target, status: Status, now: Timestamp) -> Result<&Basket, Rejection> {
        let Target { basket: id, store, register, by } = target;
        check_place(books, store, register)?;
        let basket = self.known.get_mut(&id).filter(|basket| basket.store == store);
        let basket = basket.ok_or(BasketRejection::Unknown(id))?;
        match (basket.status, basket.ended) {
            (Status::Taken, Some(mark)) => return Err(BasketRejection::Taken { basket: id, mark }.into()),
            (Status::Dropped, _) => return Err(BasketRejection::Dropped(id).into()),
            _ if basket.expires_at <= now => return Err(BasketRejection::Expired(id).into()),
            _ => {}
        }
        basket.status = status;
        basket.ended = Some(Mark { register, by, at: now });
        self.ended.insert(id);
        if let Some(ends) = self.ends.get_mut(&store)
            && let Some(at) = ends.iter().position(|end| *end == basket.expires_at)
        {
            ends.swap_remove(at);
        }
        Ok(basket)
    }

    /// What changed: the baskets that were parked, and the others that were taken or dropped, each by id.
    #[must_use]
    pub fn changed(&self) -> (Vec<&Basket>, Vec<&Basket>) {
        let old = self.ended.difference(&self.parked);
        let of = |ids: &mut dyn Iterator<Item = &BasketId>| ids.filter_map(|id| self.known.get(id)).collect();
        (of(&mut self.parked.iter()), of(&mut old.into_iter()))
    }
}

/// A register of another store counts as unknown.
fn check_place(books: &Books, store: StoreId, register: RegisterId) -> Result<(), Rejection> {
    books.store(store).ok_or(Rejection::UnknownStore(store))?;
    let known = books.register(register).filter(|known| known.store.id == store);
    known.map(|_| ()).ok_or(Rejection::UnknownRegister(register))
}

fn check_draft(books: &Books, draft: &Submission) -> Result<(), Rejection> {
    draft.check()?;
    let expected = books.merchant().currency;
    if draft.currency != expected {
        return Err(Rejection::CurrencyMismatch { expected, found: draft.currency });
    }
    let unknown = draft.lines.iter().position(|line| books.product(line.product).is_none());
    match unknown {
        Some(line) => Err(Rejection::UnknownProduct { line, product: draft.lines[line].product }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
