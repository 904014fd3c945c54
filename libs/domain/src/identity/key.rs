//! API keys: what programs that work for a merchant show.

use std::collections::BTreeSet;

use super::{Actor, Need, Permission, Permissions, Place, Rights};
use crate::{
    Rejection,
    id::{KeyId, StoreId},
    text::Text,
    time::Timestamp,
};

/// What people call a key.
pub type KeyName = Text<120>;

/// How many stores a key may be for, unless it is for all.
pub const MAX_KEY_STORES: usize = 32;

/// An API key. It keeps what it may though its maker may less one day; who manages keys sees it and can revoke it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Who it is in the books.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// SHA-256 of the key, which is random.
    pub hash: [u8; 32],
    /// What it may.
    pub scopes: Permissions,
    /// In which stores; in all, if none are named.
    pub stores: Option<BTreeSet<StoreId>>,
    /// Who has made it.
    pub made_by: Actor,
    /// When.
    pub made_at: Timestamp,
    /// From when on it is no longer taken, if ever.
    pub expires_at: Option<Timestamp>,
    /// Counts changes from 1.
    pub version: u32,
    /// When it was revoked.
    pub ended_at: Option<Timestamp>,
}

impl ApiKey {
    /// A new key, made by somebody with `rights`.
    ///
    /// # Errors
    /// [`Rejection::NoScope`], [`Rejection::KeyStores`], [`Rejection::ExpiryPast`], [`Rejection::ScopeNotForKeys`], or
    /// [`Rejection::Forbidden`] when its maker may not make keys there, or may not themself what it may.
    pub fn make(rights: &Rights, key: Self, now: Timestamp) -> Result<Self, Rejection> {
        if key.scopes == Permissions::default() {
            return Err(Rejection::NoScope);
        }
        if let Some(stores) = &key.stores
            && !(1..=MAX_KEY_STORES).contains(&stores.len())
        {
            return Err(Rejection::KeyStores { count: stores.len(), max: MAX_KEY_STORES });
        }
        if key.expires_at.is_some_and(|expires| expires <= now) {
            return Err(Rejection::ExpiryPast);
        }
        if let Some(scope) = key.scopes.iter().find(|scope| !scope.is_for_keys()) {
            return Err(Rejection::ScopeNotForKeys(scope));
        }
        key.check(rights, key.scopes.iter().chain([Permission::ManageKeys]))?;
        Ok(Self { version: 1, ended_at: None, ..key })
    }

    /// The key, revoked at `now` by somebody with `rights`; as it is, if it was revoked before.
    ///
    /// # Errors
    /// [`Rejection::Forbidden`] when they may not manage keys where it is good.
    pub fn revoke(self, rights: &Rights, now: Timestamp) -> Result<Self, Rejection> {
        self.check(rights, std::iter::once(Permission::ManageKeys))?;
        if self.ended_at.is_some() {
            return Ok(self);
        }
        Ok(Self { version: self.version.saturating_add(1), ended_at: Some(now), ..self })
    }

    /// That somebody has these permissions wherever the key is good.
    fn check(&self, rights: &Rights, permissions: impl Iterator<Item = Permission>) -> Result<(), Rejection> {
        for permission in permissions {
            match &self.stores {
                None => rights.check(Need::new(permission, Place::Merchant))?,
                Some(stores) => {
                    for store in stores {
                        rights.check(Need::new(permission, Place::Store(*store)))?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{Grant, Role},
        shop::{OTHER_STORE, STORE},
    };

    const NOW: i64 = 1_772_000_000_000_000;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn key(scopes: &[Permission], stores: Option<&[StoreId]>) -> ApiKey {
        ApiKey {
            id: KeyId::new(uuid::Uuid::from_u128(1)),
            name: KeyName::try_new("Web shop").unwrap(),
            hash: [0; 32],
            scopes: Permissions::of(scopes),
            stores: stores.map(|stores| stores.iter().copied().collect()),
            made_by: Actor::Operator,
            made_at: at(NOW),
            expires_at: None,
            version: 0,
            ended_at: None,
        }
    }

    fn owner(store: Option<StoreId>) -> Rights {
        Rights::of_grants(&[Grant { role: Role::Owner, store }])
    }

    #[test]
    fn a_key_may_no_more_than_its_maker_and_never_manage_who_may_what() {
        let make = |rights: &Rights, key| ApiKey::make(rights, key, at(NOW)).map(|key| key.version);
        let read = &[Permission::ReadSales];
        assert_eq!(make(&owner(None), key(read, None)), Ok(1));
        assert_eq!(make(&owner(Some(STORE)), key(read, Some(&[STORE]))), Ok(1));
        let forbidden = |result: Result<u32, Rejection>| matches!(result, Err(Rejection::Forbidden(_)));
        assert!(forbidden(make(&owner(Some(STORE)), key(read, None))));
        assert!(forbidden(make(&owner(Some(STORE)), key(read, Some(&[STORE, OTHER_STORE])))));
        let manager = Rights::of_grants(&[Grant { role: Role::Manager, store: None }]);
        assert!(forbidden(make(&manager, key(read, None))), "managers make no keys");
        for scope in [Permission::ManageUsers, Permission::ManageKeys, Permission::ManageMerchant] {
            assert_eq!(make(&owner(None), key(&[scope], None)), Err(Rejection::ScopeNotForKeys(scope)));
        }
        assert_eq!(make(&owner(None), key(&[], None)), Err(Rejection::NoScope));
        assert_eq!(make(&owner(None), key(read, Some(&[]))), Err(Rejection::KeyStores { count: 0, max: 32 }));
        let past = ApiKey { expires_at: Some(at(NOW)), ..key(read, None) };
        assert_eq!(make(&owner(None), past), Err(Rejection::ExpiryPast));
    }

    #[test]
    fn a_key_is_revoked_once_by_who_manages_keys_where_it_is_good() {
        let made = ApiKey::make(&owner(None), key(&[Permission::ReadSales], None), at(NOW)).unwrap();
        assert!(made.clone().revoke(&owner(Some(STORE)), at(NOW)).is_err());
        let revoked = made.revoke(&owner(None), at(NOW + 1)).unwrap();
        assert_eq!((revoked.version, revoked.ended_at), (2, Some(at(NOW + 1))));
        assert_eq!(revoked.clone().revoke(&owner(None), at(NOW + 2)), Ok(revoked));
    }
}
