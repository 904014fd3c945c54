//! Who belongs to a merchant, as far as a batch of decisions needs to know, and what the decisions change.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApiKey, Email, Grant, Merchant, Register, Store, Till, UTC, User};
use crate::{
    Rejection,
    id::{KeyId, MerchantId, RegisterId, StoreId, UserId},
};

/// Things by their ids, and which of them have changed.
#[derive(Clone, Debug)]
pub struct Kept<K, T> {
    all: BTreeMap<K, T>,
    changed: BTreeSet<K>,
}

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<K: Copy + Ord, T> Kept<K, T> {
    /// As they were found.
    pub fn found(all: impl IntoIterator<Item = (K, T)>) -> Self {
        Self { all: all.into_iter().collect(), changed: BTreeSet::new() }
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: K) -> Option<&T> {
        self.all.get(&id)
    }

    /// All of them, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        self.all.iter().map(|(id, thing)| (*id, thing))
    }

    /// Adds or replaces one.
    pub fn put(&mut self, id: K, thing: T) {
        self.all.insert(id, thing);
        self.changed.insert(id);
    }

    /// Those that were put, by their ids.
    pub fn changed(&self) -> impl Iterator<Item = &T> {
        self.changed.iter().filter_map(|id| self.all.get(id))
    }
}

/// Who belongs to one merchant.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The merchant itself.
    pub merchant: Kept<MerchantId, Merchant>,
    /// The users whom a batch names, by id or by e-mail address, and all active owners of all stores.
    pub users: Kept<UserId, User>,
    /// The API keys that a batch names.
    pub keys: Kept<KeyId, ApiKey>,
    /// Of the stores for which a batch makes keys, those that there are.
    pub key_stores: BTreeSet<StoreId>,
    /// The tills of the registers that a batch names, of which each has one.
    pub tills: Kept<RegisterId, Till>,
    /// The stores that a batch names, by id or by name.
    pub stores: Kept<StoreId, Store>,
    /// Of the time zones that a batch names, those that there are.
    pub time_zones: BTreeSet<String>,
    /// The registers that a batch names, by id or by code.
    pub registers: Kept<RegisterId, Register>,
}

impl Directory {
    /// A user.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`].
    pub fn user(&self, id: UserId) -> Result<&User, Rejection> {
        self.users.get(id).ok_or(Rejection::UnknownUser(id))
    }

    /// An API key.
    ///
    /// # Errors
    /// [`Rejection::UnknownKey`].
    pub fn key(&self, id: KeyId) -> Result<&ApiKey, Rejection> {
        self.keys.get(id).ok_or(Rejection::UnknownKey(id))
    }

    /// Adds an API key.
    ///
    /// # Errors
    /// [`Rejection::UnknownKeyStore`] when it is for a store that there is not.
    pub fn add_key(&mut self, key: ApiKey) -> Result<(), Rejection> {
        if let Some(unknown) = key.stores.iter().flatten().find(|store| !self.key_stores.contains(store)) {
            return Err(Rejection::UnknownKeyStore(*unknown));
        }
        self.keys.put(key.id, key);
        Ok(())
    }

    /// The till of a register.
    ///
    /// # Errors
    /// [`Rejection::UnknownRegister`].
    pub fn till(&self, register: RegisterId) -> Result<&Till, Rejection> {
        self.tills.get(register).ok_or(Rejection::UnknownRegister(register))
    }

    /// Adds or changes a user.
    ///
    /// # Errors
    /// [`Rejection::EmailTaken`] when somebody else has the address, [`Rejection::UnknownGrantStore`] when a grant is for a
    /// store that there is not, [`Rejection::LastOwner`] when nobody would be left who owns the merchant.
    pub fn put_user(&mut self, user: User) -> Result<(), Rejection> {
        let taken =
            |email: &Email| self.users.iter().any(|(id, other)| id != user.id && other.email.as_ref() == Some(email));
        if user.email.as_ref().is_some_and(taken) {
            return Err(Rejection::EmailTaken);
        }
        let had = self.users.get(user.id);
        let is_new = |grant: &&Grant| had.is_none_or(|had| !had.grants.contains(grant));
        for store in user.grants.iter().filter(is_new).filter_map(|grant| grant.store) {
            self.stores.get(store).ok_or(Rejection::UnknownGrantStore(store))?;
        }
        let others_own = self.users.iter().any(|(id, other)| id != user.id && other.is_owner());
        if had.is_some_and(User::is_owner) && !user.is_owner() && !others_own {
            return Err(Rejection::LastOwner);
        }
        self.users.put(user.id, user);
        Ok(())
    }

    /// A store.
    ///
    /// # Errors
    /// [`Rejection::UnknownStore`].
    pub fn store(&self, id: StoreId) -> Result<&Store, Rejection> {
        self.stores.get(id).ok_or(Rejection::UnknownStore(id))
    }

