//! Checking a PIN without the server.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// Wrong PINs after which the till asks the server again.
pub const ATTEMPTS: u32 = 5;
/// What a check costs: 19 MiB of memory, two passes, one lane, as OWASP has it.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// By which a till knows a PIN again that the server has just accepted there. The till makes it itself; the server's hashes
/// never leave it.
///
/// What goes in is not the PIN but HMAC-SHA256 of it, by a key that the till's key store uses and does not give out. A copy of
/// the till's disk, with this in it, so says nothing about the PIN: there are only ten thousand of four digits, and without
/// the key none can be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    salt: [u8; 16],
    output: [u8; 32],
    failures: u32,
}

/// Why somebody may not sell by their PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The PIN is another.
    #[error("the PIN is another")]
    Wrong,
    /// There were too many others.
    #[error("there were too many wrong PINs; sign in when the server is there again")]
    Locked,
}

impl Verifier {
    /// For the PIN that the server has just accepted. `keyed` is its HMAC by the till's key, `salt` is random.
    #[must_use]
    pub fn make(keyed: &[u8; 32], salt: [u8; 16]) -> Self {
        Self { salt, output: hash(keyed, &salt), failures: 0 }
    }

    /// Checks a PIN, by its HMAC. The till keeps what becomes of this verifier before it acts on the answer, so that nobody
    /// tries again by switching it off.
    ///
    /// # Errors
    /// [`Refusal`]: wrong, or locked after [`ATTEMPTS`] that were.
    pub fn check(&mut self, keyed: &[u8; 32]) -> Result<(), Refusal> {
        if self.failures >= ATTEMPTS {
            return Err(Refusal::Locked);
        }
        if bool::from(hash(keyed, &self.salt).as_slice().ct_eq(self.output.as_slice())) {
            self.failures = 0;
            return Ok(());
        }
        self.failures += 1;
        Err(Refusal::Wrong)
    }
}

fn hash(keyed: &[u8; 32], salt: &[u8; 16]) -> [u8; 32] {
    let (memory_kib, passes, lanes) = COST;
    let params = Params::new(memory_kib, passes, lanes, Some(32)).expect("the cost is one that argon2 takes");
    let mut output = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(keyed, salt, &mut output)
        .expect("input, salt and output have lengths that argon2 takes");
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [u8; 32] = [1; 32];
    const WRONG: [u8; 32] = [2; 32];

    #[test]
    fn the_same_pin_by_the_same_key_fits_and_nothing_else() {
        let mut verifier = Verifier::make(&RIGHT, [7; 16]);
        assert_eq!(verifier.check(&RIGHT), Ok(()));
        assert_eq!(verifier.check(&WRONG), Err(Refusal::Wrong));
        assert_eq!(verifier.check(&RIGHT), Ok(()));
        assert_ne!(Verifier::make(&RIGHT, [8; 16]), Verifier::make(&RIGHT, [7; 16]));
    }

    #[test]
    fn after_a_few_wrong_ones_the_right_one_does_not_help_either() {
        let mut verifier = Verifier::make(&RIGHT, [7; 16]);
        for _ in 0..ATTEMPTS {
            assert_eq!(verifier.check(&WRONG), Err(Refusal::Wrong));
        }
        let kept = serde_json::to_string(&verifier).unwrap();
        let mut again: Verifier = serde_json::from_str(&kept).unwrap();
        assert_eq!(again.check(&RIGHT), Err(Refusal::Locked), "also after a restart");
    }
}
