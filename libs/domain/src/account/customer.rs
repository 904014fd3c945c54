//! The accounts of customers: what they owe, and the points that they have collected.

use std::collections::BTreeMap;

use super::{Account, AccountRejection, Cause, Kind, Ledger, Moves, Reason, ledger::check_positive};
use crate::{
    Rejection,
    id::{AccountId, CommandId, CustomerId, SaleId},
    loyalty::Rule,
    money::Amount,
    text::Note,
    time::Timestamp,
};

/// The kinds of which a customer has at most one account each.
pub const OF_CUSTOMERS: [Kind; 3] = [Kind::House, Kind::Points, Kind::StoreCredit];

/// What a customer pays of what they owe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payoff {
    /// The id of the command that carries it.
    pub id: CommandId,
    /// Who.
    pub customer: CustomerId,
    /// How much; below zero to take back what was entered by mistake.
    pub amount: Amount,
    /// Somebody's remark.
    pub note: Option<Note>,
}

/// Points that a customer turns into store credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redemption {
    /// The id of the command that carries it.
    pub id: CommandId,
    /// Who.
    pub customer: CustomerId,
    /// How many: above zero.
    pub points: Amount,
}

impl Kind {
    /// The account of this kind that is a customer's own: its id follows from theirs, so that there is one.
    #[must_use]
    pub fn of_customer(self, customer: CustomerId) -> AccountId {
        AccountId::new(uuid::Uuid::new_v5(&customer.uuid(), self.as_str().as_bytes()))
    }
}

impl Account {
    /// A customer's own, without an entry.
    #[must_use]
    pub fn of_customer(customer: CustomerId, kind: Kind) -> Self {
        Self { customer: Some(customer), ..Self::new(kind.of_customer(customer), kind) }
    }
}

impl Ledger {
    /// Opens a customer's house account, or changes how much they may owe.
    ///
    /// # Errors
    /// [`AccountRejection::LimitNegative`].
    pub fn put_house(&self, customer: CustomerId, limit: Amount) -> Result<Moves, Rejection> {
        if limit.is_negative() {
            return Err(AccountRejection::LimitNegative.into());
        }
        let account = self.own(customer, Kind::House)?.unwrap_or_else(|| Account::of_customer(customer, Kind::House));
        let mut moves = Moves::default();
        moves.accounts.insert(account.id, Account { limit, ..account });
        Ok(moves)
    }

    /// Takes what a customer pays of what they owe. More than that stands to their credit.
    ///
    /// # Errors
    /// [`AccountRejection::AmountNotPositive`], [`AccountRejection::NoHouseAccount`] or [`Rejection::AmountOverflow`].
    pub fn pay_off(&self, payoff: &Payoff, now: Timestamp) -> Result<Moves, Rejection> {
        if payoff.amount.is_zero() {
            return Err(AccountRejection::AmountNotPositive.into());
        }
        let account = self.own(payoff.customer, Kind::House)?;
        let account = account.ok_or(AccountRejection::NoHouseAccount { payment: None })?;
        let cause = Cause { command: payoff.id, sale: None, note: payoff.note.clone(), at: now };
        let mut moves = Moves::default();
        moves.post(account, payoff.amount, Reason::Paid, &cause)?;
        Ok(moves)
    }

    /// Turns points of a customer into store credit of theirs, with which they pay as with any.
    ///
    /// # Errors
    /// [`AccountRejection::AmountNotPositive`], [`AccountRejection::InsufficientPoints`] or [`Rejection::AmountOverflow`].
    pub fn redeem(&self, redemption: &Redemption, rule: &Rule, now: Timestamp) -> Result<Moves, Rejection> {
        let Redemption { id, customer, points } = *redemption;
        check_positive(points)?;
        let collected = self.own(customer, Kind::Points)?;
        let left = collected.as_ref().map_or(Amount::ZERO, |account| account.balance);
        let collected = collected.filter(|account| account.balance >= points);
        let collected = collected.ok_or(AccountRejection::InsufficientPoints { left })?;
        let credit = self.own(customer, Kind::StoreCredit)?;
        let reason = if credit.is_some() { Reason::Reloaded } else { Reason::Issued };
        let credit = credit.unwrap_or_else(|| Account::of_customer(customer, Kind::StoreCredit));
        let cause = Cause { command: id, sale: None, note: None, at: now };
        let mut moves = Moves::default();
        moves.post(collected, -points, Reason::Redeemed, &cause)?;
        moves.post(credit, rule.worth_of(points)?, reason, &cause)?;
        Ok(moves)
    }

