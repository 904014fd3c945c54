//! How many connections there may be, in all and from one place.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::address::Network;

/// Counts connections.
#[derive(Debug)]
pub(super) struct Bounds {
    most: usize,
    most_of_one: Option<usize>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of: HashMap<Network, usize>,
}

/// Why a connection is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are as many as there may be.
    All,
    /// There are as many as there may be from one place.
    Address,
}

impl Full {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "full",
            Self::Address => "address_full",
        }
    }
}

/// A connection's place; it is given up when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    bounds: Arc<Bounds>,
    network: Network,
}

impl Bounds {
    /// `most` in all, and `most_of_one` from one place, if that says anything.
    pub(super) fn new(most: usize, most_of_one: Option<usize>) -> Self {
        Self { most, most_of_one, open: Mutex::default() }
    }

    /// A place for a connection from `address`.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let network = Network::of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.most {
            return Err(Full::All);
        }
        if self.most_of_one.is_some_and(|most| open.of.get(&network).is_some_and(|of| *of >= most)) {
            return Err(Full::Address);
        }
        open.all += 1;
        *open.of.entry(network).or_default() += 1;
        Ok(Place { bounds: self.clone(), network })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.bounds.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        // Removed at zero, so that what is remembered is bounded by the connections there are.
        if let Some(of) = open.of.get_mut(&self.network) {
            *of -= 1;
            if *of == 0 {
                open.of.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_does_not_take_all_connections() {
        let bounds = Arc::new(Bounds::new(3, Some(2)));
        let [near, far, further] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| address.parse().unwrap());
        let first = bounds.admit(near).unwrap();
        let second = bounds.admit(near).unwrap();
        assert_eq!(bounds.admit(near).unwrap_err(), Full::Address);
        let third = bounds.admit(far).unwrap();
        assert_eq!(bounds.admit(further).unwrap_err(), Full::All);
        drop(first);
        assert_eq!(bounds.count(), 2);
        let fourth = bounds.admit(near).unwrap();
        drop((second, third, fourth));
        assert!(bounds.count() == 0 && bounds.open.lock().unwrap().of.is_empty());
    }
}
