//! Users: people who work for a merchant.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Actor, Grant, MAX_GRANTS, Rights, Role, place::check_version};
use crate::{Invalid, Rejection, id::UserId, text::Text, time::Timestamp};

/// A person's name.
pub type PersonName = Text<120>;

/// An e-mail address, in lower case: one `@` with something before and behind it, no white space, at most 254 characters
/// (RFC 5321, 4.5.3.1.3). Whether it takes mail is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Checks the address, and turns it into lower case.
    ///
    /// # Errors
    /// [`Invalid::Email`].
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let (name, host) = text.split_once('@').ok_or(Invalid::Email)?;
        let plain = !host.contains('@') && !text.chars().any(|char| char.is_whitespace() || char.is_control());
        if name.is_empty() || host.is_empty() || !plain || text.chars().count() > 254 {
            return Err(Invalid::Email);
        }
        Ok(Self(text.to_lowercase()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::try_new(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

/// The argon2id hash (RFC 9106) of a password or PIN, in PHC form with its parameters and salt. It is shown nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash(String);

impl SecretHash {
    /// Takes a hash in PHC form.
    ///
    /// # Errors
    /// [`Invalid::Hash`] when it is none, or longer than 256 characters.
    pub fn try_new(phc: &str) -> Result<Self, Invalid> {
        let plain = phc.bytes().all(|byte| byte.is_ascii_graphic());
        if !phc.starts_with("$argon2id$") || !plain || phc.len() > 256 {
            return Err(Invalid::Hash);
        }
        Ok(Self(phc.to_owned()))
    }

    /// The PHC form.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl TryFrom<String> for SecretHash {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::try_new(&text)
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        hash.0
    }
}

/// For how long an invitation is good: a day, in microseconds.
pub const INVITATION_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Characters of an invitation's code: 100 bits of chance, so that its plain hash can be kept.
pub const INVITATION_CHARS: usize = 20;

/// What lets somebody set a user's password without knowing the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// SHA-256 of the one-time code.
    pub code_hash: [u8; 32],
    /// From when on it is good for nothing; none once it was used. It stays known then, so that a repeated request finds
    /// whose it was.
    pub until: Option<Timestamp>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who, in the books.
    pub id: UserId,
    /// What people call them; none once they are erased.
    pub name: Option<PersonName>,
    /// With which they sign in, unless they sign in at tills only.
    pub email: Option<Email>,
    /// Of their password, if they have one.
    pub password: Option<SecretHash>,
    /// Of their PIN, if they have one.
    pub pin: Option<SecretHash>,
    /// The last that they were given and have not used.
    pub invitation: Option<Invitation>,
    /// What they are.
    pub grants: Vec<Grant>,
    /// Counts changes from 1.
    pub version: u32,
    /// From when on they may nothing any more.
    pub ended_at: Option<Timestamp>,
}

impl User {
    /// A new user, added by somebody with `rights`.
    ///
    /// # Errors
    /// [`Rejection::TooManyGrants`], or [`Rejection::BeyondOwnRights`].
    pub fn add(rights: &Rights, user: User) -> Result<Self, Rejection> {
        let grants = checked(rights, user.grants)?;
        if !rights.govern_user(&grants) {
            return Err(Rejection::BeyondOwnRights);
        }
        Ok(Self { version: 1, ended_at: None, grants, ..user })
    }

    /// Whether they own the merchant, with all its stores.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.ended_at.is_none() && self.grants.contains(&Grant { role: Role::Owner, store: None })
    }

    /// The user with another name or address, if they still have the version that who asks has seen.
    ///
    /// # Errors
    /// [`Rejection::UserEnded`], [`Rejection::BeyondOwnRights`] or [`Rejection::VersionConflict`].
    pub fn change(
        &self,
        rights: &Rights,
        seen: u32,
        name: Option<PersonName>,
        email: Option<Email>,
    ) -> Result<Self, Rejection> {
        let user = self.touched(rights)?;
        check_version(seen, self.version)?;
        Ok(Self { name: name.or(user.name), email: email.or(user.email), ..user })
    }

    /// The user with these grants in place of those that they have, if they still have the version that who asks has seen.
    ///
    /// # Errors
    /// As [`User::change`], or [`Rejection::TooManyGrants`].
    pub fn regrant(&self, rights: &Rights, seen: u32, grants: Vec<Grant>) -> Result<Self, Rejection> {
        let user = self.touched(rights)?;
        check_version(seen, self.version)?;
        Ok(Self { grants: checked(rights, grants)?, ..user })
    }

    /// The user with an invitation in place of any before, good for a day from `at`.
    ///
    /// # Errors
    /// [`Rejection::UserEnded`], or [`Rejection::BeyondOwnRights`], which nobody's own password is within: that takes the
    /// present one.
    pub fn invite(&self, by: Actor, rights: &Rights, code_hash: [u8; 32], at: Timestamp) -> Result<Self, Rejection> {
        if by == Actor::User(self.id) {
            return Err(Rejection::BeyondOwnRights);
        }
        let user = self.touched(rights)?;
        let until = Timestamp::from_micros(at.micros().saturating_add(INVITATION_MICROS)).unwrap_or(at);
        Ok(Self { invitation: Some(Invitation { code_hash, until: Some(until) }), ..user })
    }

    /// The user with another password, and with no invitation that is good: a code is good for once. The user asks for that
    /// themself; with a code, if they do not know the present password, and then at a time `at` when it still is good.
    ///
    /// # Errors
    /// [`Rejection::UserEnded`] or [`Rejection::CodeInvalid`].
    pub fn set_password(
        &self,
        password: SecretHash,
        code_hash: Option<[u8; 32]>,
        at: Timestamp,
    ) -> Result<Self, Rejection> {
        self.check_active()?;
        let good = |given| {
            self.invitation.is_some_and(|known| known.code_hash == given && known.until.is_some_and(|until| at < until))
        };
        if code_hash.is_some_and(|given| !good(given)) {
            return Err(Rejection::CodeInvalid);
        }
        let invitation = self.invitation.map(|known| Invitation { until: None, ..known });
        Ok(Self { password: Some(password), invitation, version: self.version + 1, ..self.clone() })
    }

    /// The user, who may nothing any more from `now` on.
    ///
    /// # Errors
    /// [`Rejection::UserEnded`] or [`Rejection::BeyondOwnRights`].
    pub fn deactivate(&self, rights: &Rights, now: Timestamp) -> Result<Self, Rejection> {
        let user = self.touched(rights)?;
        Ok(Self { ended_at: Some(now), invitation: None, ..user })
    }

    /// The user without anything that tells who they are, who may nothing any more. What they did stays under their id.
    ///
    /// # Errors
    /// [`Rejection::UserErased`].
    pub fn erase(&self, now: Timestamp) -> Result<Self, Rejection> {
        if self.name.is_none() {
            return Err(Rejection::UserErased(self.id));
        }
        Ok(Self {
            id: self.id,
            name: None,
            email: None,
            password: None,
            pin: None,
            invitation: None,
            grants: Vec::new(),
            version: self.version + 1,
            ended_at: Some(self.ended_at.unwrap_or(now)),
        })
    }

    /// The user with the next version, if who asks may change them.
    fn touched(&self, rights: &Rights) -> Result<Self, Rejection> {
        if !rights.govern_user(&self.grants) {
            return Err(Rejection::BeyondOwnRights);
        }
        self.check_active()?;
        Ok(Self { version: self.version + 1, ..self.clone() })
    }

    fn check_active(&self) -> Result<(), Rejection> {
        if self.ended_at.is_some() { Err(Rejection::UserEnded(self.id)) } else { Ok(()) }
    }

    /// With another PIN, as `actor` with `rights` sets it: it is their own, or they govern the user.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`] when the user has ended, or [`Rejection::BeyondOwnRights`].
    pub fn set_pin(&self, actor: Actor, rights: &Rights, pin: SecretHash) -> Result<Self, Rejection> {
        if self.ended_at.is_some() {
            return Err(Rejection::UnknownUser(self.id));
        }
        if actor != Actor::User(self.id) && (self.grants.is_empty() || !rights.govern(&self.grants)) {
            return Err(Rejection::BeyondOwnRights);
        }
        Ok(Self { pin: Some(pin), version: self.version + 1, ..self.clone() })
    }
}

