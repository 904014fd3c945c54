//! What becomes of a merchant's card payments.

use std::collections::{BTreeMap, BTreeSet};

use super::{CardPayment, CardPaymentRejection, Claim, Heard, Order, State};
use crate::{
    Rejection,
    id::{CardPaymentId, SaleId, StoreId},
    money::{Amount, Currency},
    sale::{Books, Flag, Submission},
    tender::Payment,
    time::Timestamp,
};

/// The card payments that decisions are about.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    payments: BTreeMap<CardPaymentId, CardPayment>,
    opened: BTreeSet<CardPaymentId>,
    touched: BTreeSet<CardPaymentId>,
}

/// A card payment to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The id of the command that carries it.
    pub id: CardPaymentId,
    /// Where, and of how much.
    pub order: Order,
    /// When the till asked for it.
    pub at: Timestamp,
}

/// Which card payments a sale takes, once it is applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// What somebody should look at.
    pub flags: Vec<Flag>,
    claims: Vec<(CardPaymentId, Claim)>,
}

impl Ledger {
    /// Card payments as they stand.
    #[must_use]
    pub fn new(payments: impl IntoIterator<Item = CardPayment>) -> Self {
        let payments = payments.into_iter().map(|payment| (payment.id, payment)).collect();
        Self { payments, ..Self::default() }
    }

    /// A card payment as it stands.
    #[must_use]
    pub fn payment(&self, id: CardPaymentId) -> Option<&CardPayment> {
        self.payments.get(&id)
    }

    /// The payments that were opened, and those that were there and have changed, each by id.
    #[must_use]
    pub fn changed(&self) -> (Vec<&CardPayment>, Vec<&CardPayment>) {
        let payments = self.touched.iter().filter_map(|id| self.payments.get(id));
        payments.partition(|payment| self.opened.contains(&payment.id))
    }

    /// Starts a payment.
    ///
    /// # Errors
    /// [`CardPaymentRejection::AmountNotPositive`], [`Rejection::IdTaken`], [`Rejection::UnknownStore`],
    /// [`Rejection::UnknownRegister`] or [`Rejection::CurrencyMismatch`].
    pub fn start(&mut self, books: &Books, start: Start, now: Timestamp) -> Result<&CardPayment, Rejection> {
        check(books, &start.order)?;
        if self.payments.contains_key(&start.id) {
            return Err(Rejection::IdTaken);
        }
        Ok(self.open(CardPayment { changed_at: now, ..CardPayment::new(start.id, start.order, start.at.min(now)) }))
    }

    /// Adds what the provider says of a payment. One that it has taken money for and that is not known here is taken into
    /// the books as `order` says, if it does. The money is a fact,
    /// also of a store or in a currency that is not the merchant's.
    ///
    /// # Errors
    /// [`CardPaymentRejection::Unknown`] or [`CardPaymentRejection::AmountNotPositive`].
    pub fn settle(
        &mut self,
        (id, order): (CardPaymentId, Option<Order>),
        heard: &Heard,
        now: Timestamp,
    ) -> Result<&CardPayment, Rejection> {
        if !self.payments.contains_key(&id) {
            let Some(order) = order.filter(|_| matches!(heard, Heard::Captured(_))) else {
                return Err(CardPaymentRejection::Unknown { id, payment: None }.into());
            };
            positive(&order)?;
            self.open(CardPayment::new(id, order, now));
        }
        self.change(id, None, now, |payment| {
            payment.hear(heard);
            Ok(())
        })
    }

    /// Has a payment undone: before money is taken, or after it with `refund`, as long as no sale counts on it. One that
    /// took none and is over stays as it is.
    ///
    /// # Errors
    /// [`CardPaymentRejection::Unknown`], [`CardPaymentRejection::Used`] or [`CardPaymentRejection::MoneyTaken`].
    pub fn cancel(
        &mut self,
        id: CardPaymentId,
        store: StoreId,
        refund: bool,
        now: Timestamp,
    ) -> Result<&CardPayment, Rejection> {
        self.change(id, Some(store), now, |payment| {
            if let Some(Claim { sale, .. }) = payment.claim {
                return Err(CardPaymentRejection::Used { sale, payment: None });
            }
            let taken = payment.in_hand() > Amount::ZERO;
            if taken && !refund && !payment.cancelling {
                return Err(CardPaymentRejection::MoneyTaken);
            }
            payment.cancelling = taken || payment.state.is_pending();
            Ok(())
        })
    }

