//! How much of a queue one merchant may take: as much as is left for all others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tillstream_domain::id::MerchantId;

/// The commands that wait in a lane, by merchant.
///
/// A merchant may have one more there as long as it has fewer than there are places free (dynamic thresholds, Choudhury
/// and Hahne 1998). One that floods gets half of the queue; of several that flood each gets as much as they leave free,
/// as soon as the queue has moved on. So there is a place for who comes next, and no setting has to guess how many will
/// flood.
#[derive(Debug)]
pub(crate) struct Shares {
    places: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<MerchantId, usize>,
}

/// A place in the queue; it is given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    shares: Arc<Shares>,
    merchant: MerchantId,
}

impl Shares {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, taken: Mutex::default() })
    }

    /// A place for a command of `merchant`; `None` if it has its share already.
    pub(crate) fn take(self: &Arc<Self>, merchant: MerchantId) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of = taken.of.get(&merchant).copied().unwrap_or(0);
        if of >= self.places.saturating_sub(taken.all) {
            return None;
        }
        taken.all += 1;
        taken.of.insert(merchant, of + 1);
        Some(Place { shares: self.clone(), merchant })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(of) = taken.of.get_mut(&self.merchant) {
            *of -= 1;
            if *of == 0 {
                taken.of.remove(&self.merchant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn merchant(number: u32) -> MerchantId {
        MerchantId::new(Uuid::from_u128(u128::from(number) + 1))
    }

    #[test]
    fn one_that_floods_gets_half() {
        let shares = Shares::new(8);
        let flood: Vec<_> = std::iter::from_fn(|| shares.take(merchant(0))).collect();
        assert_eq!(flood.len(), 4);
        let neighbour = shares.take(merchant(1));
        assert!(neighbour.is_some());
        drop((flood, neighbour));
        assert!(shares.taken.lock().unwrap().of.is_empty());
        assert!(Shares::new(0).take(merchant(0)).is_none() && Shares::new(1).take(merchant(0)).is_some());
    }

    proptest! {
        /// Nobody takes more than it leaves to others; so the last place is for one who has none.
        #[test]
        fn nobody_takes_more_than_it_leaves(places in 1..200usize, order in prop::collection::vec(0..10u32, 0..2_000)) {
            let shares = Shares::new(places);
            let mut taken = Vec::new();
            for number in order {
                taken.extend(shares.take(merchant(number)).map(|place| (number, place)));
                let free = places - taken.len();
                if let Some((last, _)) = taken.last() {
                    prop_assert!(taken.iter().filter(|(of, _)| of == last).count() <= free + 1);
                }
            }
        }

        /// Merchants that flood, one after the other, leave the same to each and to a stranger, once the queue has moved on.
        #[test]
        fn those_that_flood_come_to_equal_shares(places in 100..300usize, floods in 1..6u32) {
            let shares = Shares::new(places);
            let mut queue = VecDeque::new();
            for number in 0..floods {
                queue.extend(std::iter::from_fn(|| shares.take(merchant(number))));
            }
            for _ in 0..places * 4 {
                drop(queue.pop_front());
                queue.extend((0..floods).filter_map(|number| shares.take(merchant(number))));
            }
            let stranger: Vec<_> = std::iter::from_fn(|| shares.take(merchant(floods))).collect();
            let equal = places / (floods as usize + 1);
            prop_assert!(queue.len() <= equal * floods as usize + floods as usize);
            prop_assert!(stranger.len() >= equal / 2);
        }
    }
}
