//! Price lists and promotions: those of the merchants of a batch, and changes to them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use tillstream_contract::{
    identity::Changed,
    price::{NewPrice, NewPrices, PriceListToPut, PromotionToPut, ToEnd},
    sale::Event,
};
use tillstream_domain::{
    Rejection,
    id::{MerchantId, ProductId, StoreId},
    pricing::{LocalTime, PriceBook},
    quantity::Quantity,
    sale::Books,
    time::Timestamp,
};
use tillstream_store::{
    Error, PgConnection,
    price::{self as stored, Changes, Versioned},
};

/// The books of prices that were read last, by merchant and version: they are read again only when they have changed.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<HashMap<MerchantId, Kept>>);

/// A book and its version; none where all has ended.
type Kept = (i32, Option<Arc<PriceBook>>);

/// Merchants whose books are kept at the most.
const KEPT: usize = 10_000;

impl Cache {
    /// Gives every merchant's books their price lists and promotions, and products what lists ask for them.
    pub(crate) async fn complete(
        &self,
        conn: &mut PgConnection,
        books: &mut HashMap<MerchantId, Books>,
        products: &BTreeSet<(MerchantId, ProductId)>,
    ) -> Result<(), Error> {
        let merchants: BTreeSet<_> = books.keys().copied().collect();
        let versions = stored::versions(conn, &merchants).await?;
        if versions.is_empty() {
            return Ok(());
        }
        let wanted = products.iter().filter(|(merchant, _)| versions.contains_key(merchant)).copied().collect();
        let mut listed = stored::listed(conn, &wanted).await?;
        for (merchant, version) in versions {
            let Some(of) = books.remove(&merchant) else { continue };
            let book = self.book(conn, &of, version).await?;
            let prices = |product: ProductId| listed.remove(&(merchant, product)).unwrap_or_default();
            books.insert(merchant, of.with_prices(book, prices));
        }
        Ok(())
    }

    async fn book(
        &self,
        conn: &mut PgConnection,
        books: &Books,
        version: i32,
    ) -> Result<Option<Arc<PriceBook>>, Error> {
        let merchant = books.merchant();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&merchant.id).cloned();
        if let Some((of, book)) = kept
            && of == version
        {
            return Ok(book);
        }
        let book = stored::book(conn, merchant.id, merchant.rules).await?;
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(merchant.id, (version, book.clone()));
        Ok(book)
    }
}

/// The times on the walls of stores, by store and moment.
pub(crate) type Walls = HashMap<(MerchantId, StoreId, Timestamp), LocalTime>;

/// What the clocks of stores show at moments.
pub(crate) async fn walls(
    conn: &mut PgConnection,
    moments: Vec<(MerchantId, StoreId, Timestamp)>,
) -> Result<Walls, Error> {
    let times = stored::local_times(conn, &moments).await?;
    Ok(moments.into_iter().zip(times).filter_map(|(moment, time)| Some((moment, time?))).collect())
}

/// The merchants whose prices a batch changes.
#[derive(Debug, Default)]
pub(crate) struct Wanted(BTreeSet<MerchantId>);

/// The promotions and price lists of those merchants, and what has changed.
#[derive(Debug, Default)]
pub(crate) struct State(BTreeMap<MerchantId, (Changes, Changes)>);

impl Wanted {
    pub(crate) fn change(&mut self, merchant: MerchantId) {
        self.0.insert(merchant);
    }

    pub(crate) async fn load(self, conn: &mut PgConnection) -> Result<State, Error> {
        let mut state = State::default();
        if self.0.is_empty() {
            return Ok(state);
        }
        stored::lock(conn, &self.0).await?;
        for merchant in self.0 {
            let promotions = stored::promotions(conn, merchant).await?;
            let lists = stored::price_lists(conn, merchant).await?;
            let known = Changes {
                promotions: promotions.into_iter().map(|of| (of.what.id, of)).collect(),
                lists: lists.into_iter().map(|of| (of.what.id, of)).collect(),
                prices: BTreeMap::new(),
            };
            state.0.insert(merchant, (known, Changes::default()));
        }
        Ok(state)
    }
}

