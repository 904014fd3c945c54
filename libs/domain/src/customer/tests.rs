use uuid::Uuid;

use super::*;
use crate::{Invalid, Rejection};

fn customer_id(number: u128) -> CustomerId {
    CustomerId::new(Uuid::from_u128(number))
}

fn group_id(number: u128) -> GroupId {
    GroupId::new(Uuid::from_u128(number))
}

fn profile(name: &str) -> Profile {
    let name = PersonName::try_new(name).unwrap();
    Profile { name, email: None, phone: None, note: None, marketing: false }
}

/// Anna (1) in group 10, Anne (2) in group 11.
fn directory() -> Directory {
    let mut directory = Directory::default();
    for group in [10, 11, 12] {
        directory.put_group(group_id(group), GroupName::try_new("Staff").unwrap(), None).unwrap();
    }
    for (id, name, group) in [(1, "Anna", 10), (2, "Anne", 11)] {
        directory.add(customer_id(id), profile(name), BTreeSet::from([group_id(group)])).unwrap();
    }
    directory
}

#[test]
fn a_phone_number_is_no_card_number() {
    assert_eq!(Phone::try_new(" +49 (151) 123-456 ").unwrap().digits(), "49151123456");
    assert!(Phone::try_new("+4111 1111 1111 115").is_ok());
    for text in ["", "123", "+49 151 12345678901", "call me", "++49151", "12\n34"] {
        assert_eq!(Phone::try_new(text), Err(Invalid::Phone), "{text:?}");
    }
    assert_eq!(Phone::try_new("3782 822463 10005"), Err(Invalid::CardNumber));
}

#[test]
fn a_customer_is_found_by_words_address_and_digits() {
    let email = Some(crate::identity::Email::try_new("A.Müller@example.com").unwrap());
    let phone = Some(Phone::try_new("+49 151 234567").unwrap());
    let terms = Profile { email, phone, ..profile("Anna Müller-Lüdenscheidt") }.terms();
    let finds = |text: &str| sought(text).iter().all(|word| terms.iter().any(|term| term.starts_with(word)));
    for text in ["anna", "MÜL", "lüd an", "a.müller@exa", "0 151/234".trim_start_matches('0'), "234567", "+49 151"] {
        assert!(finds(text), "{text:?} in {terms:?}");
    }
    for text in ["nna", "anna meier", "234568", "b.müller@exa"] {
        assert!(!finds(text), "{text:?} in {terms:?}");
    }
    assert!(sought(" - ").is_empty());
}

#[test]
fn a_change_needs_the_version_and_groups_that_count() {
    let mut directory = directory();
    let change = |directory: &mut Directory, version, group| {
        directory.change((customer_id(1), version), profile("Anna B"), BTreeSet::from([group_id(group)]))
    };
    assert_eq!(change(&mut directory, 2, 10), Err(Rejection::VersionConflict { expected: 2, found: 1 }));
    assert_eq!(change(&mut directory, 1, 99).unwrap_err().code(), "unknown_group");
    assert_eq!(directory.end_group(group_id(10), 1), Ok(2));
    assert_eq!(change(&mut directory, 1, 10), Ok(2), "they are in it already");
    assert_eq!(directory.end_group(group_id(12), 1), Ok(2));
    assert_eq!(change(&mut directory, 2, 12).unwrap_err().code(), "unknown_group");
    let many: BTreeSet<_> = (0..51).map(group_id).collect();
    assert_eq!(directory.change((customer_id(1), 2), profile("A"), many).unwrap_err().code(), "unknown_group");
    assert_eq!(directory.add(customer_id(1), profile("A"), BTreeSet::new()), Err(Rejection::IdTaken));
}

#[test]
fn a_merged_customer_lives_on_in_the_survivor() {
    let mut directory = directory();
    let merged = directory.merge(customer_id(1), customer_id(2)).unwrap();
    assert_eq!((merged.version, directory.merged()), (2, &[merged][..]));
    let survivor = directory.active(customer_id(2)).unwrap();
    assert_eq!(survivor.groups, BTreeSet::from([group_id(10), group_id(11)]));
    let refused = |result: Result<u32, Rejection>| result.unwrap_err().code();
    assert_eq!(refused(directory.erase(customer_id(1))), "customer_merged");
    assert_eq!(directory.merge(customer_id(2), customer_id(2)).unwrap_err().code(), "same_customer");
    assert_eq!(directory.merge(customer_id(2), customer_id(1)).unwrap_err().code(), "customer_merged");
    assert_eq!(directory.merge(customer_id(2), customer_id(9)).unwrap_err().code(), "unknown_customer");
}

#[test]
fn nothing_is_left_of_an_erased_customer_but_the_id() {
    let mut directory = directory();
    assert_eq!(directory.erase(customer_id(1)), Ok(2));
    let erased = directory.customers[&customer_id(1)].clone();
    let nobody = Customer { profile: None, groups: BTreeSet::new(), merged_into: None, version: 2, id: customer_id(1) };
    assert_eq!(erased, nobody);
    assert_eq!(directory.erase(customer_id(1)).unwrap_err().code(), "customer_erased");
    assert_eq!(directory.merge(customer_id(1), customer_id(2)).unwrap_err().code(), "customer_erased");
}
