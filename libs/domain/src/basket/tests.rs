use std::collections::HashMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::shop::{self, OTHER_REGISTER, OTHER_STORE, REGISTER, RULES, STORE, books, noon};

fn id(number: u128) -> BasketId {
    BasketId::new(Uuid::from_u128(0xba5e_0000 + number))
}

fn parking(number: u128) -> Parking {
    Parking { id: id(number), expires_at: None, draft: Submission { payments: Vec::new(), ..shop::submission(number) } }
}

fn at(number: u128) -> Target {
    Target { basket: id(number), store: STORE, register: REGISTER, by: None }
}

fn later(micros: i64) -> Timestamp {
    Timestamp::from_micros(noon().micros() + micros).unwrap()
}

#[test]
fn a_basket_is_parked_for_a_day_unless_somebody_says_otherwise() {
    let (books, mut baskets) = (books(RULES), Baskets::default());
    let mut park = |expires_at| {
        baskets.park(&books, &Parking { expires_at, ..parking(1) }, noon()).map(|basket| basket.expires_at)
    };
    assert_eq!(park(None), Ok(later(PARKED_MICROS)));
    assert_eq!(park(Some(later(1))), Ok(later(1)));
    assert_eq!(park(Some(later(MAX_PARKED_MICROS))), Ok(later(MAX_PARKED_MICROS)));
    assert_eq!(park(Some(later(MAX_PARKED_MICROS + 1))), Err(BasketRejection::ExpiryTooFar.into()));
    assert_eq!(park(Some(noon())), Err(BasketRejection::ExpiryPast.into()));
}

#[test]
fn what_could_not_be_sold_is_not_parked_and_the_line_is_named() {
    let books = books(RULES);
    let refused = |change: &dyn Fn(&mut Submission)| {
        let mut parking = parking(1);
        change(&mut parking.draft);
        let rejection = Baskets::default().park(&books, &parking, noon()).unwrap_err();
        (rejection.code(), rejection.pointer())
    };
    let unknown = crate::id::ProductId::new(Uuid::nil());
    assert_eq!(
        refused(&|draft| draft.lines[1].product = unknown),
        ("unknown_product", Some("/draft/lines/1/product".to_owned()))
    );
    assert_eq!(refused(&|draft| draft.lines.clear()), ("empty_basket", Some("/draft/lines".to_owned())));
    assert_eq!(
        refused(&|draft| draft.currency = crate::money::Currency::try_new("USD").unwrap()),
        ("currency_mismatch", Some("/draft/currency".to_owned()))
    );
    assert_eq!(refused(&|draft| draft.register = OTHER_REGISTER), ("unknown_register", Some("/register".to_owned())));
}

#[test]
fn a_basket_goes_to_one_register_and_the_others_hear_who_has_it() {
    let (books, mut baskets) = (books(RULES), Baskets::default());
    baskets.park(&books, &parking(1), noon()).unwrap();
    let elsewhere = Target { store: OTHER_STORE, register: OTHER_REGISTER, ..at(1) };
    assert_eq!(baskets.take(&books, elsewhere, noon()), Err(BasketRejection::Unknown(id(1)).into()));
    assert_eq!(baskets.take(&books, at(2), noon()), Err(BasketRejection::Unknown(id(2)).into()));
    let mark = baskets.take(&books, at(1), later(1)).unwrap().ended.unwrap();
    assert_eq!((mark.register, mark.at), (REGISTER, later(1)));
    let taken = BasketRejection::Taken { basket: id(1), mark };
    assert_eq!(baskets.take(&books, at(1), noon()), Err(taken.clone().into()));
    assert_eq!(baskets.drop(&books, at(1), noon()), Err(taken.into()));
    baskets.park(&books, &parking(3), noon()).unwrap();
    baskets.drop(&books, at(3), noon()).unwrap();
    assert_eq!(baskets.take(&books, at(3), noon()), Err(BasketRejection::Dropped(id(3)).into()));
}

#[test]
fn nobody_gets_a_basket_that_has_expired() {
    let (books, mut baskets) = (books(RULES), Baskets::default());
    baskets.park(&books, &parking(1), noon()).unwrap();
    assert_eq!(baskets.take(&books, at(1), later(PARKED_MICROS)), Err(BasketRejection::Expired(id(1)).into()));
    assert!(baskets.take(&books, at(1), later(PARKED_MICROS - 1)).is_ok());
}

#[test]
fn statuses_are_read_as_written() {
    assert!(Status::ALL.iter().all(|status| status.as_str().parse() == Ok(*status)));
    assert_eq!("sold".parse::<Status>(), Err(Invalid::BasketStatus));
}

proptest! {
    /// Whatever is parked, taken and dropped: no more are parked at once than may be, and each ends once.
    #[test]
    fn no_store_holds_more_than_it_may(
        steps in prop::collection::vec((0_u8..4, 0_u128..20, 1_i64..40), 1..60),
        before in MAX_PARKED - 5..=MAX_PARKED,
    ) {
        let books = books(RULES);
        let mut ends = HashMap::from([(STORE, vec![later(MAX_PARKED_MICROS); before])]);
        ends.get_mut(&STORE).unwrap()[0] = later(20);
        let mut baskets = Baskets::new(Vec::new(), ends);
        let mut ended = BTreeSet::new();
        for (now, (step, number, after)) in (0..).zip(steps) {
            let now = later(now);
            match step {
                0 => ended.extend(baskets.take(&books, at(number), now).ok().map(|basket| basket.id)),
                1 => ended.extend(baskets.drop(&books, at(number), now).ok().map(|basket| basket.id)),
                // Every command has an id of its own.
                _ if baskets.known.contains_key(&id(number)) => {}
                _ => {
                    let expires_at = Some(Timestamp::from_micros(now.micros() + after).unwrap());
                    if let Err(refused) = baskets.park(&books, &Parking { expires_at, ..parking(number) }, now) {
                        prop_assert_eq!(refused, BasketRejection::TooMany { max: MAX_PARKED }.into());
                    }
                }
            }
            let waits = |basket: &&Basket| basket.status == Status::Parked && basket.expires_at > now;
            let earlier = before - usize::from(now >= later(20));
            prop_assert!(earlier + baskets.known.values().filter(waits).count() <= MAX_PARKED);
        }
        let over: BTreeSet<_> =
            baskets.known.values().filter(|basket| basket.ended.is_some()).map(|basket| basket.id).collect();
        prop_assert_eq!(over, ended);
        let (new, old) = baskets.changed();
        prop_assert_eq!((new.len(), old.len()), (baskets.known.len(), 0));
    }
}