    /// Adds or changes a store.
    ///
    /// # Errors
    /// [`Rejection::StoreNameTaken`], and [`Rejection::UnknownTimeZone`] when it has another time zone than before and there
    /// is no such one.
    pub fn put_store(&mut self, store: Store) -> Result<(), Rejection> {
        let had = self.stores.get(store.id).map_or(UTC, |had| &had.time_zone);
        if store.time_zone != had && !self.time_zones.contains(&store.time_zone) {
            return Err(Rejection::UnknownTimeZone(store.time_zone));
        }
        if self.stores.iter().any(|(id, other)| id != store.id && other.name == store.name) {
            return Err(Rejection::StoreNameTaken);
        }
        self.stores.put(store.id, store);
        Ok(())
    }

    /// Adds a register.
    ///
    /// # Errors
    /// [`Rejection::UnknownStore`] or [`Rejection::RegisterCodeTaken`].
    pub fn put_register(&mut self, register: Register) -> Result<(), Rejection> {
        self.store(register.store)?;
        let is_taken = |other: &Register| (other.store, &other.code) == (register.store, &register.code);
        if self.registers.iter().any(|(id, other)| id != register.id && is_taken(other)) {
            return Err(Rejection::RegisterCodeTaken);
        }
        self.registers.put(register.id, register);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        identity::Role,
        shop::{OTHER_STORE, STORE},
        time::Timestamp,
    };

    fn user(number: u128, email: Option<&str>, grants: Vec<Grant>) -> User {
        User {
            id: UserId::new(Uuid::from_u128(number)),
            name: None,
            email: email.map(|email| Email::try_new(email).unwrap()),
            password: None,
            pin: None,
            invitation: None,
            grants,
            version: 1,
            ended_at: None,
        }
    }

    fn store(id: StoreId, name: &str) -> Store {
        Store { id, name: name.to_owned(), time_zone: UTC.to_owned(), version: 1 }
    }

    const OWNER: Grant = Grant { role: Role::Owner, store: None };

    #[test]
    fn a_merchant_keeps_an_owner() {
        let kim = user(1, None, vec![OWNER]);
        let mut directory = Directory { users: Kept::found([(kim.id, kim.clone())]), ..Directory::default() };
        let of_one_store = Grant { role: Role::Owner, store: Some(STORE) };
        directory.stores = Kept::found([(STORE, store(STORE, "High Street"))]);
        let ended = User { ended_at: Some(Timestamp::from_micros(1_772_000_000_000_000).unwrap()), ..kim.clone() };
        for lost in [ended.clone(), User { grants: vec![of_one_store], ..kim.clone() }] {
            assert_eq!(directory.put_user(lost), Err(Rejection::LastOwner));
        }
        assert_eq!(directory.put_user(user(2, None, vec![OWNER])), Ok(()));
        assert_eq!(directory.put_user(ended), Ok(()), "there is another by now");
        assert_eq!(directory.put_user(user(2, None, vec![])), Err(Rejection::LastOwner));
    }

    #[test]
    fn addresses_names_and_codes_are_given_once_and_stores_exist() {
        let mut directory = Directory::default();
        directory.put_user(user(1, Some("kim@example.com"), vec![])).unwrap();
        directory.put_user(user(1, Some("kim@example.com"), vec![])).unwrap();
        assert_eq!(directory.put_user(user(2, Some("KIM@example.com"), vec![])), Err(Rejection::EmailTaken));
        let elsewhere = Grant { role: Role::Cashier, store: Some(OTHER_STORE) };
        assert_eq!(directory.put_user(user(2, None, vec![elsewhere])), Err(Rejection::UnknownGrantStore(OTHER_STORE)));
        directory.put_store(store(STORE, "High Street")).unwrap();
        assert_eq!(directory.put_store(store(OTHER_STORE, "High Street")), Err(Rejection::StoreNameTaken));
        let zoned = |zone: &str| Store { time_zone: zone.to_owned(), ..store(STORE, "High Street") };
        directory.time_zones.insert("Europe/Zurich".to_owned());
        let unknown = Rejection::UnknownTimeZone("Europe/Nowhere".to_owned());
        assert_eq!(directory.put_store(zoned("Europe/Nowhere")), Err(unknown));
        directory.put_store(zoned("Europe/Zurich")).unwrap();
        directory.time_zones.clear();
        assert_eq!(directory.put_store(zoned("Europe/Zurich")), Ok(()), "what it had is not asked about");
        let register = |number, at, code: &str| Register {
            id: RegisterId::new(Uuid::from_u128(number)),
            store: at,
            code: code.to_owned(),
        };
        directory.put_register(register(1, STORE, "R1")).unwrap();
        assert_eq!(directory.put_register(register(2, STORE, "R1")), Err(Rejection::RegisterCodeTaken));
        let unknown = Err(Rejection::UnknownStore(OTHER_STORE));
        assert_eq!(directory.put_register(register(2, OTHER_STORE, "R1")), unknown);
    }
}
