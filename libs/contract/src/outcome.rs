//! What became of a command, as the inbox keeps it.

use serde::{Deserialize, Serialize};
use tillstream_domain::Rejection;
use utoipa::ToSchema;

use crate::{Envelope, pack};

/// The decision on one command or event. It is stored in the transaction of its effects and published from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It took effect. The first event's body answers the caller.
    Accepted(Vec<Envelope>),
    /// It was refused, and that is final.
    Rejected(Refusal),
}

impl Outcome {
    /// The form in which the inbox keeps it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        pack(self)
    }

    /// Reads what [`Outcome::encode`] wrote, in this version or an earlier one.
    ///
    /// # Errors
    /// When the bytes are not an outcome.
    pub fn decode(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(bytes)
    }

    /// The events to publish: none for a refusal.
    #[must_use]
    pub fn events(&self) -> &[Envelope] {
        match self {
            Self::Accepted(events) => events,
            Self::Rejected(_) => &[],
        }
    }
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// Stable and for machines: `unknown_product`, `payment_short`, …
    #[schema(example = "payment_short")]
    pub code: String,
    /// For people: what happened, to which thing, what to do.
    pub detail: String,
    /// JSON pointer (RFC 6901) of the field that caused it, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/lines/0/product")]
    pub pointer: Option<String>,
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self { code: rejection.code().to_owned(), detail: rejection.to_string(), pointer: rejection.pointer() }
    }
}

impl Refusal {
    /// The command is of a merchant who does not exist.
    #[must_use]
    pub fn unknown_merchant(merchant: tillstream_domain::id::MerchantId) -> Self {
        Self { code: "unknown_merchant".to_owned(), detail: format!("there is no merchant {merchant}"), pointer: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_refusal_is_the_same_after_the_wire(code in ".*", detail in ".*", pointer in proptest::option::of(".*")) {
            let outcome = Outcome::Rejected(Refusal { code, detail, pointer });
            prop_assert_eq!(Outcome::decode(&outcome.encode()).unwrap(), outcome.clone());
            prop_assert_eq!(outcome.events(), &[]);
        }
    }

    #[test]
    fn a_rejection_keeps_its_code_its_text_and_the_field_at_fault() {
        let refusal = Refusal::from(Rejection::QuantityOutOfRange { line: 3 });
        assert_eq!(refusal.code, "quantity_out_of_range");
        assert_eq!(refusal.detail, "the quantity of line 3 is out of range");
        assert_eq!(refusal.pointer.as_deref(), Some("/lines/3/quantity"));
    }
}
