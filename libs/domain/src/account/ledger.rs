//! What becomes of a merchant's accounts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Account, AccountRejection, Cause, Entry, GiftCardNumber, Kind, Reason, Status};
use crate::{
    Rejection,
    id::{AccountId, CommandId, SaleId},
    money::{Amount, Overflow},
    sale::{Flag, Submission},
    tender::Payment,
    text::Note,
    time::Timestamp,
};

/// The accounts that decisions are about, and what the decisions add to them.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accounts: BTreeMap<AccountId, Account>,
    /// Numbers that are taken.
    numbers: HashSet<GiftCardNumber>,
    /// What sales that may be undone have changed.
    posted: HashMap<SaleId, Vec<(AccountId, Amount)>>,
    opened: BTreeSet<AccountId>,
    changed: BTreeSet<AccountId>,
    entries: Vec<Entry>,
}

/// What a decision changes, once it is applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    /// What somebody should look at.
    pub flags: Vec<Flag>,
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) entries: Vec<Entry>,
}

/// An account to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The id of the command that carries it.
    pub id: CommandId,
    /// What kind.
    pub kind: Kind,
    /// Of a gift card, what is printed on it.
    pub number: Option<GiftCardNumber>,
    /// From when on it can not be spent.
    pub expires_at: Option<Timestamp>,
    /// What is put on it: above zero.
    pub amount: Amount,
    /// The sale that paid for it.
    pub sale: Option<SaleId>,
    /// Somebody's remark.
    pub note: Option<Note>,
}

/// More to put on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// The id of the command that carries it.
    pub id: CommandId,
    /// The account.
    pub account: AccountId,
    /// How much: above zero.
    pub amount: Amount,
    /// The sale that paid for it.
    pub sale: Option<SaleId>,
    /// Somebody's remark.
    pub note: Option<Note>,
}

/// What goes from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The id of the command that carries it.
    pub id: CommandId,
    /// From which.
    pub from: AccountId,
    /// To which.
    pub to: AccountId,
    /// How much, above zero; all of it, if none.
    pub amount: Option<Amount>,
    /// Somebody's remark.
    pub note: Option<Note>,
}

impl Ledger {
    /// Accounts as they stand, numbers that are taken, and what sales that may be undone have changed.
    #[must_use]
    pub fn new(
        accounts: impl IntoIterator<Item = Account>,
        numbers: HashSet<GiftCardNumber>,
        posted: HashMap<SaleId, Vec<(AccountId, Amount)>>,
    ) -> Self {
        let accounts = accounts.into_iter().map(|account| (account.id, account)).collect();
        Self { accounts, numbers, posted, ..Self::default() }
    }

    /// An account as it stands.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// The accounts that were opened, and those that were there and have changed, each by id.
    #[must_use]
    pub fn changed(&self) -> (Vec<&Account>, Vec<&Account>) {
        let accounts = self.changed.iter().filter_map(|id| self.accounts.get(id));
        accounts.partition(|account| self.opened.contains(&account.id))
    }

    /// What was added, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Opens an account with something on it.
    ///
    /// # Errors
    /// [`AccountRejection::AmountNotPositive`], [`Rejection::ExpiryPast`], [`Rejection::IdTaken`] or [`AccountRejection::NumberTaken`].
    pub fn issue(&self, issue: &Issue, now: Timestamp) -> Result<Moves, Rejection> {
        let id = AccountId::from(issue.id);
        check_positive(issue.amount)?;
        if issue.expires_at.is_some_and(|end| end <= now) {
            return Err(Rejection::ExpiryPast);
        }
        if self.accounts.contains_key(&id) {
            return Err(Rejection::IdTaken);
        }
        if issue.number.as_ref().is_some_and(|number| self.numbers.contains(number)) {
            return Err(AccountRejection::NumberTaken.into());
        }
        let (number, expires_at) = (issue.number.clone(), issue.expires_at);
        let account = Account { number, expires_at, ..Account::new(id, issue.kind) };
        let cause = Cause { command: issue.id, sale: issue.sale, note: issue.note.clone(), at: now };
        let mut moves = Moves::default();
        moves.post(account, issue.amount, Reason::Issued, &cause)?;
        Ok(moves)
    }

