//! Tills: devices that are enrolled for a register, each by a key that it alone has.

use crate::{
    Rejection,
    id::{RegisterId, StoreId},
    time::Timestamp,
};

/// How long a code for enrolment is good, in microseconds: a quarter of an hour, enough to walk to the till.
pub const ENROLMENT_MICROS: i64 = 15 * 60 * 1_000_000;

/// A one-time code for enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// SHA-256 of the code.
    pub hash: [u8; 32],
    /// From when on it is not good any more. None once it was used.
    pub until: Option<Timestamp>,
}

/// The till of a register. Each register has one, be it enrolled or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Till {
    /// The register.
    pub register: RegisterId,
    /// Its store.
    pub store: StoreId,
    /// The code that was given out last.
    pub code: Option<EnrolmentCode>,
    /// The Ed25519 public key of the device.
    pub key: Option<[u8; 32]>,
    /// When the device was enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// When it was revoked.
    pub ended_at: Option<Timestamp>,
    /// Counts changes from 1; 0 before the first.
    pub version: u32,
}

impl Till {
    /// With a new code in place of the last. A device that is enrolled stays so until the code is used.
    ///
    /// # Errors
    /// [`Rejection::UnknownRegister`] when the register is of another store.
    pub fn invite(&self, store: StoreId, hash: [u8; 32], at: Timestamp) -> Result<Self, Rejection> {
        self.check_store(store)?;
        let until = Timestamp::from_micros(at.micros() + ENROLMENT_MICROS).unwrap_or(at);
        Ok(Self { code: Some(EnrolmentCode { hash, until: Some(until) }), ..self.changed() })
    }

    /// With the device that has brought the code at `at`, in place of any other.
    ///
    /// # Errors
    /// [`Rejection::EnrolmentCode`] when the code is another, was used or is too old.
    pub fn enrol(&self, hash: [u8; 32], key: [u8; 32], at: Timestamp) -> Result<Self, Rejection> {
        let code = self.code.filter(|code| code.hash == hash && code.until.is_some_and(|until| at < until));
        let code = code.ok_or(Rejection::EnrolmentCode)?;
        Ok(Self {
            // Kept without its time, so that a second use is told from a code that never was.
            code: Some(EnrolmentCode { until: None, ..code }),
            key: Some(key),
            enrolled_at: Some(at),
            ended_at: None,
            ..self.changed()
        })
    }

    /// Without a device: what it sends from `at` on is refused, and a code that was given out is good no more.
    ///
    /// # Errors
    /// [`Rejection::UnknownRegister`] when the register is of another store, [`Rejection::TillNotEnrolled`].
    pub fn revoke(&self, store: StoreId, at: Timestamp) -> Result<Self, Rejection> {
        self.check_store(store)?;
        if self.key.is_none() || self.ended_at.is_some() {
            return Err(Rejection::TillNotEnrolled(self.register));
        }
        let code = self.code.map(|code| EnrolmentCode { until: None, ..code });
        Ok(Self { code, ended_at: Some(at), ..self.changed() })
    }

    fn check_store(&self, store: StoreId) -> Result<(), Rejection> {
        if store == self.store { Ok(()) } else { Err(Rejection::UnknownRegister(self.register)) }
    }

    fn changed(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{OTHER_STORE, REGISTER, STORE};

    const HASH: [u8; 32] = [1; 32];
    const KEY: [u8; 32] = [2; 32];

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(1_772_359_200_000_000 + minutes * 60_000_000).unwrap()
    }

    fn till() -> Till {
        Till { register: REGISTER, store: STORE, code: None, key: None, enrolled_at: None, ended_at: None, version: 0 }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_quarter_of_an_hour() {
        let invited = till().invite(STORE, HASH, at(0)).unwrap();
        let enrolled = invited.enrol(HASH, KEY, at(14)).unwrap();
        assert_eq!((enrolled.key, enrolled.enrolled_at, enrolled.version), (Some(KEY), Some(at(14)), 2));
        assert_eq!(enrolled.enrol(HASH, [3; 32], at(14)), Err(Rejection::EnrolmentCode), "it was used");
        assert_eq!(invited.enrol(HASH, KEY, at(15)), Err(Rejection::EnrolmentCode), "it is too old");
        assert_eq!(invited.enrol([9; 32], KEY, at(1)), Err(Rejection::EnrolmentCode), "it is another");
        assert_eq!(till().enrol(HASH, KEY, at(1)), Err(Rejection::EnrolmentCode), "there is none");
        let again = invited.invite(STORE, [9; 32], at(1)).unwrap();
        assert_eq!(again.enrol(HASH, KEY, at(2)), Err(Rejection::EnrolmentCode), "it was replaced");
        assert_eq!(till().invite(OTHER_STORE, HASH, at(0)), Err(Rejection::UnknownRegister(REGISTER)));
    }

    #[test]
    fn a_new_device_takes_the_place_of_the_old_only_once_it_is_there() {
        let old = till().invite(STORE, HASH, at(0)).unwrap().enrol(HASH, KEY, at(1)).unwrap();
        let invited = old.invite(STORE, [9; 32], at(2)).unwrap();
        assert_eq!(invited.key, Some(KEY));
        assert_eq!(invited.enrol([9; 32], [3; 32], at(3)).unwrap().key, Some([3; 32]));
    }

    #[test]
    fn a_revoked_till_is_none_until_it_is_enrolled_anew() {
        assert_eq!(till().revoke(STORE, at(0)), Err(Rejection::TillNotEnrolled(REGISTER)));
        let enrolled = till().invite(STORE, HASH, at(0)).unwrap().enrol(HASH, KEY, at(1)).unwrap();
        assert_eq!(enrolled.revoke(OTHER_STORE, at(2)), Err(Rejection::UnknownRegister(REGISTER)));
        let pending = enrolled.invite(STORE, [9; 32], at(1)).unwrap();
        let revoked = pending.revoke(STORE, at(2)).unwrap();
        assert_eq!(revoked.ended_at, Some(at(2)));
        assert_eq!(revoked.enrol([9; 32], KEY, at(3)), Err(Rejection::EnrolmentCode), "who has it may have the code");
        assert_eq!(revoked.revoke(STORE, at(3)), Err(Rejection::TillNotEnrolled(REGISTER)));
        let again = revoked.invite(STORE, [8; 32], at(3)).unwrap().enrol([8; 32], KEY, at(4)).unwrap();
        assert_eq!(again.ended_at, None);
    }
}
