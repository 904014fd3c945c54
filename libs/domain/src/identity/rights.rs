//! What somebody may, and where.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{Grant, Permission, Permissions};
use crate::{
    Rejection,
    id::{RegisterId, StoreId, UserId},
};

/// Where something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the merchant as a whole.
    Merchant,
    /// In this store.
    Store(StoreId),
    /// At this register of this store. Who is bound to a till acts at their own alone.
    Register(StoreId, RegisterId),
    /// Wherever one may: for what all stores share.
    Anywhere,
    /// On this user's own account, where nobody acts but they.
    Own(UserId),
}

/// What a command or a read needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub permission: Permission,
    /// What besides.
    also: Permissions,
    /// Where.
    pub place: Place,
}

impl Need {
    /// `permission` at `place`.
    #[must_use]
    pub const fn new(permission: Permission, place: Place) -> Self {
        Self { permission, also: Permissions::of(&[]), place }
    }

    /// The same, and these at the same place.
    #[must_use]
    pub const fn and(self, also: Permissions) -> Self {
        Self { also, ..self }
    }

    /// All of it, one permission each.
    pub fn each(self) -> impl Iterator<Item = Self> {
        let Self { permission, also, place } = self;
        [permission].into_iter().chain(also.iter()).map(move |permission| Self::new(permission, place))
    }
}

impl fmt::Display for Need {
    /// What it is, and who can help somebody who has it not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the permission {} ", self.permission)?;
        match self.place {
            Place::Merchant => f.write_str("for the whole merchant"),
            Place::Store(store) => write!(f, "in store {store}"),
            Place::Register(store, register) => write!(f, "at register {register} of store {store}"),
            Place::Anywhere => f.write_str("in some store"),
            Place::Own(user) => write!(f, "as user {user}"),
        }?;
        f.write_str(match self.permission {
            Permission::ManageOwn => "; nobody does this for another",
            approvable if approvable.is_approvable() => "; ask somebody who has it to approve this",
            _ => "; ask an owner for it",
        })
    }
}

/// In which stores somebody may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In all, and in those that will be.
    All,
    /// In these; none, if it is empty.
    Stores(BTreeSet<StoreId>),
}

impl Reach {
    /// Whether this store is among them.
    #[must_use]
    pub fn contains(&self, store: StoreId) -> bool {
        self.stores().is_none_or(|stores| stores.contains(&store))
    }

    /// The stores, unless it is all.
    #[must_use]
    pub const fn stores(&self) -> Option<&BTreeSet<StoreId>> {
        match self {
            Self::All => None,
            Self::Stores(stores) => Some(stores),
        }
    }
}

/// What somebody may, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    everywhere: Permissions,
    stores: BTreeMap<StoreId, Permissions>,
    register: Option<RegisterId>,
    user: Option<UserId>,
}

impl Rights {
    /// What an enrolled till may by itself, in its store: sell (what it sold offline arrives when nobody is signed in), and
    /// read what selling needs.
    pub const TILL: Permissions =
        Permissions::of(&[Permission::ReadCatalogue, Permission::Sell, Permission::ReadStock]);

    /// What people may at a till, if their roles allow it.
    pub const COUNTER: Permissions = Permissions::of(&[
        Permission::ReadCatalogue,
        Permission::Sell,
        Permission::ReadSales,
        Permission::ReadStock,
        Permission::AdjustStock,
        Permission::ReadEvents,
        Permission::Void,
        Permission::ReturnUnlinked,
        Permission::DiscountBig,
        Permission::OverridePrice,
        Permission::OpenDrawer,
        Permission::ReadAccounts,
        Permission::IssueAccounts,
        Permission::ReadCustomers,
    ]);

    /// The operator's: everything.
    #[must_use]
    pub fn operator() -> Self {
        Self { everywhere: Permissions::EVERY, ..Self::default() }
    }

    /// Those that go with these roles.
    #[must_use]
    pub fn of_grants(grants: &[Grant]) -> Self {
        let mut rights = Self::default();
        for grant in grants {
            rights.add(grant.role.permissions(), grant.store);
        }
        rights
    }

    /// An enrolled till's own: see [`Rights::TILL`].
    #[must_use]
    pub fn of_till(store: StoreId, register: RegisterId) -> Self {
        let mut rights = Self::default();
        rights.add(Self::TILL, Some(store));
        rights.bound_to(register)
    }

