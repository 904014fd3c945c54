//! Shifts on the wire: what a counter says of them, and what is said of them.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    Rejection,
    id::{RegisterId, ShiftId, StoreId},
    identity::{Actor, Need, Permission, Place},
    money::Amount,
    sale::Ticket,
    shift::{Cash, Closing, Counted, Counting, Entry, Mark, Opening, Report, Target, Use},
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Envelope;

/// A shift to open. Its id is the request's `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewShift {
    /// The store.
    pub store: StoreId,
    /// The register, which has no shift that is not closed.
    pub register: RegisterId,
    /// When it opened, by the clock that says when sales happen; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// What is in the drawer: minor units, or notes and coins.
    pub float: Cash,
    /// Whether whoever counts shall not be told what is expected before they have counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blind: bool,
}

/// Something that a drawer is opened for besides sales.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewDrawerEvent {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// Its shift, not closed.
    pub shift: ShiftId,
    /// What for.
    #[serde(rename = "use")]
    pub what: Use,
    /// What moves, in minor units: above zero; left out where nothing does.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub amount: Amount,
    /// Why.
    #[schema(value_type = String, max_length = 500)]
    pub reason: Note,
    /// When; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
}

/// The end of a shift: nobody sells on it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftEnd {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// The shift.
    pub shift: ShiftId,
    /// When it ended, by the clock that says when sales happen; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What was found at the end of a shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftCount {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// The shift.
    pub shift: ShiftId,
    /// What there is of each tender, each once.
    #[schema(max_items = 7)]
    pub tenders: Vec<Counted>,
    /// When; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
}

/// The close of a shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftClose {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// The shift.
    pub shift: ShiftId,
    /// How many sales, returns, exchanges and voids the till has made in it. If fewer are here the close is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<u64>,
    /// The last ticket that the till has made in it. If it or one before it is not here the close is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ticket: Option<Ticket>,
    /// To close it nevertheless: what comes later is late in the next.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// When; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

/// A shift has come further: it was opened, ended, counted or closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftChanged {
    /// The shift as it stands; once it is closed, its Z report.
    pub shift: Report,
}

/// A drawer was opened besides sales.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrawerUsed {
    /// What was done.
    pub event: DrawerEvent,
}

/// Something that a drawer was opened for besides sales. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrawerEvent {
    /// Its id: the `Idempotency-Key` of the request.
    pub id: Uuid,
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// The shift.
    pub shift: ShiftId,
    /// What for.
    #[serde(rename = "use")]
    pub what: Use,
    /// What moved, in minor units.
    pub amount: Amount,
    /// Why.
    #[schema(value_type = String, max_length = 500)]
    pub reason: Note,
    /// Who did it, and when.
    pub mark: Mark,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Who sent a command, and when it happened if the client said so.
fn mark(envelope: &Envelope, at: Option<Timestamp>) -> Mark {
    // The edge writes the actor; one that cannot be read has been tampered with, and names nobody who could have sent it.
    let by = envelope.actor.parse().unwrap_or(Actor::Operator);
    Mark { at: at.unwrap_or(envelope.at), by }
}

impl NewShift {
    pub(crate) fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Register(self.store, self.register))
    }

    /// What the body alone decides.
    ///
    /// # Errors
    /// What [`Cash::total`] refuses.
    pub fn check(&self) -> Result<(), Rejection> {
        self.float.total().map(drop)
    }

    /// What the domain decides on.
    #[must_use]
    pub fn opening(&self, envelope: &Envelope) -> Opening {
        Opening {
            id: ShiftId::new(envelope.id),
            store: self.store,
            register: self.register,
            mark: mark(envelope, self.opened_at),
            float: self.float.clone(),
            blind: self.blind,
        }
    }
}

impl NewDrawerEvent {
    pub(crate) fn need(&self) -> Need {
        let permission = if self.what == Use::NoSale { Permission::OpenDrawer } else { Permission::Sell };
        Need::new(permission, Place::Register(self.store, self.register))
    }

    /// Which shift it is about.
    #[must_use]
    pub const fn target(&self) -> Target {
        Target { store: self.store, register: self.register, shift: self.shift }
    }

    /// What the domain decides on.
    #[must_use]
    pub const fn entry(&self) -> Entry {
        Entry { what: self.what, amount: self.amount }
    }

    /// What is kept of it.
    #[must_use]
    pub fn recorded(&self, envelope: &Envelope, now: Timestamp) -> DrawerEvent {
        DrawerEvent {
            id: envelope.id,
            store: self.store,
            register: self.register,
            shift: self.shift,
            what: self.what,
            amount: self.amount,
            reason: self.reason.clone(),
            mark: mark(envelope, self.occurred_at),
            recorded_at: now,
        }
    }
}

impl ShiftEnd {
    pub(crate) fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Register(self.store, self.register))
    }

    /// Which shift it is about.
    #[must_use]
    pub const fn target(&self) -> Target {
        Target { store: self.store, register: self.register, shift: self.shift }
    }

    /// Who ends it, and when.
    #[must_use]
    pub fn mark(&self, envelope: &Envelope) -> Mark {
        mark(envelope, self.ended_at)
    }
}

impl ShiftCount {
    pub(crate) fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Register(self.store, self.register))
    }

    /// Which shift it is about.
    #[must_use]
    pub const fn target(&self) -> Target {
        Target { store: self.store, register: self.register, shift: self.shift }
    }

    /// What the domain decides on.
    #[must_use]
    pub fn counting(&self, envelope: &Envelope) -> Counting {
        Counting { mark: mark(envelope, self.counted_at), tenders: self.tenders.clone() }
    }
}

impl ShiftClose {
    pub(crate) fn need(&self) -> Need {
        Need::new(Permission::Sell, Place::Register(self.store, self.register))
    }

    /// Which shift it is about.
    #[must_use]
    pub const fn target(&self) -> Target {
        Target { store: self.store, register: self.register, shift: self.shift }
    }

    /// What the domain decides on.
    #[must_use]
    pub fn closing(&self, envelope: &Envelope) -> Closing {
        Closing {
            mark: mark(envelope, self.closed_at),
            documents: self.documents,
            last_ticket: self.last_ticket,
            force: self.force,
        }
    }
}
