//! Customers: who buys, as far as they have said, and the groups that they are in.
//!
//! Who a customer is stands in one profile alone; the books name them by their id. An erased customer has no profile any
//! more. One that was merged into another has none either: whoever names it means the other, the survivor.

mod buyer;
mod directory;
mod phone;
mod rejection;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    id::{CustomerId, GroupId},
    identity::{Email, PersonName},
    text::{Note, Text},
};

pub use buyer::{Clientele, Known};
pub use directory::{Directory, Merged};
pub use phone::Phone;
pub use rejection::CustomerRejection;

/// The most groups that a customer is in: as many as a basket may have.
pub use crate::pricing::MAX_GROUPS;

/// What a group is called.
pub type GroupName = Text<120>;

/// What a customer has said of themself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CustomerProfile))]
pub struct Profile {
    /// What they are called: 1 to 120 characters.
    #[cfg_attr(feature = "schema", schema(value_type = String, min_length = 1, max_length = 120))]
    pub name: PersonName,
    /// Where they get mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, max_length = 254))]
    pub email: Option<Email>,
    /// Where they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, max_length = 500))]
    pub note: Option<Note>,
    /// Whether they have agreed to advertising.
    #[serde(default)]
    pub marketing: bool,
}

/// A customer as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Who.
    pub id: CustomerId,
    /// What they have said of themself; none once they are erased or merged.
    pub profile: Option<Profile>,
    /// The groups that they are in, those that have ended too.
    pub groups: BTreeSet<GroupId>,
    /// The survivor, if they were merged.
    pub merged_into: Option<CustomerId>,
    /// Counts their changes from 1.
    pub version: u32,
}

/// A group of customers, for whom prices may be others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Which.
    pub id: GroupId,
    /// What it is called.
    pub name: GroupName,
    /// Counts its changes from 1.
    pub version: u32,
    /// Whether it counts no more.
    pub ended: bool,
}

impl Profile {
    /// By the beginnings of which the customer is found, in lower case: the words of the name and of the e-mail address
    /// before its domain, the address itself, and the digits of the phone number, from each digit on as long as six are left.
    #[must_use]
    pub fn terms(&self) -> BTreeSet<String> {
        let mut terms: BTreeSet<String> = words(self.name.as_str()).collect();
        if let Some(email) = &self.email {
            terms.insert(email.as_str().to_owned());
            // Thousands share a domain.
            terms.extend(words(email.as_str().split('@').next().unwrap_or_default()));
        }
        if let Some(phone) = &self.phone {
            let digits = phone.digits();
            let parts = (0..digits.len().saturating_sub(5)).map(|from| digits[from..].to_owned());
            terms.extend(parts);
            terms.insert(digits);
        }
        terms
    }
}

/// What to look for, by what somebody typed: each has to be the beginning of one of a customer's terms.
#[must_use]
pub fn sought(text: &str) -> BTreeSet<String> {
    let text = text.trim().to_lowercase();
    if text.contains('@') {
        return BTreeSet::from([text]);
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_phone = !digits.is_empty() && text.chars().all(|char| !char.is_alphabetic());
    if is_phone { BTreeSet::from([digits]) } else { words(&text).collect() }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests;