    /// Puts more on an account.
    ///
    /// # Errors
    /// [`AccountRejection::AmountNotPositive`], [`AccountRejection::Unknown`], [`AccountRejection::Expired`] or
    /// [`Rejection::AmountOverflow`].
    pub fn reload(&self, reload: &Reload, now: Timestamp) -> Result<Moves, Rejection> {
        check_positive(reload.amount)?;
        let account = self.active(reload.account, now)?;
        let cause = Cause { command: reload.id, sale: reload.sale, note: reload.note.clone(), at: now };
        let mut moves = Moves::default();
        moves.post(account.clone(), reload.amount, Reason::Reloaded, &cause)?;
        Ok(moves)
    }

    /// Moves what is on an account, or a part of it, to another of its kind.
    ///
    /// # Errors
    /// [`AccountRejection::AmountNotPositive`], [`AccountRejection::Unknown`], [`AccountRejection::Expired`],
    /// [`AccountRejection::NotTransferable`], [`AccountRejection::InsufficientBalance`] or [`Rejection::AmountOverflow`].
    pub fn transfer(&self, transfer: &Transfer, now: Timestamp) -> Result<Moves, Rejection> {
        if transfer.from == transfer.to {
            return Err(AccountRejection::NotTransferable("it is the same account").into());
        }
        transfer.amount.map_or(Ok(()), check_positive)?;
        let (from, to) = (self.active(transfer.from, now)?, self.active(transfer.to, now)?);
        if from.kind != to.kind {
            return Err(AccountRejection::NotTransferable("it is an account of another kind").into());
        }
        let amount = transfer.amount.unwrap_or(from.balance);
        if amount > from.balance {
            return Err(AccountRejection::InsufficientBalance { balance: from.balance, payment: None }.into());
        }
        if amount <= Amount::ZERO {
            return Err(AccountRejection::NotTransferable("there is nothing on the account").into());
        }
        let cause = Cause { command: transfer.id, sale: None, note: transfer.note.clone(), at: now };
        let mut moves = Moves::default();
        moves.post(from.clone(), -amount, Reason::Transferred, &cause)?;
        moves.post(to.clone(), amount, Reason::Transferred, &cause)?;
        Ok(moves)
    }

    /// What a sale takes from accounts and gives back to them. What goes back as store credit opens the account, if there is
    /// none. Practice moves nothing.
    ///
    /// What a till took while it had no connection is a fact: it is taken from the account, also below zero, and flagged.
    ///
    /// # Errors
    /// With a connection [`AccountRejection::Unknown`], [`AccountRejection::Expired`],
    /// [`AccountRejection::InsufficientBalance`], [`AccountRejection::CustomerNeeded`], [`AccountRejection::NoHouseAccount`] and
    /// [`AccountRejection::CreditLimit`]; always [`Rejection::AmountOverflow`].
    pub fn pay(&self, submission: &Submission, now: Timestamp) -> Result<Moves, Rejection> {
        let mut moves = Moves::default();
        if submission.training {
            return Ok(moves);
        }
        let command = CommandId::new(submission.id.uuid());
        let cause = Cause { command, sale: Some(submission.id), note: None, at: now };
        for (at, payment) in submission.payments.iter().enumerate() {
            let amount = payment.amount();
            let account = match self.paying(&moves, submission, (at, payment)) {
                Ok(Some(account)) => account,
                Ok(None) => continue,
                Err(_) if submission.offline => {
                    moves.flags.push(Flag::AccountUnknown);
                    continue;
                }
                Err(rejection) => return Err(rejection.into()),
            };
            let expired = account.status(now) == Status::Expired;
            let short = amount > Amount::ZERO && amount > account.available();
            if !submission.offline && expired {
                return Err(AccountRejection::Expired { account: account.id, payment: Some(at) }.into());
            }
            if !submission.offline && short {
                return Err(too_much(&account, at).into());
            }
            let flags = [(Flag::AccountExpired, expired), (Flag::AccountOverdrawn, short)];
            moves.flags.extend(flags.into_iter().filter_map(|(flag, applies)| applies.then_some(flag)));
            let reason = if amount.is_negative() { Reason::Refunded } else { Reason::Redeemed };
            moves.post(account, -amount, reason, &cause)?;
        }
        Ok(moves)
    }

