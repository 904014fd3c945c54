//! What can be allowed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Invalid;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal)*) => {
        /// Something that can be allowed. Its name is `<what>.<action>`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $text)] $name),*
        }

        impl Permission {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

permissions! {
    /// See products, stores, registers and tax categories.
    ReadCatalogue = "catalogue.read"
    /// Record sales.
    Sell = "sales.submit"
    /// See sales and their receipts.
    ReadSales = "sales.read"
    /// See what was sold in all: reports.
    ReadReports = "reports.read"
    /// Change price lists and promotions.
    ManagePrices = "prices.manage"
    /// See stock levels.
    ReadStock = "stock.read"
    /// Adjust stock levels.
    AdjustStock = "stock.adjust"
    /// Follow events as they happen.
    ReadEvents = "events.read"
    /// Void a sale.
    Void = "sales.void"
    /// Take goods back without their sale.
    ReturnUnlinked = "returns.unlinked"
    /// Give a discount beyond what a cashier may.
    DiscountBig = "discounts.big"
    /// Charge another price than the catalogue's.
    OverridePrice = "prices.override"
    /// Open the drawer without a sale.
    OpenDrawer = "drawer.open"
    /// See gift cards and store credit, and what is on them.
    ReadAccounts = "accounts.read"
    /// Put value on gift cards and store credit that no sale paid for, and move it.
    IssueAccounts = "accounts.issue"
    /// See customers, what they bought and what they have collected.
    ReadCustomers = "customers.read"
    /// Change, merge and erase customers, and say which groups they are in.
    ManageCustomers = "customers.manage"
    /// Add and rename stores.
    ManageStores = "stores.manage"
    /// Add registers; enrol tills and revoke them.
    ManageRegisters = "registers.manage"
    /// See users and what they may.
    ReadUsers = "users.read"
    /// Add, change and deactivate users who hold no more than cashiers do, and say what they may.
    ManageUsers = "users.manage"
    /// See who did what, and the outcomes of others' commands.
    ReadAudit = "audit.read"
    /// Make API keys and revoke them.
    ManageKeys = "keys.manage"
    /// Change the merchant; say who is owner, manager or auditor; export and erase personal data.
    ManageMerchant = "merchant.manage"
    /// Open a merchant. No role has it: it is the operator's alone.
    OpenMerchant = "merchant.open"
    /// Change what is one's own: one's password. No role has it: everybody has it for themself, and nobody for others.
    ManageOwn = "account.manage"
}

impl Permission {
    /// Whether somebody who has it can approve with their PIN one command of somebody who has not.
    #[must_use]
    pub const fn is_approvable(self) -> bool {
        matches!(
            self,
            Self::Void
                | Self::ReturnUnlinked
                | Self::DiscountBig
                | Self::OverridePrice
                | Self::OpenDrawer
                | Self::AdjustStock
                | Self::IssueAccounts
        )
    }
}

impl Permission {
    /// Whether an API key may have it: never what says who may what, nor what shows people.
    #[must_use]
    pub const fn is_for_keys(self) -> bool {
        matches!(
            self,
            Self::ReadCatalogue
                | Self::Sell
                | Self::ReadSales
                | Self::ReadReports
                | Self::ManagePrices
                | Self::ReadStock
                | Self::AdjustStock
                | Self::ReadEvents
                | Self::Void
                | Self::ReturnUnlinked
                | Self::DiscountBig
                | Self::OverridePrice
                | Self::ReadAccounts
                | Self::IssueAccounts
                | Self::ReadAudit
        )
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Permission {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|permission| permission.name())))
            .description(Some("Something that can be allowed."))
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Permission {}

impl FromStr for Permission {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.iter().copied().find(|permission| permission.name() == text).ok_or(Invalid::Permission)
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// All there are.
    pub const EVERY: Self = Self::of(Permission::ALL);

    /// These.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < permissions.len() {
            bits |= 1 << permissions[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// All of both.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn within(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        permissions.into_iter().fold(Self::default(), |all, permission| all.with(Self::of(&[permission])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_known_by_its_name() {
        assert!(Permission::ALL.len() <= 32, "the set has 32 places");
        for permission in Permission::ALL {
            assert_eq!(permission.name().parse(), Ok(*permission));
            assert_eq!(serde_json::to_string(permission).unwrap(), format!("\"{permission}\""));
        }
        assert_eq!("sales.submit ".parse::<Permission>(), Err(Invalid::Permission));
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: Permissions = [Permission::Sell, Permission::Void].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Permission::Sell, Permission::Void]);
        assert_eq!(set.within(Permissions::of(&[Permission::Void])), Permissions::of(&[Permission::Void]));
        assert_eq!(set.with(Permissions::EVERY), Permissions::EVERY);
        assert!(!set.contains(Permission::ReadSales));
    }
}
