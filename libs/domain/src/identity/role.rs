//! Roles, and the matrix.

use serde::{Deserialize, Serialize};

use super::{Permission, Permissions};
use crate::id::StoreId;

/// How many grants a user may have. Who works in more stores gets the role in all of them.
pub const MAX_GRANTS: usize = 32;

/// What people are in a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whose business it is.
    Owner,
    /// Runs a store.
    Manager,
    /// Sells.
    Cashier,
    /// Looks, and changes nothing.
    Auditor,
}

/// A role in one store, or in the merchant with all its stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Grant {
    /// What.
    pub role: Role,
    /// Where; in all stores, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Manager, Self::Cashier, Self::Auditor];

    /// The matrix: what each role may.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        use Permission as P;
        match self {
            // All that a manager may, and what concerns the merchant.
            Self::Owner => {
                Self::Manager.permissions().with(Permissions::of(&[P::ManageStores, P::ManageKeys, P::ManageMerchant]))
            }
            Self::Manager => Permissions::of(&[
                P::ReadCatalogue,
                P::Sell,
                P::ReadSales,
                P::ReadReports,
                P::ReadStock,
                P::AdjustStock,
                P::ReadEvents,
                P::Void,
                P::ReturnUnlinked,
                P::DiscountBig,
                P::OverridePrice,
                P::ManagePrices,
                P::OpenDrawer,
                P::ReadAccounts,
                P::IssueAccounts,
                P::ReadCustomers,
                P::ManageCustomers,
                P::ManageRegisters,
                P::ReadUsers,
                P::ManageUsers,
                P::ReadAudit,
            ]),
            Self::Cashier => Permissions::of(&[
                P::ReadCatalogue,
                P::Sell,
                P::ReadSales,
                P::ReadStock,
                P::ReadEvents,
                P::ReadAccounts,
                P::ReadCustomers,
            ]),
            Self::Auditor => Permissions::of(&[
                P::ReadCatalogue,
                P::ReadSales,
                P::ReadReports,
                P::ReadStock,
                P::ReadEvents,
                P::ReadAccounts,
                P::ReadCustomers,
                P::ReadUsers,
                P::ReadAudit,
            ]),
        }
    }

    /// What one needs to give this role to somebody, to take it from them, or to change who holds it.
    #[must_use]
    pub const fn governed_by(self) -> Permission {
        match self {
            Self::Cashier => Permission::ManageUsers,
            Self::Owner | Self::Manager | Self::Auditor => Permission::ManageMerchant,
        }
    }

    /// The name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Cashier => "cashier",
            Self::Auditor => "auditor",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(crate::Invalid::Role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_changes_nothing_and_nobody_opens_merchants() {
        let reads =
            |permission: &Permission| permission.name().split_once('.').is_some_and(|(_, action)| action == "read");
        assert!(Role::Auditor.permissions().iter().all(|permission| reads(&permission)));
        for role in Role::ALL {
            assert!(!role.permissions().contains(Permission::OpenMerchant), "{role:?}");
            assert_eq!(role.name().parse(), Ok(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{}\"", role.name()));
        }
    }

    #[test]
    fn an_owner_may_whatever_others_may() {
        for role in Role::ALL {
            assert_eq!(Role::Owner.permissions().with(role.permissions()), Role::Owner.permissions(), "{role:?}");
        }
        for permission in Permission::ALL.iter().filter(|permission| permission.is_approvable()) {
            assert!(Role::Manager.permissions().contains(*permission), "{permission}");
            assert!(!Role::Cashier.permissions().contains(*permission), "{permission}");
        }
    }
}
