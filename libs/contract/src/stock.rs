//! Stock on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    Rejection,
    id::{CommandId, ProductId, StoreId},
    identity::{Need, Permission, Place},
    quantity::Quantity,
    stock::{Adjustment, Movement, Reason},
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Envelope, envelope::messages};

messages! {
    /// What the stock worker is told to do.
    Command {
        /// Adjust levels.
        Adjust(NewAdjustment) = "stock.adjust.v1",
    }
}

messages! {
    /// What the stock worker reports.
    Event {
        /// Levels moved.
        Moved(Moved) = "stock.moved.v1",
    }
}

impl crate::Command for Command {
    fn need(&self) -> Need {
        match self {
            Self::Adjust(adjustment) => Need::new(Permission::AdjustStock, Place::Store(adjustment.store)),
        }
    }
}

/// An adjustment of stock levels, as a client asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewAdjustment {
    /// The store whose levels move.
    pub store: StoreId,
    /// Why: `received`, `damaged`, `lost`, `found` or `correction`.
    pub reason: Reason,
    /// When it happened; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// What moves: 1 to 500 lines.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<Delta>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// By how much one product's level moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    /// The product.
    pub product: ProductId,
    /// Units added (or, negative, taken away), for example `"-1.5"`.
    pub delta: Quantity,
}

/// Levels moved, for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moved {
    /// The store whose levels moved.
    pub store: StoreId,
    /// Why.
    pub reason: Reason,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What moved, in the order of the cause's lines.
    pub lines: Vec<Delta>,
}

impl NewAdjustment {
    /// Checks what the body alone decides, for an adjustment submitted as `id` at `at`.
    ///
    /// # Errors
    /// What [`Adjustment::check`] refuses.
    pub fn check(&self, id: Uuid, at: Timestamp) -> Result<(), Rejection> {
        self.submitted(id, at).check()
    }

    /// What the domain decides on: this adjustment, with the id and time of the envelope in which it came.
    #[must_use]
    pub fn adjustment(&self, envelope: &Envelope) -> Adjustment {
        self.submitted(envelope.id, envelope.at)
    }

    fn submitted(&self, id: Uuid, at: Timestamp) -> Adjustment {
        Adjustment {
            id: CommandId::new(id),
            store: self.store,
            reason: self.reason,
            occurred_at: self.occurred_at.unwrap_or(at),
            lines: self.lines.iter().map(|line| (line.product, line.delta)).collect(),
            note: self.note.clone(),
        }
    }
}

impl Moved {
    /// The event for movements that have one cause, and so one store, reason and time; `None` when nothing moved.
    #[must_use]
    pub fn of(movements: &[Movement]) -> Option<Self> {
        let first = movements.first()?;
        Some(Self {
            store: first.store,
            reason: first.reason,
            occurred_at: first.occurred_at,
            lines: movements
                .iter()
                .map(|movement| Delta { product: movement.product, delta: movement.delta })
                .collect(),
        })
    }
}
