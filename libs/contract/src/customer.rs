//! Customers on the wire.
//!
//! Events name customers by their ids alone, so that nothing about a person lasts in what is kept for ever; commands, which
//! hold names, are purged once they are done.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    customer::{GroupName, Profile},
    id::{CustomerId, GroupId},
    identity::{Need, Permission, Place},
};
use utoipa::ToSchema;

use crate::{envelope::messages, identity::Changed};

messages! {
    /// What the sales worker is told to do about customers.
    Command {
        /// Add a customer.
        AddCustomer(NewCustomer) = "customer.add_customer.v1",
        /// Change a customer.
        ChangeCustomer(CustomerChange) = "customer.change_customer.v1",
        /// Forget who a customer is.
        EraseCustomer(OneCustomer) = "customer.erase_customer.v1",
        /// Merge a customer into another.
        MergeCustomers(Merge) = "customer.merge_customers.v1",
        /// Add a group, or name it anew.
        PutGroup(GroupToPut) = "customer.put_group.v1",
        /// Let a group count no more.
        EndGroup(GroupToEnd) = "customer.end_group.v1",
    }
}

messages! {
    /// What the sales worker reports of customers.
    Event {
        /// A customer was added, changed or erased.
        CustomerChanged(Changed) = "customer.customer_changed.v1",
        /// A customer was merged into another.
        CustomersMerged(Merged) = "customer.customers_merged.v1",
        /// A group was added, changed or ended.
        GroupChanged(Changed) = "customer.group_changed.v1",
    }
}

impl Event {
    /// What the event says.
    ///
    /// # Errors
    /// None: all of it can be JSON.
    pub fn body(&self) -> Result<serde_json::Value, serde_json::Error> {
        match self {
            Self::CustomerChanged(changed) | Self::GroupChanged(changed) => serde_json::to_value(changed),
            Self::CustomersMerged(merged) => serde_json::to_value(merged),
        }
    }
}

/// A customer to add. Their id is the request's `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewCustomer {
    /// What they have said of themself.
    pub profile: Profile,
    /// The groups that they are in, up to 50.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<GroupId>, max_items = 50)]
    pub groups: BTreeSet<GroupId>,
}

/// What a customer is from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomerChange {
    /// Who.
    pub customer: CustomerId,
    /// The version that who asks has seen.
    pub version: u32,
    /// What they have said of themself: what is not in it goes.
    pub profile: Profile,
    /// The groups that they are in, up to 50: what is not among them ends.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<GroupId>, max_items = 50)]
    pub groups: BTreeSet<GroupId>,
}

/// A customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OneCustomer {
    /// Who.
    pub customer: CustomerId,
}

/// One customer to merge into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Merge {
    /// Who is no more afterwards.
    pub customer: CustomerId,
    /// The survivor: who names the other means them.
    pub into: CustomerId,
}

/// A group to add, or to name anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupToPut {
    /// Which.
    pub group: GroupId,
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    pub name: GroupName,
    /// The version that who asks has seen; of a new one left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A group that is to count no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupToEnd {
    /// Which.
    pub group: GroupId,
    /// The version that who asks has seen.
    pub version: u32,
}

/// One customer was merged into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Merged {
    /// Who is no more.
    pub from: CustomerId,
    /// The survivor.
    pub id: CustomerId,
    /// Counts the survivor's changes from 1.
    pub version: u32,
}

impl crate::Command for Command {
    fn need(&self) -> Need {
        let permission = match self {
            // Whoever sells may write down who buys; who gets other prices is not theirs to say.
            Self::AddCustomer(new) if new.groups.is_empty() => Permission::Sell,
            Self::AddCustomer(_)
            | Self::ChangeCustomer(_)
            | Self::EraseCustomer(_)
            | Self::MergeCustomers(_)
            | Self::PutGroup(_)
            | Self::EndGroup(_) => Permission::ManageCustomers,
        };
        Need::new(permission, Place::Anywhere)
    }
}
