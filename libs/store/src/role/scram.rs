//! Passwords in the form in which PostgreSQL keeps them (SCRAM-SHA-256, RFC 5802 and RFC 7677).

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// PostgreSQL's own number. Our passwords have 128 random bits, so that more would slow down nobody but us.
const ROUNDS: u32 = 4096;

/// What PostgreSQL keeps of `password`, and takes in its place.
pub(super) fn verifier(password: &str, salt: &[u8; 16]) -> String {
    let (stored, server) = keys(password, salt);
    let [salt, stored, server] = [&salt[..], &stored, &server].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${ROUNDS}:{salt}${stored}:{server}")
}

/// `StoredKey` and `ServerKey`.
fn keys(password: &str, salt: &[u8; 16]) -> ([u8; 32], [u8; 32]) {
    let mut last = hmac(password.as_bytes(), &[&salt[..], &1_u32.to_be_bytes()].concat());
    let mut salted = last;
    for _ in 1..ROUNDS {
        last = hmac(password.as_bytes(), &last);
        salted.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    (Sha256::digest(hmac(&salted, b"Client Key")).into(), hmac(&salted, b"Server Key"))
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3: what the server signs with its key.
    #[test]
    fn keys_are_those_of_the_standard() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
        let (_, server) = keys("pencil", &salt);
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let exchange =
            format!("n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}");
        let signature = STANDARD.encode(hmac(&server, exchange.as_bytes()));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }
}
