//! What becomes of a merchant's customers and groups.

use std::collections::{BTreeMap, BTreeSet};

use super::{Customer, CustomerRejection, Group, GroupName, MAX_GROUPS, Profile};
use crate::{
    Rejection,
    id::{CustomerId, GroupId},
};

/// The customers and groups that decisions are about, and which of them they have changed.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    pub(super) customers: BTreeMap<CustomerId, Customer>,
    groups: BTreeMap<GroupId, Group>,
    added: BTreeSet<CustomerId>,
    changed: BTreeSet<CustomerId>,
    regrouped: BTreeSet<GroupId>,
    merged: Vec<Merged>,
}

/// One customer merged into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Who is no more.
    pub from: CustomerId,
    /// The survivor.
    pub into: CustomerId,
    /// The survivor's version since.
    pub version: u32,
}

impl Directory {
    /// Customers and groups as they stand.
    pub fn new(customers: impl IntoIterator<Item = Customer>, groups: impl IntoIterator<Item = Group>) -> Self {
        Self {
            customers: customers.into_iter().map(|customer| (customer.id, customer)).collect(),
            groups: groups.into_iter().map(|group| (group.id, group)).collect(),
            ..Self::default()
        }
    }

    /// The customers that were added.
    pub fn added(&self) -> impl Iterator<Item = &Customer> {
        self.added.iter().filter_map(|id| self.customers.get(id))
    }

    /// The customers that were there and have changed, by id.
    pub fn changed(&self) -> impl Iterator<Item = &Customer> {
        self.changed.difference(&self.added).filter_map(|id| self.customers.get(id))
    }

    /// The groups that were put or ended, by id.
    pub fn regrouped(&self) -> impl Iterator<Item = &Group> {
        self.regrouped.iter().filter_map(|id| self.groups.get(id))
    }

    /// Who was merged, in order.
    #[must_use]
    pub fn merged(&self) -> &[Merged] {
        &self.merged
    }

    /// Adds a customer; returns their version.
    ///
    /// # Errors
    /// [`Rejection::IdTaken`], [`CustomerRejection::UnknownGroup`] or [`CustomerRejection::TooManyGroups`].
    pub fn add(&mut self, id: CustomerId, profile: Profile, groups: BTreeSet<GroupId>) -> Result<u32, Rejection> {
        if self.customers.contains_key(&id) {
            return Err(Rejection::IdTaken);
        }
        self.check_groups(&groups)?;
        let version = 1;
        self.customers.insert(id, Customer { id, profile: Some(profile), groups, merged_into: None, version });
        self.added.insert(id);
        Ok(version)
    }

    /// Puts another profile in the place of a customer's, if who asks has seen the last one; returns the new version.
    ///
    /// # Errors
    /// [`CustomerRejection::Unknown`], [`CustomerRejection::Erased`], [`CustomerRejection::Merged`],
    /// [`Rejection::VersionConflict`], [`CustomerRejection::UnknownGroup`] or [`CustomerRejection::TooManyGroups`].
    pub fn change(
        &mut self,
        (id, expected): (CustomerId, u32),
        profile: Profile,
        groups: BTreeSet<GroupId>,
    ) -> Result<u32, Rejection> {
        let customer = self.active(id)?;
        check_version(expected, customer.version)?;
        // What they are in already may have ended meanwhile.
        let joined = groups.difference(&customer.groups).copied().collect();
        self.check_groups(&joined)?;
        if groups.len() > MAX_GROUPS {
            return Err(CustomerRejection::TooManyGroups.into());
        }
        Ok(self.put(Customer { profile: Some(profile), groups, ..customer }))
    }

    /// Forgets who a customer is, for good; returns the new version.
    ///
    /// # Errors
    /// [`CustomerRejection::Unknown`], [`CustomerRejection::Erased`] or [`CustomerRejection::Merged`].
    pub fn erase(&mut self, id: CustomerId) -> Result<u32, Rejection> {
        let customer = self.active(id)?;
        Ok(self.put(Customer { profile: None, groups: BTreeSet::new(), ..customer }))
    }

    /// Merges one customer into another, who is in the groups of both from now on.
    ///
    /// # Errors
    /// [`CustomerRejection::Same`], [`CustomerRejection::Unknown`], [`CustomerRejection::Erased`],
    /// [`CustomerRejection::Merged`] or [`CustomerRejection::TooManyGroups`].
    pub fn merge(&mut self, from: CustomerId, into: CustomerId) -> Result<Merged, Rejection> {
        if from == into {
            return Err(CustomerRejection::Same.into());
        }
        let (gone, survivor) = (self.active(from)?, self.active(into)?);
        let groups: BTreeSet<_> = gone.groups.union(&survivor.groups).copied().collect();
        if groups.len() > MAX_GROUPS {
            return Err(CustomerRejection::TooManyGroups.into());
        }
        self.put(Customer { profile: None, groups: BTreeSet::new(), merged_into: Some(into), ..gone });
        let version = self.put(Customer { groups, ..survivor });
        let merged = Merged { from, into, version };
        self.merged.push(merged);
        Ok(merged)
    }

    /// Adds a group, or names it anew; returns its version.
    ///
    /// # Errors
    /// [`Rejection::VersionConflict`].
    pub fn put_group(&mut self, id: GroupId, name: GroupName, seen: Option<u32>) -> Result<u32, Rejection> {
        let found = self.groups.get(&id).map_or(0, |group| group.version);
        check_version(seen.unwrap_or(0), found)?;
        Ok(self.regroup(Group { id, name, version: found, ended: false }))
    }

    /// Lets a group count no more; returns its version.
    ///
    /// # Errors
    /// [`CustomerRejection::UnknownGroup`] or [`Rejection::VersionConflict`].
    pub fn end_group(&mut self, id: GroupId, seen: u32) -> Result<u32, Rejection> {
        let group = self.groups.get(&id).cloned().ok_or(CustomerRejection::UnknownGroup(id))?;
        check_version(seen, group.version)?;
        Ok(self.regroup(Group { ended: true, ..group }))
    }

    pub(super) fn active(&self, id: CustomerId) -> Result<Customer, Rejection> {
        let customer = self.customers.get(&id).ok_or(CustomerRejection::Unknown(id))?;
        match customer {
            Customer { merged_into: Some(_), .. } => Err(CustomerRejection::Merged(id).into()),
            Customer { profile: None, .. } => Err(CustomerRejection::Erased(id).into()),
            customer => Ok(customer.clone()),
        }
    }

    fn check_groups(&self, groups: &BTreeSet<GroupId>) -> Result<(), CustomerRejection> {
        if groups.len() > MAX_GROUPS {
            return Err(CustomerRejection::TooManyGroups);
        }
        let unknown = groups.iter().find(|id| self.groups.get(id).is_none_or(|group| group.ended));
        unknown.map_or(Ok(()), |id| Err(CustomerRejection::UnknownGroup(*id)))
    }

    fn put(&mut self, customer: Customer) -> u32 {
        let version = customer.version + 1;
        self.changed.insert(customer.id);
        self.customers.insert(customer.id, Customer { version, ..customer });
        version
    }

    fn regroup(&mut self, group: Group) -> u32 {
        let version = group.version + 1;
        self.regrouped.insert(group.id);
        self.groups.insert(group.id, Group { version, ..group });
        version
    }
}

fn check_version(expected: u32, found: u32) -> Result<(), Rejection> {
    if expected == found { Ok(()) } else { Err(Rejection::VersionConflict { expected, found }) }
}