    /// Which payments a sale takes. Practice takes none.
    ///
    /// What a till says while it had no connection is a fact: it is flagged where it does not fit, and the payment that it
    /// names is the sale's all the same, unless it is another's.
    ///
    /// # Errors
    /// With a connection [`CardPaymentRejection::Unknown`], [`CardPaymentRejection::Used`],
    /// [`CardPaymentRejection::NotApproved`], [`CardPaymentRejection::Cancelling`] and
    /// [`CardPaymentRejection::AmountDiffers`].
    pub fn pay(&self, submission: &Submission) -> Result<Matches, Rejection> {
        let mut matches = Matches::default();
        if submission.training {
            return Ok(matches);
        }
        let mut seen = BTreeSet::new();
        for (at, payment) in submission.payments.iter().enumerate() {
            let Payment::Card { amount, payment: Some(id), .. } = payment else { continue };
            let claim = Claim { sale: submission.id, amount: *amount };
            let twice = !seen.insert(*id);
            let fits = if twice {
                Err(CardPaymentRejection::Used { sale: submission.id, payment: Some(at) })
            } else {
                self.fits(*id, (submission.store, submission.currency), claim, at)
            };
            let free = !twice
                && self.known(*id, submission.store).is_some_and(|payment| payment.claim.is_none())
                && *amount > Amount::ZERO;
            match fits {
                Err(rejection) if !submission.offline => return Err(rejection.into()),
                Err(_) => matches.flags.push(Flag::CardPaymentUnmatched),
                Ok(()) => {}
            }
            if free {
                matches.claims.push((*id, claim));
            }
        }
        Ok(matches)
    }

    /// Takes a payment for something that is no sale, as `claim` says.
    ///
    /// # Errors
    /// What [`Self::pay`] refuses.
    pub fn take(
        &self,
        id: CardPaymentId,
        (store, currency): (StoreId, Currency),
        claim: Claim,
    ) -> Result<Matches, Rejection> {
        self.fits(id, (store, currency), claim, 0)?;
        Ok(Matches { flags: Vec::new(), claims: vec![(id, claim)] })
    }

    fn fits(
        &self,
        id: CardPaymentId,
        (store, currency): (StoreId, Currency),
        claim: Claim,
        at: usize,
    ) -> Result<(), CardPaymentRejection> {
        let found = self.known(id, store);
        let found = found.ok_or(CardPaymentRejection::Unknown { id, payment: Some(at) })?;
        if let Some(Claim { sale, .. }) = found.claim {
            return Err(CardPaymentRejection::Used { sale, payment: Some(at) });
        }
        let taken = found.taken.as_ref().filter(|_| found.state == State::Approved && !found.given_back);
        let taken = taken.ok_or(CardPaymentRejection::NotApproved { state: found.state, payment: at })?;
        if found.cancelling {
            return Err(CardPaymentRejection::Cancelling { payment: at });
        }
        if taken.amount != claim.amount || taken.currency != currency {
            return Err(CardPaymentRejection::AmountDiffers { taken: taken.amount, payment: at });
        }
        Ok(())
    }

    /// Makes the payments the sale's.
    pub fn apply(&mut self, matches: Matches, now: Timestamp) {
        for (id, claim) in matches.claims {
            if let Some(payment) = self.payments.get_mut(&id) {
                payment.claim = Some(claim);
                // A sale counts on it.
                payment.cancelling = false;
                payment.changed_at = now;
                self.touched.insert(id);
            }
        }
    }

    /// Lets go of what a sale took that is undone: the money is there, and somebody should look at it.
    pub fn release(&mut self, sale: SaleId, now: Timestamp) {
        for (id, payment) in &mut self.payments {
            if payment.claim.is_some_and(|claim| claim.sale == sale) {
                payment.claim = None;
                payment.changed_at = now;
                self.touched.insert(*id);
            }
        }
    }

    fn known(&self, id: CardPaymentId, store: StoreId) -> Option<&CardPayment> {
        self.payments.get(&id).filter(|payment| payment.order.store == store)
    }

    fn open(&mut self, payment: CardPayment) -> &CardPayment {
        self.opened.insert(payment.id);
        self.touched.insert(payment.id);
        self.payments.entry(payment.id).or_insert(payment)
    }

    /// Changes a payment, of the store `within`, if one is given.
    fn change(
        &mut self,
        id: CardPaymentId,
        within: Option<StoreId>,
        now: Timestamp,
        change: impl FnOnce(&mut CardPayment) -> Result<(), CardPaymentRejection>,
    ) -> Result<&CardPayment, Rejection> {
        let payment = self.payments.get_mut(&id);
        let payment = payment.filter(|payment| within.is_none_or(|store| payment.order.store == store));
        let payment = payment.ok_or(CardPaymentRejection::Unknown { id, payment: None })?;
        let before = payment.clone();
        change(payment)?;
        if *payment != before {
            payment.changed_at = now;
            self.touched.insert(id);
        }
        Ok(payment)
    }
}

fn positive(order: &Order) -> Result<(), CardPaymentRejection> {
    if order.amount > Amount::ZERO { Ok(()) } else { Err(CardPaymentRejection::AmountNotPositive) }
}

fn check(books: &Books, order: &Order) -> Result<(), Rejection> {
    positive(order)?;
    books.store(order.store).ok_or(Rejection::UnknownStore(order.store))?;
    let register = books.register(order.register).filter(|register| register.store.id == order.store);
    register.ok_or(Rejection::UnknownRegister(order.register))?;
    let expected = books.merchant().currency;
    if order.currency == expected {
        Ok(())
    } else {
        Err(Rejection::CurrencyMismatch { expected, found: order.currency })
    }
}
