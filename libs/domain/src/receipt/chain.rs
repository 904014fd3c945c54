//! Links of a register's chain, as they are kept.

use super::{Content, Hash, Head, Issued, VerifyingKey, journal::Problem};
use crate::id::{MerchantId, RegisterId};

/// Verifies that `kept` is what a register's chain that stood at `head` goes on with: the next number, chained to the
/// receipt before, of this register, with a hash that is its content's, and signed by one of `keys`. Returns where the
/// chain then stands.
///
/// # Errors
/// The first [`Problem`] of the receipt.
pub fn verify_link(
    head: &Head,
    (merchant, register): (MerchantId, RegisterId),
    kept: &Issued,
    keys: &[VerifyingKey],
) -> Result<Head, Problem> {
    let found = Hash::of(kept.content.as_bytes());
    if found != kept.hash {
        return Err(Problem::HashMismatch { found });
    }
    let key = keys.iter().find(|key| key.key_id() == kept.key_id).ok_or(Problem::KeyUntrusted(kept.key_id))?;
    if !key.verifies(&kept.hash, &kept.signature) {
        return Err(Problem::SignatureBad);
    }
    let content = Content::parse(&kept.content)?;
    if content.merchant.id != merchant {
        return Err(Problem::WrongMerchant(content.merchant.id));
    }
    if content.register.id != register {
        return Err(Problem::RegisterOrder);
    }
    if kept.number != head.number + 1 || content.number != kept.number {
        return Err(Problem::NumberGap { expected: head.number + 1 });
    }
    if content.previous != head.hash {
        return Err(Problem::PreviousMismatch { expected: head.hash });
    }
    Ok(kept.head())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        receipt::{SigningKey, issue},
        shop,
    };

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32])
    }

    /// A register's first two receipts, and whose they are.
    fn chain() -> ([Issued; 2], (MerchantId, RegisterId)) {
        let first = issue(&Head::GENESIS, &shop::sale(1), shop::noon(), &key());
        let second = issue(&first.head(), &shop::sale(2), shop::noon(), &key());
        let content = Content::parse(&first.content).unwrap();
        ([first, second], (content.merchant.id, content.register.id))
    }

    #[test]
    fn a_sound_chain_is_followed_to_its_end() {
        let ([first, second], series) = chain();
        let keys = [key().verifying_key()];
        let head = verify_link(&Head::GENESIS, series, &first, &keys).unwrap();
        assert_eq!(verify_link(&head, series, &second, &keys), Ok(second.head()));
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let ([first, second], series) = chain();
        let keys = [key().verifying_key()];
        let problem = |head: &Head, series, kept: &Issued| verify_link(head, series, kept, &keys).unwrap_err();
        let head = first.head();

        let changed = Issued { content: second.content.replace("Espresso", "Expresso"), ..second.clone() };
        assert!(matches!(problem(&head, series, &changed), Problem::HashMismatch { .. }));
        let rehashed = Issued { hash: Hash::of(changed.content.as_bytes()), ..changed };
        assert_eq!(problem(&head, series, &rehashed), Problem::SignatureBad);
        assert_eq!(problem(&Head::GENESIS, series, &second), Problem::NumberGap { expected: 1 });
        let renumbered = Issued { number: 3, ..second.clone() };
        assert_eq!(problem(&head, series, &renumbered), Problem::NumberGap { expected: 2 });
        let other = Hash::of(b"another receipt");
        let elsewhere = Head { hash: other, ..head };
        assert_eq!(problem(&elsewhere, series, &second), Problem::PreviousMismatch { expected: other });
        let (merchant, register) = series;
        let stranger = RegisterId::new(merchant.uuid());
        assert_eq!(problem(&head, (merchant, stranger), &second), Problem::RegisterOrder);
        let another = MerchantId::new(register.uuid());
        assert_eq!(problem(&head, (another, register), &second), Problem::WrongMerchant(merchant));
    }

    #[test]
    fn only_receipts_that_a_known_key_has_signed_are_sound() {
        let ([first, _], series) = chain();
        let other = SigningKey::from_seed(&[8; 32]).verifying_key();
        let verify = |kept: &Issued, keys: &[VerifyingKey]| verify_link(&Head::GENESIS, series, kept, keys);
        assert_eq!(verify(&first, &[other]), Err(Problem::KeyUntrusted(key().key_id())));
        assert_eq!(verify(&first, &[other, key().verifying_key()]), Ok(first.head()));
        let invented = Issued { key_id: other.key_id(), ..first };
        assert_eq!(verify(&invented, &[key().verifying_key()]), Err(Problem::KeyUntrusted(other.key_id())));
        assert_eq!(verify(&invented, &[other, key().verifying_key()]), Err(Problem::SignatureBad));
    }
}
