//! What customers collect points by.

use std::collections::{BTreeMap, BTreeSet};

use tillstream_contract::{
    identity::Changed,
    loyalty::{LoyaltyRuleToEnd, LoyaltyRuleToPut},
    sale::Event,
};
use tillstream_domain::{Rejection, account::AccountRejection, id::MerchantId, loyalty::Rule};
use tillstream_store::{Error, PgConnection, loyalty as stored, price::Versioned};

/// The rules of the merchants of a batch, and which of them it changes.
#[derive(Debug, Default)]
pub(crate) struct State {
    rules: BTreeMap<MerchantId, Versioned<Rule>>,
    changed: BTreeSet<MerchantId>,
}

impl State {
    /// Loads the rules of these merchants. Those that the batch changes nobody else changes: see [`crate::customer::Wanted`].
    pub(crate) async fn load(conn: &mut PgConnection, merchants: &BTreeSet<MerchantId>) -> Result<Self, Error> {
        Ok(Self { rules: stored::rules(conn, merchants).await?, changed: BTreeSet::new() })
    }

    /// The rule that applies.
    pub(crate) fn rule(&self, merchant: MerchantId) -> Option<&Rule> {
        self.rules.get(&merchant).filter(|rule| !rule.ended).map(|rule| &rule.what)
    }

    pub(crate) fn put(&mut self, merchant: MerchantId, put: &LoyaltyRuleToPut) -> Result<Event, Rejection> {
        self.change(merchant, put.rule, put.version.unwrap_or(0), false)
    }

    pub(crate) fn end(&mut self, merchant: MerchantId, end: LoyaltyRuleToEnd) -> Result<Event, Rejection> {
        let rule = self.rules.get(&merchant).ok_or(AccountRejection::NoLoyaltyRule)?.what;
        self.change(merchant, rule, end.version, true)
    }

    fn change(&mut self, merchant: MerchantId, rule: Rule, seen: u32, ended: bool) -> Result<Event, Rejection> {
        let found = self.rules.get(&merchant).map_or(0, |rule| rule.version);
        if found != seen {
            return Err(Rejection::VersionConflict { expected: seen, found });
        }
        let version = found + 1;
        self.rules.insert(merchant, Versioned { what: rule, version, ended });
        self.changed.insert(merchant);
        Ok(Event::LoyaltyRuleChanged(Changed { id: merchant.uuid(), version }))
    }

    pub(crate) async fn save(mut self, conn: &mut PgConnection) -> Result<(), Error> {
        self.rules.retain(|merchant, _| self.changed.contains(merchant));
        stored::save(conn, &self.rules).await
    }
}
