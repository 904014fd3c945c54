//! Gift cards and store credit.

use std::collections::{BTreeMap, HashMap};

use tillstream_contract::{
    Envelope,
    account::{Account, AccountChanged, NewGiftCard, NewStoreCredit, Reload, Transfer, Transferred},
    loyalty::{AccountPaid, AccountPayment, HouseAccountToPut, PointsToRedeem},
    sale::{Event, NewSale, NewVoid, Payment},
};
use tillstream_domain::{
    Rejection,
    account::{AccountRejection, Issue, Kind, Ledger, Moves, OF_CUSTOMERS, Points},
    id::{AccountId, MerchantId, SaleId, StoreId},
    loyalty::Rule,
    sale::{Books, Original, Submission},
    tender,
    time::Timestamp,
};
use tillstream_store::{Error, PgConnection, account as stored, catalog, customer::CustomerKey};

use crate::{card_payment, customer, sale, shift};

/// What a batch needs to know of accounts.
#[derive(Debug, Default)]
pub(crate) struct Wanted(stored::Wanted);

/// The ledgers, and what is added to them.
#[derive(Debug)]
pub(crate) struct State(HashMap<MerchantId, Ledger>);

impl Wanted {
    pub(crate) fn submit(&mut self, merchant: MerchantId, new: &NewSale) {
        let accounts = new.payments.iter().filter_map(|payment| match payment {
            Payment::GiftCard { account, .. } | Payment::StoreCredit { account, .. } => Some((merchant, *account)),
            _ => None,
        });
        self.0.accounts.extend(accounts);
    }

    pub(crate) fn void(&mut self, merchant: MerchantId, new: &NewVoid) {
        self.0.undone.insert((merchant, new.sale));
    }

    pub(crate) fn gift_card(&mut self, books: &mut catalog::Wanted, envelope: &Envelope, new: &NewGiftCard) {
        self.0.numbers.insert((envelope.merchant, new.number.clone()));
        self.put_on(books, envelope.merchant, new.store, AccountId::new(envelope.id));
    }

    pub(crate) fn put_on(
        &mut self,
        books: &mut catalog::Wanted,
        merchant: MerchantId,
        store: StoreId,
        account: AccountId,
    ) {
        books.stores.insert((merchant, store));
        self.0.accounts.insert((merchant, account));
    }

    /// Adds the accounts of customers.
    pub(crate) fn own(&mut self, customers: impl Iterator<Item = CustomerKey>) {
        for (merchant, customer) in customers {
            self.0.accounts.extend(OF_CUSTOMERS.map(|kind| (merchant, kind.of_customer(customer))));
        }
    }

    /// After what comes back of sales is locked, and who buys.
    pub(crate) async fn load(self, conn: &mut PgConnection) -> Result<State, Error> {
        stored::lock(conn, &self.0).await.map(State)
    }
}

impl State {
    fn ledger(&mut self, merchant: MerchantId) -> &mut Ledger {
        self.0.entry(merchant).or_default()
    }

    /// What a sale takes from accounts and gives back to them.
    pub(crate) fn pay(
        &mut self,
        merchant: MerchantId,
        submission: &Submission,
        now: Timestamp,
    ) -> Result<Moves, Rejection> {
        self.ledger(merchant).pay(submission, now)
    }

    /// What becomes of accounts when a sale is undone.
    pub(crate) fn undo(
        &mut self,
        merchant: MerchantId,
        (sale, void): (SaleId, SaleId),
        now: Timestamp,
    ) -> Result<Moves, Rejection> {
        self.ledger(merchant).undo(sale, void, now)
    }

    /// Adds to the moves of a sale the points that customers collect by it and lose by it.
    pub(crate) fn collect(
        &mut self,
        merchant: MerchantId,
        (moves, sale): (&mut Moves, SaleId),
        points: &Points,
        now: Timestamp,
    ) {
        self.ledger(merchant).collect(moves, sale, points, now);
    }

    pub(crate) fn apply(&mut self, merchant: MerchantId, moves: Moves) {
        self.ledger(merchant).apply(moves);
    }

    pub(crate) fn issue_gift_card(
        &mut self,
        books: &Books,
        sales: &mut sale::State,
        envelope: &Envelope,
        new: &NewGiftCard,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let issue = new.issue(envelope);
        let moves = self.issued(books, new.store, envelope.merchant, &issue, now)?;
        if let Some(sold) = new.sold {
            sales.fund(envelope.merchant, (new.store, sold), new.amount)?;
        }
        self.apply(envelope.merchant, moves);
        Ok(Event::AccountIssued(self.changed(envelope.merchant, new.store, issue.id.into(), now)?))
    }

    pub(crate) fn issue_store_credit(
        &mut self,
        books: &Books,
        envelope: &Envelope,
        new: &NewStoreCredit,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let issue = new.issue(envelope);
        let moves = self.issued(books, new.store, envelope.merchant, &issue, now)?;
        self.apply(envelope.merchant, moves);
        Ok(Event::AccountIssued(self.changed(envelope.merchant, new.store, issue.id.into(), now)?))
    }