    /// Adds permissions in one store, or in all.
    pub fn add(&mut self, permissions: Permissions, store: Option<StoreId>) {
        let place = match store {
            None => &mut self.everywhere,
            Some(store) => self.stores.entry(store).or_default(),
        };
        *place = place.with(permissions);
    }

    /// Of them, those that are for the counter, and at no other register than this. Who signs in by a PIN, which others may
    /// have watched, manages nothing by it.
    #[must_use]
    pub fn bound_to(self, register: RegisterId) -> Self {
        let stores = self.stores.into_iter().map(|(store, here)| (store, here.within(Self::COUNTER))).collect();
        Self { everywhere: self.everywhere.within(Self::COUNTER), stores, register: Some(register), ..self }
    }

    /// The same, and this user's for what is their own.
    #[must_use]
    pub fn of_user(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Whether anything at all is allowed beyond what is one's own.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.everywhere != Permissions::default() || self.stores.values().any(|here| *here != Permissions::default())
    }

    /// Whether that is allowed.
    #[must_use]
    pub fn may(&self, need: Need) -> bool {
        need.each().all(|one| self.may_one(one.permission, one.place))
    }

    fn may_one(&self, permission: Permission, place: Place) -> bool {
        if let Place::Own(user) = place {
            return permission == Permission::ManageOwn && self.user == Some(user);
        }
        let in_store = |store| self.stores.get(store).is_some_and(|here| here.contains(permission));
        self.everywhere.contains(permission)
            && !matches!(place, Place::Register(_, at) if self.register.is_some_and(|own| own != at))
            || match place {
                Place::Merchant | Place::Own(_) => false,
                Place::Store(store) => in_store(&store),
                Place::Register(store, at) => in_store(&store) && self.register.is_none_or(|own| own == at),
                Place::Anywhere => self.stores.keys().any(in_store),
            }
    }

    /// That it is allowed.
    ///
    /// # Errors
    /// [`Rejection::Forbidden`], which names the first permission that is missing.
    pub fn check(&self, need: Need) -> Result<(), Rejection> {
        need.each().find(|one| !self.may(*one)).map_or(Ok(()), |missing| Err(Rejection::Forbidden(missing)))
    }

    /// In which stores that is allowed.
    #[must_use]
    pub fn reach(&self, permission: Permission) -> Reach {
        if self.everywhere.contains(permission) {
            return Reach::All;
        }
        let stores = self.stores.iter().filter(|(_, here)| here.contains(permission));
        Reach::Stores(stores.map(|(store, _)| *store).collect())
    }

    /// Whether they may give these grants or take them away: each of them must be theirs to govern.
    #[must_use]
    pub fn govern(&self, grants: &[Grant]) -> bool {
        grants.iter().all(|grant| {
            let place = match (grant.role.governed_by(), grant.store) {
                (Permission::ManageMerchant, _) | (_, None) => Place::Merchant,
                (_, Some(store)) => Place::Store(store),
            };
            self.may(Need::new(grant.role.governed_by(), place))
        })
    }

