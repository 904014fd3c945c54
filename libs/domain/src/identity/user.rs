//! Users: people who work for a merchant.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Actor, Grant, MAX_GRANTS, Rights};
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
    pub fn add(rights: &Rights, mut user: User) -> Result<Self, Rejection> {
        user.grants.sort_unstable();
        user.grants.dedup();
        check_grants(rights, &user.grants)?;
        Ok(Self { version: 1, ended_at: None, ..user })
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

    /// The user with another password, who has shown the present one. No one-time code is known.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`] when they have ended, [`Rejection::CodeInvalid`] with a code.
    pub fn set_password(&self, password: SecretHash, code_hash: Option<[u8; 32]>) -> Result<Self, Rejection> {
        if self.ended_at.is_some() {
            return Err(Rejection::UnknownUser(self.id));
        }
        if code_hash.is_some() {
            return Err(Rejection::CodeInvalid);
        }
        Ok(Self { password: Some(password), version: self.version.saturating_add(1), ..self.clone() })
    }
}

/// Checks that there are not too many grants, and that they are `rights`' to give.
fn check_grants(rights: &Rights, grants: &[Grant]) -> Result<(), Rejection> {
    if grants.len() > MAX_GRANTS {
        return Err(Rejection::TooManyGrants { count: grants.len(), max: MAX_GRANTS });
    }
    if rights.govern(grants) { Ok(()) } else { Err(Rejection::BeyondOwnRights) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::Role,
        shop::{OTHER_STORE, STORE},
    };

    fn user(grants: Vec<Grant>) -> User {
        User {
            id: UserId::new(uuid::Uuid::from_u128(9)),
            name: Some(PersonName::try_new("Kim").unwrap()),
            email: None,
            password: None,
            pin: None,
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
        let owner = Rights::operator();
        assert_eq!(User::add(&owner, user(many)), Err(Rejection::TooManyGrants { count: 33, max: 32 }));
    }
}