impl State {
    pub(crate) fn put_promotion(&mut self, merchant: MerchantId, put: &PromotionToPut) -> Result<Event, Rejection> {
        let (known, changes) = self.0.entry(merchant).or_default();
        put.promotion.check().map_err(|_| Rejection::PromotionInvalid)?;
        let id = put.promotion.id;
        let version = next(known.promotions.get(&id), put.version)?;
        let others = known.promotions.iter().filter(|(other, of)| **other != id && !of.ended).count();
        if others >= stored::MAX_PROMOTIONS {
            return Err(Rejection::TooManyPromotions { max: stored::MAX_PROMOTIONS });
        }
        let promotion = Versioned { what: put.promotion.clone(), version, ended: false };
        known.promotions.insert(id, promotion.clone());
        changes.promotions.insert(id, promotion);
        Ok(Event::PromotionChanged(Changed { id: id.uuid(), version }))
    }

    pub(crate) fn put_list(&mut self, merchant: MerchantId, put: &PriceListToPut) -> Result<Event, Rejection> {
        let (known, changes) = self.0.entry(merchant).or_default();
        let id = put.list.id;
        let version = next(known.lists.get(&id), put.version)?;
        let others = known.lists.iter().filter(|(other, of)| **other != id && !of.ended).count();
        if others >= stored::MAX_LISTS {
            return Err(Rejection::TooManyPromotions { max: stored::MAX_LISTS });
        }
        let list = Versioned { what: put.list.clone(), version, ended: false };
        known.lists.insert(id, list.clone());
        changes.lists.insert(id, list);
        Ok(Event::PriceListChanged(Changed { id: id.uuid(), version }))
    }

    pub(crate) fn end_promotion(&mut self, merchant: MerchantId, end: &ToEnd) -> Result<Event, Rejection> {
        let (known, changes) = self.0.entry(merchant).or_default();
        let (id, promotion) = known
            .promotions
            .iter_mut()
            .find(|(id, _)| id.uuid() == end.id)
            .ok_or(Rejection::UnknownPromotion(end.id))?;
        promotion.version = next(Some(&*promotion), Some(end.version))?;
        promotion.ended = true;
        changes.promotions.insert(*id, promotion.clone());
        Ok(Event::PromotionChanged(Changed { id: end.id, version: promotion.version }))
    }

    pub(crate) fn end_list(&mut self, merchant: MerchantId, end: &ToEnd) -> Result<Event, Rejection> {
        let (known, changes) = self.0.entry(merchant).or_default();
        let (id, list) =
            known.lists.iter_mut().find(|(id, _)| id.uuid() == end.id).ok_or(Rejection::UnknownPriceList(end.id))?;
        list.version = next(Some(&*list), Some(end.version))?;
        list.ended = true;
        changes.lists.insert(*id, list.clone());
        Ok(Event::PriceListChanged(Changed { id: end.id, version: list.version }))
    }

    pub(crate) fn set_prices(&mut self, books: &Books, new: &NewPrices) -> Result<Event, Rejection> {
        let (known, changes) = self.0.entry(books.merchant().id).or_default();
        let list = known.lists.get(&new.list).ok_or(Rejection::UnknownPriceList(new.list.uuid()))?;
        for (line, price) in new.prices.iter().enumerate() {
            if books.product(price.product).is_none() {
                return Err(Rejection::UnknownProduct { line, product: price.product });
            }
            if price.from_quantity.is_some_and(|from| from < Quantity::ZERO) {
                return Err(Rejection::QuantityOutOfRange { line });
            }
            if price.unit_price.is_some_and(tillstream_domain::money::Amount::is_negative) {
                return Err(Rejection::PriceNegative { line });
            }
        }
        let from = |price: &NewPrice| price.from_quantity.unwrap_or_default();
        let prices = new.prices.iter().map(|price| ((price.product, new.list, from(price)), price.unit_price));
        changes.prices.extend(prices);
        Ok(Event::PriceListChanged(Changed { id: new.list.uuid(), version: list.version }))
    }

    pub(crate) async fn save(self, conn: &mut PgConnection) -> Result<(), Error> {
        for (merchant, (_, changes)) in &self.0 {
            if !changes.is_empty() {
                stored::save(conn, *merchant, changes).await?;
            }
        }
        Ok(())
    }
}

/// The version that follows, if who changes it has seen the last one; the first of what is new.
fn next<T>(known: Option<&Versioned<T>>, seen: Option<u32>) -> Result<u32, Rejection> {
    let found = known.map_or(0, |of| of.version);
    let expected = seen.unwrap_or(0);
    if found == expected { Ok(found + 1) } else { Err(Rejection::VersionConflict { expected, found }) }
}
