//! What was written once is read for ever, and what is written today is what was written yesterday.

use std::{collections::BTreeSet, fs};

use tillstream_contract::schema::{commands, events, frames};

use crate::{
    cases::{cases, samples, versions},
    wire::Wire,
};

/// How golden bytes come to be. A released version's are never written again.
const WRITE: &str = "cargo test -p tillstream-contract --test it -- --ignored write_golden_bytes";

#[test]
fn the_bytes_of_every_version_still_decode() {
    for version in versions() {
        for sample in samples(&version) {
            let matches = (sample.case.matches)(&sample.json, &sample.bytes());
            assert_eq!(matches, Ok(true), "{} decodes no longer to what it was", sample.hex.display());
        }
    }
}

#[test]
fn todays_bytes_are_those_of_the_newest_version() {
    for sample in samples(versions().last().unwrap()) {
        let today = hex::encode((sample.case.encode)(&sample.json));
        assert_eq!(
            today,
            hex::encode(sample.bytes()),
            "{} is encoded otherwise now: if that is meant and additive, add a folder for the version to come with the \
             samples' JSON, then `{WRITE}`",
            sample.hex.display()
        );
        let again = (sample.case.recode)(sample.case.name, &sample.bytes());
        assert_eq!(hex::encode(again), today, "{}", sample.hex.display());
    }
}

#[test]
fn all_that_is_encoded_has_samples() {
    let sampled: BTreeSet<_> = samples(versions().last().unwrap()).iter().map(|sample| sample.case.name).collect();
    let cases: BTreeSet<_> = cases().iter().map(|case| case.name).collect();
    assert_eq!(sampled, cases, "every case needs a sample: add its JSON, then `{WRITE}`");
    for published in [commands(), events(), frames()].concat() {
        assert!(cases.contains(published.name()), "{} is in no case of tests/it/cases.rs", published.name());
    }
}

/// The enums that are maps of one entry.
const CLOSED: [&str; 4] = ["verdict", "effect", "scope", "off"];

#[test]
fn a_field_that_is_not_known_yet_is_passed_over() {
    for sample in samples(versions().last().unwrap()) {
        // The outcome itself is an enum: a map of one entry.
        for (path, changed) in Wire::decode(&sample.bytes()).with_unknown_field() {
            let within = path.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
            let closed = CLOSED.contains(&within) || (sample.case.name == "outcome" && path.is_empty());
            let decoded = (sample.case.matches)(&sample.json, &changed.encode());
            assert_eq!(decoded == Ok(true), !closed, "{} at {path:?}: {decoded:?}", sample.hex.display());
        }
    }
}

#[test]
#[ignore = "writes the bytes of the version to come; run it by hand when messages have changed additively"]
fn write_golden_bytes() {
    for sample in samples(env!("CARGO_PKG_VERSION")) {
        fs::write(&sample.hex, format!("{}\n", hex::encode((sample.case.encode)(&sample.json)))).unwrap();
    }
}