    pub(crate) fn reload(
        &mut self,
        books: &Books,
        sales: &mut sale::State,
        envelope: &Envelope,
        new: &Reload,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        check_store(books, new.store)?;
        let merchant = envelope.merchant;
        let moves = self.ledger(merchant).reload(&new.reload(envelope), now)?;
        if let Some(sold) = new.sold {
            sales.fund(merchant, (new.store, sold), new.amount)?;
        }
        self.apply(merchant, moves);
        Ok(Event::AccountReloaded(self.changed(merchant, new.store, new.account, now)?))
    }

    pub(crate) fn transfer(
        &mut self,
        books: &Books,
        envelope: &Envelope,
        new: &Transfer,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        check_store(books, new.store)?;
        let merchant = envelope.merchant;
        let moves = self.ledger(merchant).transfer(&new.transfer(envelope), now)?;
        self.apply(merchant, moves);
        let (from, to) = (self.shown(merchant, new.from, now)?, self.shown(merchant, new.to, now)?);
        Ok(Event::BalanceTransferred(Transferred { store: new.store, from, to }))
    }

    pub(crate) fn put_house(
        &mut self,
        books: &Books,
        customers: &mut customer::State,
        envelope: &Envelope,
        new: &HouseAccountToPut,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        check_store(books, new.store)?;
        let merchant = envelope.merchant;
        let customer = customers.active(merchant, new.customer)?.id;
        let moves = self.ledger(merchant).put_house(customer, new.limit)?;
        self.apply(merchant, moves);
        Ok(Event::HouseAccountPut(self.changed(merchant, new.store, Kind::House.of_customer(customer), now)?))
    }

    pub(crate) fn pay_off(
        &mut self,
        books: &Books,
        (customers, shifts, cards): (&mut customer::State, &mut shift::State, &mut card_payment::State),
        envelope: &Envelope,
        new: &AccountPayment,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let AccountPayment { store, register, amount, tender, payment, .. } = *new;
        check_store(books, store)?;
        let found = books.register(register).filter(|found| found.store.id == store);
        found.ok_or(Rejection::UnknownRegister(register))?;
        if matches!(tender, tender::Kind::GiftCard | tender::Kind::StoreCredit | tender::Kind::OnAccount) {
            return Err(AccountRejection::TenderNotTaken(tender).into());
        }
        if payment.is_some() && tender != tender::Kind::Card {
            return Err(AccountRejection::TenderNotTaken(tender).into());
        }
        let matches = cards.take(books, envelope, new)?;
        let merchant = envelope.merchant;
        let customer = customers.of(merchant).known(new.customer).map_or(new.customer, |known| known.id);
        let moves = self.ledger(merchant).pay_off(&new.payoff(envelope, customer), now)?;
        self.apply(merchant, moves);
        cards.apply(merchant, matches, now);
        let shift = shifts.receive((merchant, register), (tender, amount), new.paid_at.unwrap_or(envelope.at));
        let account = self.shown(merchant, Kind::House.of_customer(customer), now)?;
        Ok(Event::AccountPaid(AccountPaid { store, register, shift, amount, tender, account }))
    }

    pub(crate) fn redeem(
        &mut self,
        books: &Books,
        (customers, rule): (&mut customer::State, Option<&Rule>),
        envelope: &Envelope,
        new: &PointsToRedeem,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        check_store(books, new.store)?;
        let merchant = envelope.merchant;
        let customer = customers.active(merchant, new.customer)?.id;
        let rule = rule.ok_or(AccountRejection::NoLoyaltyRule)?;
        let moves = self.ledger(merchant).redeem(&new.redemption(envelope, customer), rule, now)?;
        self.apply(merchant, moves);
        let [from, to] = [Kind::Points, Kind::StoreCredit].map(|kind| kind.of_customer(customer));
        let (from, to) = (self.shown(merchant, from, now)?, self.shown(merchant, to, now)?);
        Ok(Event::PointsRedeemed(Transferred { store: new.store, from, to }))
    }

    fn issued(
        &mut self,
        books: &Books,
        store: StoreId,
        merchant: MerchantId,
        issue: &Issue,
        now: Timestamp,
    ) -> Result<Moves, Rejection> {
        check_store(books, store)?;
        self.ledger(merchant).issue(issue, now)
    }

    fn changed(
        &mut self,
        merchant: MerchantId,
        store: StoreId,
        account: AccountId,
        now: Timestamp,
    ) -> Result<AccountChanged, Rejection> {
        Ok(AccountChanged { store, account: self.shown(merchant, account, now)? })
    }

    fn shown(&mut self, merchant: MerchantId, id: AccountId, now: Timestamp) -> Result<Account, Rejection> {
        let account = self.ledger(merchant).account(id);
        let account = account.ok_or(AccountRejection::Unknown { account: id, payment: None })?;
        Ok(Account::of(account, now))
    }

    pub(crate) async fn save(self, conn: &mut PgConnection) -> Result<(), Error> {
        stored::save(conn, &self.0.into_iter().collect::<BTreeMap<_, _>>()).await
    }
}

/// A line of a sale of a store, which pays for what goes onto an account.
pub(crate) type Sold = (StoreId, Original);

fn check_store(books: &Books, store: StoreId) -> Result<(), Rejection> {
    books.store(store).map(|_| ()).ok_or(Rejection::UnknownStore(store))
}
