//! Parked baskets.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tillstream_contract::{
    Envelope,
    basket::{BasketChanged, BasketTarget, NewBasket},
    sale::Event,
};
use tillstream_domain::{
    Rejection,
    basket::{Baskets, Target},
    id::{BasketId, MerchantId},
    sale::Books,
    time::Timestamp,
};
use tillstream_runtime::{Process, health::describe, sample::every};
use tillstream_store::{
    Error, PgConnection, PgPool,
    basket::{self as stored, BasketKey, Content},
    catalog,
};
use tracing::warn;

/// How often baskets that are over are forgotten, and how many of them at a time: more than all tills of a big chain park.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
const SWEEP_ROWS: i64 = 1_000;

/// What a batch needs to know of baskets.
#[derive(Debug, Default)]
pub(crate) struct Wanted(stored::Wanted);

/// The baskets of a batch, and what is in those that it parks.
#[derive(Debug)]
pub(crate) struct State {
    baskets: HashMap<MerchantId, Baskets>,
    contents: BTreeMap<BasketKey, Content>,
}

impl Wanted {
    pub(crate) fn park(&mut self, books: &mut catalog::Wanted, merchant: MerchantId, new: &NewBasket) {
        books.stores.insert((merchant, new.store));
        books.registers.insert((merchant, new.register));
        books.products.extend(new.draft.lines.iter().map(|line| (merchant, line.product)));
        self.0.stores.insert((merchant, new.store));
    }

    /// Adds what it takes to take or drop one.
    pub(crate) fn end(&mut self, books: &mut catalog::Wanted, merchant: MerchantId, target: &BasketTarget) {
        books.stores.insert((merchant, target.store));
        books.registers.insert((merchant, target.register));
        self.0.baskets.insert((merchant, target.basket));
    }

    /// After all else is locked.
    pub(crate) async fn load(self, conn: &mut PgConnection) -> Result<State, Error> {
        Ok(State { baskets: stored::lock(conn, &self.0).await?, contents: BTreeMap::new() })
    }
}

impl State {
    pub(crate) fn park(
        &mut self,
        books: &Books,
        envelope: &Envelope,
        new: &NewBasket,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let merchant = envelope.merchant;
        let parked = self.of(merchant).park(books, &new.parking(envelope), now).map(BasketChanged::from)?;
        let content = Content::new(new.name.clone(), &new.draft);
        self.contents.insert((merchant, BasketId::new(envelope.id)), content);
        Ok(Event::BasketParked(parked))
    }

    pub(crate) fn take(
        &mut self,
        books: &Books,
        envelope: &Envelope,
        target: &BasketTarget,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let target: Target = target.target(envelope);
        self.of(envelope.merchant).take(books, target, now).map(|basket| Event::BasketTaken(basket.into()))
    }

    pub(crate) fn drop(
        &mut self,
        books: &Books,
        envelope: &Envelope,
        target: &BasketTarget,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let target: Target = target.target(envelope);
        self.of(envelope.merchant).drop(books, target, now).map(|basket| Event::BasketDropped(basket.into()))
    }

    fn of(&mut self, merchant: MerchantId) -> &mut Baskets {
        self.baskets.entry(merchant).or_default()
    }

    pub(crate) async fn save(self, conn: &mut PgConnection) -> Result<(), Error> {
        let baskets: BTreeMap<_, _> = self.baskets.into_iter().collect();
        stored::save(conn, &baskets, &self.contents).await
    }
}

/// Forgets baskets that are over, now and then, so that their table stays small.
pub(crate) async fn sweep(process: Process, pool: PgPool) {
    every(&process.stop, SWEEP_EVERY, || async {
        let now = process.clock.now();
        let swept: Result<u64, Error> =
            async { stored::forget(&mut *pool.acquire().await?, now, SWEEP_ROWS).await }.await;
        if let Err(error) = swept {
            warn!(error = describe(&error), "baskets that are over cannot be forgotten; trying again later");
        }
    })
    .await;
}