    /// The account from which a payment is taken, as it stands after `moves`; none if it is taken from none.
    fn paying(
        &self,
        moves: &Moves,
        submission: &Submission,
        (at, payment): (usize, &Payment),
    ) -> Result<Option<Account>, AccountRejection> {
        let (kind, id) = match payment {
            Payment::GiftCard { account, .. } => (Kind::GiftCard, *account),
            Payment::StoreCredit { account, .. } => (Kind::StoreCredit, *account),
            Payment::OnAccount { .. } => {
                let customer = submission.customer.ok_or(AccountRejection::CustomerNeeded { payment: at })?;
                (Kind::House, Kind::House.of_customer(customer))
            }
            _ => return Ok(None),
        };
        let found = moves.accounts.get(&id).or_else(|| self.accounts.get(&id));
        match (found, submission.customer) {
            (Some(account), _) if account.kind == kind => Ok(Some(account.clone())),
            (None, _) if payment.amount().is_negative() && kind == Kind::StoreCredit => {
                Ok(Some(Account::new(id, kind)))
            }
            // What was put on account without a connection is owed, though nobody had allowed it.
            (None, Some(customer)) if kind == Kind::House && submission.offline => {
                Ok(Some(Account::of_customer(customer, kind)))
            }
            _ if kind == Kind::House => Err(AccountRejection::NoHouseAccount { payment: Some(at) }),
            _ => Err(AccountRejection::Unknown { account: id, payment: Some(at) }),
        }
    }

    /// Undoes all that a sale has changed: what paid for it comes back, what it paid for or gave back is taken away.
    ///
    /// # Errors
    /// [`Rejection::NotVoidable`] when what is to be taken away has been spent.
    pub fn undo(&self, sale: SaleId, void: SaleId, now: Timestamp) -> Result<Moves, Rejection> {
        let mut sums: BTreeMap<AccountId, i64> = BTreeMap::new();
        for (account, amount) in self.posted.get(&sale).into_iter().flatten() {
            *sums.entry(*account).or_default() += amount.get();
        }
        let cause = Cause { command: CommandId::new(void.uuid()), sale: Some(void), note: None, at: now };
        let mut moves = Moves::default();
        for (id, sum) in sums {
            let account = self.accounts.get(&id).ok_or(AccountRejection::Unknown { account: id, payment: None })?;
            let back = Amount::try_new(-sum).map_err(|_| Overflow)?;
            // Points may be spent, and are owed then.
            let spent = account.kind != Kind::Points && back.is_negative() && account.available() < -back;
            if spent {
                return Err(Rejection::NotVoidable { sale, why: "what it put on an account has been spent" });
            }
            if !back.is_zero() {
                moves.post(account.clone(), back, Reason::Voided, &cause)?;
            }
        }
        Ok(moves)
    }

    /// Makes moves true that were decided on as it stands.
    pub fn apply(&mut self, moves: Moves) {
        for (id, account) in moves.accounts {
            self.numbers.extend(account.number.clone());
            self.changed.insert(id);
            if self.accounts.insert(id, account).is_none() {
                self.opened.insert(id);
            }
        }
        for entry in &moves.entries {
            if let Some(sale) = entry.sale {
                self.posted.entry(sale).or_default().push((entry.account, entry.amount));
            }
        }
        self.entries.extend(moves.entries);
    }

    fn active(&self, id: AccountId, now: Timestamp) -> Result<&Account, Rejection> {
        let account = self.accounts.get(&id).ok_or(AccountRejection::Unknown { account: id, payment: None })?;
        if matches!(account.kind, Kind::House | Kind::Points) {
            return Err(AccountRejection::OfCustomer(id).into());
        }
        match account.status(now) {
            Status::Active => Ok(account),
            Status::Expired => Err(AccountRejection::Expired { account: id, payment: None }.into()),
        }
    }
}

impl Moves {
    pub(super) fn post(
        &mut self,
        mut account: Account,
        amount: Amount,
        reason: Reason,
        cause: &Cause,
    ) -> Result<(), Overflow> {
        self.entries.push(account.post(amount, reason, cause)?);
        self.accounts.insert(account.id, account);
        Ok(())
    }
}

fn too_much(account: &Account, payment: usize) -> AccountRejection {
    match account.kind {
        Kind::House => AccountRejection::CreditLimit { available: account.available(), payment },
        _ => AccountRejection::InsufficientBalance { balance: account.balance, payment: Some(payment) },
    }
}

pub(super) fn check_positive(amount: Amount) -> Result<(), AccountRejection> {
    if amount > Amount::ZERO { Ok(()) } else { Err(AccountRejection::AmountNotPositive) }
}
