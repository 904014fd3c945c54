//! Until when somebody may sell at a till without the server, as the server has said.

use ed25519_dalek::VerifyingKey;
use tillstream_contract::token::{self, Offline, TokenError};
use tillstream_domain::id::{RegisterId, UserId};

/// Reads what a sign-in brought, at `now` (seconds since the Unix epoch), by the server's keys: for this person at this till,
/// or not at all.
///
/// The till's clock may have been set back meanwhile, so it also keeps the latest time that it has seen and gives that if it
/// is later.
///
/// # Errors
/// [`TokenError`], which is [`TokenError::Malformed`] when it is for somebody else or another till, or from the future.
pub fn read(
    token: &str,
    keys: &[VerifyingKey],
    till: RegisterId,
    user: UserId,
    now: i64,
) -> Result<Offline, TokenError> {
    let (offline, _) = token::verify::<Offline>(token, keys, now)?;
    // A clock that is behind by more than a few minutes cannot be told from one that was set back.
    let plausible = offline.iat <= now + 300;
    if offline.till == till && offline.user == user && plausible { Ok(offline) } else { Err(TokenError::Malformed) }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use tillstream_domain::{
        id::{MerchantId, StoreId},
        identity::Permission,
    };
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn a_grant_counts_for_one_person_at_one_till_until_it_ends() {
        let server = SigningKey::from_bytes(&[1; 32]);
        let keys = [server.verifying_key()];
        let (till, user) = (RegisterId::new(id(1)), UserId::new(id(2)));
        let offline = Offline {
            user,
            merchant: MerchantId::new(id(3)),
            store: StoreId::new(id(4)),
            till,
            permissions: vec![Permission::Sell],
            iat: 1_000,
        };
        let token = token::sign(&offline, 2_000, &server);
        assert_eq!(read(&token, &keys, till, user, 1_500), Ok(offline.clone()));
        assert_eq!(read(&token, &keys, till, user, 2_000), Err(TokenError::Expired));
        assert_eq!(read(&token, &keys, till, user, 600), Err(TokenError::Malformed), "the clock was set back");
        assert_eq!(read(&token, &keys, till, UserId::new(id(9)), 1_500), Err(TokenError::Malformed));
        assert_eq!(read(&token, &keys, RegisterId::new(id(9)), user, 1_500), Err(TokenError::Malformed));
        let forged = token::sign(&offline, 2_000, &SigningKey::from_bytes(&[2; 32]));
        assert_eq!(read(&forged, &keys, till, user, 1_500), Err(TokenError::Signature));
    }
}
