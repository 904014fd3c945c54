//! Gift cards and store credit.

use std::collections::{BTreeMap, HashMap};

use tillstream_contract::{
    Envelope,
    account::{Account, AccountChanged, NewGiftCard, NewStoreCredit, Reload, Transfer, Transferred},
    sale::{Event, NewSale, NewVoid, Payment},
};
use tillstream_domain::{
    Rejection,
    account::{AccountRejection, Issue, Ledger, Moves},
    id::{AccountId, MerchantId, SaleId, StoreId},
    sale::{Books, Original, Submission},
    time::Timestamp,
};
use tillstream_store::{Error, PgConnection, account as stored, catalog};

use crate::sale;

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

    /// After what comes back of sales is locked.
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