    /// Moves all that is on a customer's accounts to another's. How much somebody may owe stays as it is, unless they could owe
    /// nothing.
    ///
    /// # Errors
    /// [`Rejection::AmountOverflow`].
    pub fn merge(
        &self,
        command: CommandId,
        (from, into): (CustomerId, CustomerId),
        now: Timestamp,
    ) -> Result<Moves, Rejection> {
        let cause = Cause { command, sale: None, note: None, at: now };
        let mut moves = Moves::default();
        for kind in OF_CUSTOMERS {
            let Some(mut gone) = self.own(from, kind)? else { continue };
            let survivor = self.own(into, kind)?;
            let survivor =
                survivor.unwrap_or_else(|| Account { limit: gone.limit, ..Account::of_customer(into, kind) });
            moves.accounts.insert(survivor.id, survivor.clone());
            let balance = gone.balance;
            // Who names it by its id neither spends from it nor gives back to it any more.
            gone.expires_at = Some(now);
            moves.accounts.insert(gone.id, gone.clone());
            if !balance.is_zero() {
                moves.post(gone, -balance, Reason::Transferred, &cause)?;
                moves.post(survivor, balance, Reason::Transferred, &cause)?;
            }
        }
        Ok(moves)
    }

    /// Adds to the moves of a sale the points that customers collect by it, and those that they lose by what comes back. These
    /// go below zero where they are spent. What would be more than can be counted is cut off.
    pub fn collect(&self, moves: &mut Moves, sale: SaleId, points: &Points, now: Timestamp) {
        let cause = Cause { command: CommandId::new(sale.uuid()), sale: Some(sale), note: None, at: now };
        for ((customer, reason), points) in &points.0 {
            let id = Kind::Points.of_customer(*customer);
            let found = moves.accounts.get(&id).or_else(|| self.account(id)).cloned();
            let account = found.unwrap_or_else(|| Account::of_customer(*customer, Kind::Points));
            let sum = account.balance.get().saturating_add(*points);
            let sum = sum.clamp(-Amount::MAX.get(), Amount::MAX.get());
            let change = Amount::try_new(sum - account.balance.get()).unwrap_or(Amount::ZERO);
            // Somebody may have taken the id for store credit that a till has given back.
            if account.kind == Kind::Points && !change.is_zero() {
                let posted = moves.post(account, change, *reason, &cause);
                posted.expect("the sum is within the range, and each of an account's entries is a row");
            }
        }
    }

    /// A customer's account of a kind. Nobody else's has its id but by somebody's doing, and then it stays what it is.
    fn own(&self, customer: CustomerId, kind: Kind) -> Result<Option<Account>, AccountRejection> {
        let account = self.account(kind.of_customer(customer));
        match account {
            Some(account) if account.kind != kind => {
                Err(AccountRejection::NotTransferable("somebody has given its id to an account of another kind"))
            }
            account => Ok(account.cloned()),
        }
    }
}

/// Points that customers collect or lose by a sale.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points(BTreeMap<(CustomerId, Reason), i64>);

impl Points {
    /// Adds what a customer collects.
    pub fn earn(&mut self, customer: CustomerId, points: i64) {
        let sum = self.0.entry((customer, Reason::Earned)).or_default();
        *sum = sum.saturating_add(points);
    }

    /// Adds what a customer loses.
    pub fn take_back(&mut self, customer: CustomerId, points: i64) {
        let sum = self.0.entry((customer, Reason::TakenBack)).or_default();
        *sum = sum.saturating_sub(points);
    }
}

#[cfg(test)]
mod tests;
