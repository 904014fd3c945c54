//! Who belongs to a merchant, as far as a batch of decisions needs to know, and what the decisions change.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApiKey, Email, Till, User};
use crate::{
    Rejection,
    id::{KeyId, RegisterId, StoreId, UserId},
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
    /// The users whom a batch names, by id or by e-mail address.
    pub users: Kept<UserId, User>,
    /// The API keys that a batch names.
    pub keys: Kept<KeyId, ApiKey>,
    /// Of the stores for which a batch makes keys, those that there are.
    pub key_stores: BTreeSet<StoreId>,
    /// The tills of the registers that a batch names, of which each has one.
    pub tills: Kept<RegisterId, Till>,
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
    /// [`Rejection::EmailTaken`] when somebody else has the address.
    pub fn put_user(&mut self, user: User) -> Result<(), Rejection> {
        let taken =
            |email: &Email| self.users.iter().any(|(id, other)| id != user.id && other.email.as_ref() == Some(email));
        if user.email.as_ref().is_some_and(taken) {
            return Err(Rejection::EmailTaken);
        }
        self.users.put(user.id, user);
        Ok(())
    }
}
