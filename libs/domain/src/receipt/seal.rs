//! Hashes, signatures and keys.

use std::{fmt, str::FromStr};

use ed25519_dalek::Signer as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Invalid;

macro_rules! hex_text {
    ($($(#[$doc:meta])* $name:ident of $bytes:literal)*) => {$(
        $(#[$doc])*
        ///
        /// Lower-case hexadecimal in every format.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^([0-9a-f]{2})+$"))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Made of these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex::encode(self.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                from_hex(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                hex::encode(value.0)
            }
        }
    )*};
}

hex_text! {
    /// A SHA-256 hash.
    Hash of 32
    /// An Ed25519 signature.
    Signature of 64
    /// The short name of a key: the first 8 bytes of the SHA-256 of its public half.
    KeyId of 8
}

impl Hash {
    /// What stands for the hash before the first.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// A key that signs receipts. What prints it shows its id only.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    id: KeyId,
}

impl SigningKey {
    /// The key of this seed: 32 secret random bytes (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Self { id: key_id(&key.verifying_key()), key }
    }

    /// The short name of this key.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.id
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.key.verifying_key())
    }

    /// Signs a hash: Ed25519 over its 32 bytes.
    #[must_use]
    pub fn sign(&self, hash: &Hash) -> Signature {
        Signature(self.key.sign(&hash.0).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The public half of a key that signs receipts. Lower-case hexadecimal in every format.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[0-9a-f]{64}$"))]
#[serde(try_from = "String", into = "String")]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// The key of these 32 bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`Invalid::PublicKey`] if they are no point of the curve, or one of small order, for which anybody can sign.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Invalid> {
        match ed25519_dalek::VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(Invalid::PublicKey),
        }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The short name of this key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        key_id(&self.0)
    }

    /// Whether this key's other half signed the hash.
    #[must_use]
    pub fn verifies(&self, hash: &Hash, signature: &Signature) -> bool {
        self.0.verify_strict(&hash.0, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.bytes()))
    }
}

impl FromStr for VerifyingKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::from_bytes(&from_hex(text)?)
    }
}

impl TryFrom<String> for VerifyingKey {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<VerifyingKey> for String {
    fn from(key: VerifyingKey) -> Self {
        key.to_string()
    }
}

fn key_id(key: &ed25519_dalek::VerifyingKey) -> KeyId {
    KeyId(*Hash::of(key.as_bytes()).0.first_chunk().expect("a hash has more than 8 bytes"))
}

/// Reads lower-case hexadecimal only, so that bytes have one text.
fn from_hex<const BYTES: usize>(text: &str) -> Result<[u8; BYTES], Invalid> {
    let mut bytes = [0; BYTES];
    let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) if !upper => Ok(bytes),
        _ => Err(Invalid::Hex { bytes: BYTES }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 1: the empty message cannot be had here, so only the public key.
    #[test]
    fn the_public_half_is_that_of_rfc_8032() {
        let seed = from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let key = SigningKey::from_seed(&seed);
        assert_eq!(key.verifying_key().to_string(), public);
        assert_eq!(key.key_id().to_string(), "21fe31dfa154a261");
        assert_eq!(format!("{key:?}"), "SigningKey { id: KeyId(21fe31dfa154a261), .. }");
    }

    #[test]
    fn a_signature_is_of_one_hash_by_one_key() {
        let (key, other) = (SigningKey::from_seed(&[7; 32]), SigningKey::from_seed(&[8; 32]));
        let hash = Hash::of(b"abc");
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let signature = key.sign(&hash);
        assert!(key.verifying_key().verifies(&hash, &signature));
        assert!(!key.verifying_key().verifies(&Hash::ZERO, &signature));
        assert!(!other.verifying_key().verifies(&hash, &signature));
    }

    #[test]
    fn hexadecimal_has_one_form() {
        assert!("00ff00ff00ff00ff".parse::<KeyId>().is_ok());
        for text in ["00FF00ff00ff00ff", "00", "", "zz00000000000000", "00ff00ff00ff00ff00"] {
            assert_eq!(text.parse::<KeyId>(), Err(Invalid::Hex { bytes: 8 }), "{text}");
        }
        assert_eq!("00".repeat(32).parse::<VerifyingKey>(), Err(Invalid::PublicKey));
    }
}
