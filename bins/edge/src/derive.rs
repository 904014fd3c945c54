//! Secrets that follow from the edge's key and a command's id.
//!
//! A request that is repeated with the same `Idempotency-Key` must show the same code and send the same hash. So neither is
//! random: each is HMAC-SHA256 (RFC 2104) of what it is for and of the command, which nobody without the key can compute.

use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::caller::Caller;

/// What a secret is for: no two purposes ever give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The salt of a password's hash.
    PasswordSalt,
    /// The salt of a PIN's hash.
    PinSalt,
    /// A code for the enrolment of a till.
    EnrolmentCode,
    /// The secret half of an API key.
    ApiKey,
    /// The account under which failed sign-ins are counted.
    Account,
    /// The one-time code of an invitation.
    Invitation,
    /// The number of a gift card.
    GiftCard,
    /// What a request about people is known by again.
    Request,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::PasswordSalt => "tillstream password salt",
            Self::PinSalt => "tillstream pin salt",
            Self::EnrolmentCode => "tillstream enrolment code",
            Self::ApiKey => "tillstream api key",
            Self::Account => "tillstream account",
            Self::Invitation => "tillstream invitation",
            Self::GiftCard => "tillstream gift card",
            Self::Request => "tillstream request",
        }
    }
}

/// Derives secrets. Every edge of a system has the same key and so derives the same.
#[derive(Clone)]
pub(crate) struct Derive(Hmac<Sha256>);

impl std::fmt::Debug for Derive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Derive(…)")
    }
}

impl Derive {
    pub(crate) fn new(key: &SigningKey) -> Self {
        Self(Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length"))
    }

    /// 32 bytes for the command `id`.
    pub(crate) fn secret(&self, purpose: Purpose, id: Uuid) -> [u8; 32] {
        self.of(purpose, id.as_bytes())
    }

    /// 32 bytes that are shown once, for the command `id` of this caller: whoever else sends the same id, of this merchant or
    /// another, has something else derived, and so sends another command.
    pub(crate) fn shown(&self, purpose: Purpose, caller: &Caller, id: Uuid) -> [u8; 32] {
        let whose = format!("{} {} {id}", caller.merchant(), caller.actor());
        self.of(purpose, whose.as_bytes())
    }

    /// 32 bytes for `what`.
    pub(crate) fn of(&self, purpose: Purpose, what: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(purpose.label().as_bytes());
        mac.update(&[0]);
        mac.update(what);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use tillstream_domain::id::{MerchantId, UserId};

    use super::*;

    #[test]
    fn a_secret_is_of_one_key_one_purpose_and_one_command() {
        let [one, other] = [1, 2].map(|seed| Derive::new(&SigningKey::from_bytes(&[seed; 32])));
        let [first, second] = [1, 2].map(Uuid::from_u128);
        let secret = one.secret(Purpose::ApiKey, first);
        assert_eq!(one.clone().secret(Purpose::ApiKey, first), secret);
        assert_ne!(other.secret(Purpose::ApiKey, first), secret);
        assert_ne!(one.secret(Purpose::PinSalt, first), secret);
        assert_ne!(one.secret(Purpose::ApiKey, second), secret);
    }

    #[test]
    fn what_is_shown_to_one_is_shown_to_nobody_else() {
        let derive = Derive::new(&SigningKey::from_bytes(&[1; 32]));
        let id = Uuid::from_u128(1);
        let [kim, lou] = [2, 3].map(|user| UserId::new(Uuid::from_u128(user)));
        let [here, there] = [4, 5].map(|merchant| MerchantId::new(Uuid::from_u128(merchant)));
        let shown = |merchant, user| derive.shown(Purpose::Invitation, &Caller::of_user(merchant, user, None, 0), id);
        assert_eq!(shown(here, kim), shown(here, kim));
        assert_ne!(shown(here, kim), shown(here, lou));
        assert_ne!(shown(here, kim), shown(there, kim));
    }
}