/// The grants, each once and in order, if there are not too many and they are `rights`' to give.
fn checked(rights: &Rights, mut grants: Vec<Grant>) -> Result<Vec<Grant>, Rejection> {
    if grants.len() > MAX_GRANTS {
        return Err(Rejection::TooManyGrants { count: grants.len(), max: MAX_GRANTS });
    }
    grants.sort_unstable();
    grants.dedup();
    if rights.govern(&grants) { Ok(grants) } else { Err(Rejection::BeyondOwnRights) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{OTHER_STORE, STORE};

    fn user(grants: Vec<Grant>) -> User {
        User {
            id: UserId::new(uuid::Uuid::from_u128(9)),
            name: Some(PersonName::try_new("Kim").unwrap()),
            email: None,
            password: None,
            pin: None,
            invitation: None,
            grants,
            version: 0,
            ended_at: None,
        }
    }

    #[test]
    fn an_address_has_two_sides_and_no_case() {
        assert_eq!(Email::try_new(" Kim@Example.COM ").unwrap().as_str(), "kim@example.com");
        for text in ["", "kim", "@example.com", "kim@", "a@b@c", "k im@example.com", "kim@example.com\r\nBcc: x"] {
            assert_eq!(Email::try_new(text), Err(Invalid::Email), "{text:?}");
        }
        assert_eq!(Email::try_new(&format!("k@{}", "x".repeat(253))), Err(Invalid::Email));
    }

    #[test]
    fn a_hash_is_argon2id_and_does_not_show() {
        let hash = SecretHash::try_new("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA").unwrap();
        assert_eq!(format!("{hash:?}"), "SecretHash(…)");
        for text in ["", "secret", "$argon2i$v=19$x", "$argon2id$ x"] {
            assert_eq!(SecretHash::try_new(text), Err(Invalid::Hash), "{text}");
        }
    }

    #[test]
    fn a_pin_is_set_by_whose_it_is_or_who_governs_them() {
        let pin = SecretHash::try_new("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA").unwrap();
        let manager = Rights::of_grants(&[Grant { role: Role::Manager, store: Some(STORE) }]);
        let boss = Actor::User(UserId::new(uuid::Uuid::from_u128(1)));
        let cashier = |store| User { version: 1, ..user(vec![Grant { role: Role::Cashier, store: Some(store) }]) };
        let own = Actor::User(cashier(STORE).id);
        let set = cashier(STORE).set_pin(own, &Rights::default(), pin.clone()).unwrap();
        assert_eq!((set.pin.as_ref(), set.version), (Some(&pin), 2));
        assert!(cashier(STORE).set_pin(boss, &manager, pin.clone()).is_ok());
        let beyond = Err(Rejection::BeyondOwnRights);
        assert_eq!(cashier(OTHER_STORE).set_pin(boss, &manager, pin.clone()), beyond);
        assert_eq!(cashier(STORE).set_pin(boss, &Rights::default(), pin.clone()), beyond);
        assert_eq!(user(vec![]).set_pin(boss, &manager, pin.clone()), beyond, "nobody knows whose they are");
        let ended =
            User { ended_at: crate::time::Timestamp::from_micros(1_772_359_200_000_000).ok(), ..cashier(STORE) };
        assert_eq!(ended.set_pin(own, &manager, pin), Err(Rejection::UnknownUser(ended.id)));
    }

    #[test]
    fn nobody_is_given_more_than_the_giver_governs() {
        let manager = Rights::of_grants(&[Grant { role: Role::Manager, store: Some(STORE) }]);
        let cashier = |store| Grant { role: Role::Cashier, store: Some(store) };
        let added = User::add(&manager, user(vec![cashier(STORE), cashier(STORE)])).unwrap();
        assert_eq!((added.grants, added.version), (vec![cashier(STORE)], 1));
        assert_eq!(User::add(&manager, user(vec![cashier(OTHER_STORE)])), Err(Rejection::BeyondOwnRights));
        let many = (0..33).map(|number| cashier(crate::id::StoreId::new(uuid::Uuid::from_u128(number)))).collect();
        assert_eq!(User::add(&manager, user(Vec::new())), Err(Rejection::BeyondOwnRights));
        let owner = Rights::operator();
        assert_eq!(User::add(&owner, user(many)), Err(Rejection::TooManyGrants { count: 33, max: 32 }));
    }

    fn hash() -> SecretHash {
        SecretHash::try_new("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_772_000_000_000_000 + seconds * 1_000_000).unwrap()
    }

    #[test]
    fn a_user_is_changed_by_who_governs_them_and_has_seen_them() {
        let manager = Rights::of_grants(&[Grant { role: Role::Manager, store: Some(STORE) }]);
        let cashier = Grant { role: Role::Cashier, store: Some(STORE) };
        let kim = User { version: 3, ..user(vec![cashier]) };
        let name = Some(PersonName::try_new("Kim II").unwrap());
        let changed = kim.change(&manager, 3, name.clone(), None).unwrap();
        assert_eq!((changed.name.clone(), changed.version), (name.clone(), 4));
        let stale = Rejection::VersionConflict { expected: 2, found: 3 };
        assert_eq!(kim.change(&manager, 2, name, None), Err(stale.clone()));
        assert_eq!(kim.regrant(&manager, 2, vec![]), Err(stale));
        let promoted = Grant { role: Role::Manager, store: Some(STORE) };
        assert_eq!(kim.regrant(&manager, 3, vec![promoted]), Err(Rejection::BeyondOwnRights));
        let beyond = User { grants: vec![cashier, promoted], ..kim.clone() };
        assert_eq!(beyond.regrant(&manager, 3, vec![cashier]), Err(Rejection::BeyondOwnRights));
        assert_eq!(beyond.invite(Actor::Operator, &manager, [0; 32], at(0)), Err(Rejection::BeyondOwnRights));
        assert_eq!(beyond.deactivate(&manager, at(0)), Err(Rejection::BeyondOwnRights));
        let ended = kim.deactivate(&manager, at(0)).unwrap();
        assert_eq!((ended.ended_at, ended.version), (Some(at(0)), 4));
        for again in [ended.deactivate(&manager, at(1)), ended.set_password(hash(), None, at(1))] {
            assert_eq!(again, Err(Rejection::UserEnded(kim.id)));
        }
    }

    #[test]
    fn a_code_sets_a_password_once_and_for_a_day() {
        let kim = user(vec![]).invite(Actor::Operator, &Rights::operator(), [7; 32], at(0)).unwrap();
        let day = INVITATION_MICROS / 1_000_000;
        assert_eq!(kim.set_password(hash(), Some([8; 32]), at(1)), Err(Rejection::CodeInvalid));
        assert_eq!(kim.set_password(hash(), Some([7; 32]), at(day)), Err(Rejection::CodeInvalid));
        let set = kim.set_password(hash(), Some([7; 32]), at(day - 1)).unwrap();
        let used = Some(Invitation { code_hash: [7; 32], until: None });
        assert_eq!((set.password.clone(), set.invitation), (Some(hash()), used));
        assert_eq!(set.set_password(hash(), Some([7; 32]), at(1)), Err(Rejection::CodeInvalid));
        let again = kim.invite(Actor::Operator, &Rights::operator(), [9; 32], at(1)).unwrap();
        assert_eq!(again.set_password(hash(), Some([7; 32]), at(2)), Err(Rejection::CodeInvalid), "it was replaced");
        assert_eq!(kim.set_password(hash(), None, at(1)).unwrap().invitation, used, "and without a code it goes too");
    }

    #[test]
    fn nothing_is_left_of_a_person_but_the_id() {
        let email = Some(Email::try_new("kim@example.com").unwrap());
        let kim = User { email, password: Some(hash()), pin: Some(hash()), version: 5, ..user(vec![]) };
        let erased = kim.erase(at(0)).unwrap();
        let none = User { name: None, version: 6, ended_at: Some(at(0)), ..user(vec![]) };
        assert_eq!(erased, none);
        assert_eq!(erased.erase(at(1)), Err(Rejection::UserErased(kim.id)));
    }
}
