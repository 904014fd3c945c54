//! The text form of a hash: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, base64 without padding (PHC string format).

use argon2::Params;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use tillstream_domain::identity::SecretHash;

/// Bytes of a salt that we make (RFC 9106, 4).
pub(super) const SALT_BYTES: usize = 16;
/// A hash that takes more than this is not ours: one row must not take the edge's memory.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 4;

/// What a hash costs: memory in KiB, passes over it, lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Why a hash or a cost is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// More than one may ask for, or less than argon2 takes.
    #[error(
        "argon2id takes 8 KiB of memory for each lane, up to {MAX_MEMORY_KIB} KiB, 1 to {MAX_PASSES} passes and 1 to {MAX_LANES} lanes"
    )]
    Cost,
    /// Not the text form of an argon2id hash.
    #[error("it is not argon2id, version 19, in text form")]
    Form,
}

impl Cost {
    pub(super) fn try_new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Unusable> {
        if memory_kib > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err(Unusable::Cost);
        }
        let cost = Self { memory_kib, passes, lanes };
        Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| Unusable::Cost)?;
        Ok(cost)
    }

    pub(super) fn params(self) -> Params {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).expect("the cost was checked when it was made")
    }
}

/// A hash, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) cost: Cost,
    pub(super) salt: Vec<u8>,
    pub(super) output: [u8; 32],
}

impl Parts {
    pub(super) fn to_hash(&self) -> SecretHash {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let [salt, output] = [&self.salt[..], &self.output].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        SecretHash::try_new(&format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}"))
            .expect("it is of the form that is checked, and short")
    }

    pub(super) fn read(hash: &SecretHash) -> Result<Self, Unusable> {
        let parts: Vec<&str> = hash.reveal().split('$').collect();
        let ["", "argon2id", "v=19", cost, salt, output] = parts[..] else { return Err(Unusable::Form) };
        let number = |text: &str, name: &str| text.strip_prefix(name)?.parse::<u32>().ok();
        let fields: Vec<&str> = cost.split(',').collect();
        let [memory, passes, lanes] = fields[..] else { return Err(Unusable::Form) };
        let (Some(memory), Some(passes), Some(lanes)) =
            (number(memory, "m="), number(passes, "t="), number(lanes, "p="))
        else {
            return Err(Unusable::Form);
        };
        let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| Unusable::Form)?;
        let output = STANDARD_NO_PAD.decode(output).ok().and_then(|output| output.try_into().ok());
        if !(8..=64).contains(&salt.len()) {
            return Err(Unusable::Form);
        }
        Ok(Self { cost: Cost::try_new(memory, passes, lanes)?, salt, output: output.ok_or(Unusable::Form)? })
    }
}
