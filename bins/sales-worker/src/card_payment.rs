//! Card payments at terminals.

use std::collections::{BTreeMap, HashMap};

use tillstream_contract::{
    Envelope,
    card_payment::{CardPayment, CardPaymentAnswer, CardPaymentCancel, CardPaymentChanged, NewCardPayment},
    loyalty::AccountPayment,
    sale::{Event, NewSale, NewVoid, Payment},
};
use tillstream_domain::{
    Rejection,
    card_payment::{self as domain, CardPaymentRejection, Claim, Ledger, Matches},
    id::{CardPaymentId, CommandId, MerchantId, SaleId},
    sale::{Books, Submission},
    time::Timestamp,
};
use tillstream_store::{Error, PgConnection, card_payment as stored, catalog};

/// What a batch needs to know of card payments.
#[derive(Debug, Default)]
pub(crate) struct Wanted(stored::Wanted);

/// The payments, and what becomes of them.
#[derive(Debug)]
pub(crate) struct State(HashMap<MerchantId, Ledger>);

impl Wanted {
    pub(crate) fn submit(&mut self, merchant: MerchantId, new: &NewSale) {
        let named = new.payments.iter().filter_map(|payment| match payment {
            Payment::Card { payment, .. } => Some((merchant, (*payment)?)),
            _ => None,
        });
        self.0.payments.extend(named);
    }

    pub(crate) fn void(&mut self, merchant: MerchantId, new: &NewVoid) {
        self.0.undone.insert((merchant, new.sale));
    }

    /// Adds a payment, known or not.
    pub(crate) fn one(&mut self, merchant: MerchantId, payment: CardPaymentId) {
        self.0.payments.insert((merchant, payment));
    }

    pub(crate) fn start(&mut self, books: &mut catalog::Wanted, envelope: &Envelope, new: &NewCardPayment) {
        books.stores.insert((envelope.merchant, new.store));
        books.registers.insert((envelope.merchant, new.register));
        self.one(envelope.merchant, CardPaymentId::new(envelope.id));
    }

    /// After accounts are locked.
    pub(crate) async fn load(self, conn: &mut PgConnection) -> Result<State, Error> {
        stored::lock(conn, &self.0).await.map(State)
    }
}

impl State {
    fn ledger(&mut self, merchant: MerchantId) -> &mut Ledger {
        self.0.entry(merchant).or_default()
    }

    /// Which payments a sale takes.
    pub(crate) fn pay(&mut self, merchant: MerchantId, submission: &Submission) -> Result<Matches, Rejection> {
        self.ledger(merchant).pay(submission)
    }

    /// Takes a payment for what a customer pays of what they owe.
    pub(crate) fn take(
        &mut self,
        books: &Books,
        envelope: &Envelope,
        new: &AccountPayment,
    ) -> Result<Matches, Rejection> {
        let Some(id) = new.payment else { return Ok(Matches::default()) };
        let (place, command) = ((new.store, books.merchant().currency), CommandId::new(envelope.id));
        self.ledger(envelope.merchant).take(id, place, Claim { sale: command.into(), amount: new.amount })
    }

    pub(crate) fn apply(&mut self, merchant: MerchantId, matches: Matches, now: Timestamp) {
        self.ledger(merchant).apply(matches, now);
    }

    /// Lets go of what a sale took that is undone.
    pub(crate) fn release(&mut self, merchant: MerchantId, sale: SaleId, now: Timestamp) {
        self.ledger(merchant).release(sale, now);
    }

    /// Starts a payment, if there are `terminals`.
    pub(crate) fn start(
        &mut self,
        books: &Books,
        envelope: &Envelope,
        (new, terminals): (&NewCardPayment, bool),
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        if !terminals {
            return Err(CardPaymentRejection::NoProvider.into());
        }
        self.ledger(envelope.merchant).start(books, new.start(envelope), now).map(changed)
    }

    pub(crate) fn cancel(
        &mut self,
        envelope: &Envelope,
        cancel: &CardPaymentCancel,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let ledger = self.ledger(envelope.merchant);
        ledger.cancel(cancel.payment, cancel.store, cancel.refund, now).map(changed)
    }

    pub(crate) fn settle(
        &mut self,
        envelope: &Envelope,
        answer: &CardPaymentAnswer,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let ledger = self.ledger(envelope.merchant);
        ledger.settle((answer.payment, answer.order()), &answer.heard(), now).map(changed)
    }

    pub(crate) async fn save(self, conn: &mut PgConnection) -> Result<(), Error> {
        stored::save(conn, &self.0.into_iter().collect::<BTreeMap<_, _>>()).await
    }
}

fn changed(payment: &domain::CardPayment) -> Event {
    Event::CardPaymentChanged(CardPaymentChanged { payment: CardPayment::from(payment) })
}
