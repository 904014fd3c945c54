//! People who work in a test's shop.

use std::collections::BTreeMap;

use tillstream_contract::token::{self, Access};
use tillstream_domain::{
    id::UserId,
    identity::{Actor, Directory, Grant, Kept, PersonName, Role, User},
};

use crate::{Fixture, Shop, shop::token_key};

impl Shop {
    /// Adds a user with these grants, as if they had been added long ago, and returns who they are.
    ///
    /// # Panics
    /// When the database is not there.
    pub async fn hire(&self, merchant: Fixture, grants: &[Grant]) -> UserId {
        let id = UserId::new(self.ids.next());
        let user = User {
            id,
            name: Some(PersonName::try_new("Kim").expect("it is a name")),
            email: None,
            password: None,
            pin: None,
            invitation: None,
            grants: grants.to_vec(),
            version: 1,
            ended_at: None,
        };
        let mut users = Kept::default();
        users.put(id, user);
        let directory = BTreeMap::from([(merchant.merchant(), Directory { users, ..Directory::default() })]);
        let mut conn = self.pool.acquire().await.expect("PostgreSQL answers");
        tillstream_store::identity::save(&mut conn, &directory, self.clock.now()).await.expect("the user can be added");
        id
    }

    /// Adds a user of [`crate::SHOP`] who has one role in its store, and returns a token of theirs.
    pub async fn token_of(&self, role: Role) -> String {
        let grants = [Grant { role, store: Some(crate::SHOP.store()) }];
        self.token_for(crate::SHOP, self.hire(crate::SHOP, &grants).await, &grants)
    }

    /// A token for a user, good for an hour, that says that they have these grants.
    #[must_use]
    pub fn token_for(&self, merchant: Fixture, user: UserId, grants: &[Grant]) -> String {
        let iat = self.clock.now().micros() / 1_000_000;
        let access = Access {
            sub: Actor::User(user),
            merchant: merchant.merchant(),
            iat,
            sid: None,
            till: None,
            store: None,
            cnf: None,
            grants: grants.to_vec(),
        };
        token::sign(&access, iat + 3_600, &token_key())
    }
}