    /// Whether they may add or change a user who has these grants. Who has none belongs to no store, so that it takes
    /// somebody of the whole merchant.
    #[must_use]
    pub fn govern_user(&self, grants: &[Grant]) -> bool {
        match grants {
            [] => self.may(Need::new(Permission::ManageUsers, Place::Merchant)),
            grants => self.govern(grants),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Role, *};
    use crate::shop::{OTHER_REGISTER, OTHER_STORE, REGISTER, STORE};

    fn need(permission: Permission, place: Place) -> Need {
        Need::new(permission, place)
    }

    #[test]
    fn a_role_in_one_store_is_none_in_another() {
        let cashier = Rights::of_grants(&[Grant { role: Role::Cashier, store: Some(STORE) }]);
        assert!(cashier.may(need(Permission::Sell, Place::Store(STORE))));
        assert!(cashier.may(need(Permission::Sell, Place::Register(STORE, REGISTER))));
        assert!(cashier.may(need(Permission::ReadCatalogue, Place::Anywhere)));
        assert!(!cashier.may(need(Permission::Sell, Place::Store(OTHER_STORE))));
        assert!(!cashier.may(need(Permission::Sell, Place::Merchant)));
        assert!(!cashier.may(need(Permission::AdjustStock, Place::Store(STORE))));
        assert_eq!(cashier.reach(Permission::ReadSales), Reach::Stores([STORE].into()));
        assert_eq!(cashier.reach(Permission::ReadUsers), Reach::Stores(BTreeSet::new()));
    }

    #[test]
    fn roles_add_up_and_count_everywhere_if_no_store_is_named() {
        let both = [Grant { role: Role::Cashier, store: Some(STORE) }, Grant { role: Role::Auditor, store: None }];
        let rights = Rights::of_grants(&both);
        assert!(rights.may(need(Permission::ReadAudit, Place::Merchant)));
        assert!(rights.may(need(Permission::ReadAudit, Place::Store(OTHER_STORE))));
        assert!(!rights.may(need(Permission::Sell, Place::Store(OTHER_STORE))));
        assert_eq!(rights.reach(Permission::ReadSales), Reach::All);
    }

    #[test]
    fn who_is_bound_to_a_till_acts_at_it_alone() {
        for grant in [Some(STORE), None] {
            let rights = Rights::of_grants(&[Grant { role: Role::Cashier, store: grant }]).bound_to(REGISTER);
            assert!(rights.may(need(Permission::Sell, Place::Register(STORE, REGISTER))));
            assert!(!rights.may(need(Permission::Sell, Place::Register(STORE, OTHER_REGISTER))), "{grant:?}");
            assert_eq!(
                rights.check(need(Permission::Sell, Place::Register(STORE, OTHER_REGISTER))),
                Err(Rejection::Forbidden(need(Permission::Sell, Place::Register(STORE, OTHER_REGISTER))))
            );
        }
    }

    #[test]
    fn who_is_at_a_till_manages_nothing_there() {
        let owner = Rights::of_grants(&[Grant { role: Role::Owner, store: None }]).bound_to(REGISTER);
        for permission in Permission::ALL {
            let counter = Rights::COUNTER.contains(*permission);
            assert_eq!(owner.may(need(*permission, Place::Store(STORE))), counter, "{permission}");
            assert!(!permission.is_approvable() || counter, "{permission}");
        }
        assert!(!owner.govern(&[Grant { role: Role::Cashier, store: Some(STORE) }]));
    }

    #[test]
    fn a_manager_governs_cashiers_of_their_store_and_nobody_else() {
        let manager = Rights::of_grants(&[Grant { role: Role::Manager, store: Some(STORE) }]);
        assert!(manager.govern(&[Grant { role: Role::Cashier, store: Some(STORE) }]));
        for beyond in [
            Grant { role: Role::Cashier, store: Some(OTHER_STORE) },
            Grant { role: Role::Cashier, store: None },
            Grant { role: Role::Manager, store: Some(STORE) },
            Grant { role: Role::Owner, store: None },
            Grant { role: Role::Auditor, store: Some(STORE) },
        ] {
            assert!(!manager.govern(&[beyond]), "{beyond:?}");
        }
        let owner = Rights::of_grants(&[Grant { role: Role::Owner, store: None }]);
        assert!(Role::ALL.into_iter().all(|role| owner.govern(&[Grant { role, store: None }])));
        let of_one_store = Rights::of_grants(&[Grant { role: Role::Owner, store: Some(STORE) }]);
        assert!(!of_one_store.govern(&[Grant { role: Role::Manager, store: Some(STORE) }]));
        assert!(!manager.govern_user(&[]), "who has no grants belongs to no store");
        assert!(owner.govern_user(&[]));
    }

    #[test]
    fn what_is_ones_own_is_nobody_elses() {
        let (kim, other) = (UserId::new(uuid::Uuid::from_u128(1)), UserId::new(uuid::Uuid::from_u128(2)));
        let own = |user| need(Permission::ManageOwn, Place::Own(user));
        let owner = Rights::of_grants(&[Grant { role: Role::Owner, store: None }]).of_user(kim);
        assert!(owner.may(own(kim)));
        assert!(!owner.may(own(other)));
        assert!(!Rights::operator().may(own(kim)));
        assert!(!owner.may(need(Permission::OpenMerchant, Place::Own(kim))), "no other permission comes with it");
        assert!(!Rights::default().of_user(kim).is_any());
        assert!(owner.is_any());
    }
}
