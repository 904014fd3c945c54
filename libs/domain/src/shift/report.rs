//! What is shown of a shift: the X report while it is open, the Z report once it is closed.

use serde::{Deserialize, Serialize};

use super::{Cash, Count, Grand, Mark, Movements, Shift, Spot, State, Sum, Tickets, Totals};
use crate::{
    id::ShiftId,
    money::{Amount, Currency},
    tender::Kind,
};

/// A shift as it stands: an X report, or, once it is closed, a Z report, which never changes.
///
/// Of a blind shift that is not counted yet all is left out that tells what should be in the drawer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Shift))]
pub struct Report {
    /// Its id: the `Idempotency-Key` of the request that opened it.
    pub id: ShiftId,
    /// How far it has come.
    pub state: State,
    /// The number of the Z report: from 1, ascending for each register, never reset. Absent until it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Where.
    pub spot: Spot,
    /// ISO 4217 code of every amount.
    pub currency: Currency,
    /// Whether whoever counts is not told what is expected.
    pub blind: bool,
    /// Who opened it, and when.
    pub opened: Mark,
    /// Who ended it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Mark>,
    /// Who closed it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Mark>,
    /// Whether it was closed although sales were known to be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// What was in the drawer at the beginning: minor units, or notes and coins.
    pub float: Cash,
    /// What went in and out of the drawer besides sales.
    pub drawer: Movements,
    /// What was found at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Count>,
    /// What was sold in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// What was sold before it opened, after the last one ended, or in no shift, and belongs to no earlier Z report. Its
    /// cash is not expected in the drawer: it was there when the float was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Totals>,
    /// The tickets of what was sold in it.
    pub tickets: Tickets,
    /// What should be there and what is, by tender.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenders: Vec<Reckoned>,
    /// What all Z reports of the register come to, with this one. Absent until it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grand: Option<Grand>,
}

/// What should be there of a tender, and what is. `expected` + `difference` = `counted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ReckonedTender))]
pub struct Reckoned {
    /// The tender.
    pub tender: Kind,
    /// What should be there. Of cash: float + paid − change − refunded + put in − paid out − dropped.
    pub expected: Sum,
    /// What was found; absent if it was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Amount>,
    /// What is too much, or, if negative, missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Sum>,
}

impl Shift {
    /// How far it has come.
    #[must_use]
    pub const fn state(&self) -> State {
        if self.ended.is_some() { State::Ended } else { State::Open }
    }

    /// The X report.
    #[must_use]
    pub fn report(&self) -> Report {
        let hidden = self.blind && self.counted.is_none();
        let shown = |totals: &Totals| (!hidden).then(|| totals.clone());
        Report {
            id: self.id,
            state: self.state(),
            number: None,
            spot: self.spot.clone(),
            currency: self.currency,
            blind: self.blind,
            opened: self.opened,
            ended: self.ended,
            closed: None,
            forced: false,
            float: self.float.clone(),
            drawer: self.drawer,
            counted: self.counted.clone(),
            totals: shown(&self.totals),
            late: shown(&self.late),
            tickets: self.tickets.clone(),
            tenders: if hidden { Vec::new() } else { self.reckon() },
            grand: None,
        }
    }

    /// What should be there and what is, by tender: cash always, others where something was paid with them or counted.
    #[must_use]
    pub fn reckon(&self) -> Vec<Reckoned> {
        let found = self.counted.iter().flat_map(|count| &count.tenders);
        let used = self.totals.tenders.iter().chain(&self.totals.received).map(|total| total.tender);
        let mut tenders: Vec<Kind> = found.map(|counted| counted.tender).chain(used).chain([Kind::Cash]).collect();
        tenders.sort_unstable();
        tenders.dedup();
        let reckoned = |tender| {
            let expected = self.expected(tender);
            let counted = self.found(tender);
            Reckoned { tender, expected, counted, difference: counted.map(|found| Sum::from(found) - expected) }
        };
        tenders.into_iter().map(reckoned).collect()
    }

    fn expected(&self, tender: Kind) -> Sum {
        let held = self.totals.held(tender);
        if tender != Kind::Cash {
            return held;
        }
        let Movements { cash_in, cash_out, drops, .. } = self.drawer;
        held + amount(&self.float).into() + cash_in - cash_out - drops
    }

    fn found(&self, tender: Kind) -> Option<Amount> {
        let count = self.counted.as_ref()?;
        count.tenders.iter().find(|counted| counted.tender == tender).map(|counted| amount(&counted.amount))
    }
}

/// What cash comes to that was taken, and so has a total.
fn amount(cash: &Cash) -> Amount {
    cash.total().unwrap_or(Amount::ZERO)
}
