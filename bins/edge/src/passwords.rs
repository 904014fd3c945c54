//! Which passwords may be chosen (OWASP ASVS 4.0, 2.1): by length, and not one that many have. What it is made of is the
//! person's own affair.

use std::{collections::HashSet, sync::LazyLock};

use tillstream_domain::identity::Email;

use crate::{hashing::Plain, problem::Problem};

/// Characters of a password, at the least and at the most.
const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// The thousand that leaked lists have most often: all that are long enough, and the short ones that people lengthen.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("passwords/common.txt").lines().collect());

/// That `password` may be chosen by somebody with this address.
///
/// # Errors
/// [`Problem::InvalidBody`] that says what is wrong with it.
pub(crate) fn check(password: &Plain, email: Option<&Email>) -> Result<(), Problem> {
    let refused = |why: &str| Err(Problem::InvalidBody("/password".to_owned(), why.to_owned()));
    let text = password.reveal();
    if !LENGTH.contains(&text.chars().count()) {
        return refused("a password has 12 to 128 characters");
    }
    let lower = text.to_lowercase();
    if is_common(&lower) {
        return refused("this password, or what it is made from, is among those that are tried first; choose another");
    }
    let name = email.and_then(|email| email.as_str().split('@').next()).filter(|name| name.chars().count() >= 4);
    if name.is_some_and(|name| lower.contains(name)) {
        return refused("the password contains the name of your e-mail address; choose another");
    }
    Ok(())
}

/// Whether it is a common one, with digits and signs around it or not, or a piece of text again and again.
fn is_common(lower: &str) -> bool {
    let bare = lower.trim_matches(|char: char| !char.is_alphabetic());
    if COMMON.contains(lower) || COMMON.contains(bare) {
        return true;
    }
    // Repeating four characters or a common password adds nothing that is worth guessing.
    let chars: Vec<char> = lower.chars().collect();
    (1..=chars.len() / 2).any(|period| {
        let piece: String = chars[..period].iter().collect();
        let repeats = chars.iter().enumerate().all(|(at, char)| *char == chars[at % period]);
        repeats && (period <= 4 || COMMON.contains(piece.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        check(&Plain::from(password), Some(&Email::try_new("kimberly@example.com").unwrap())).is_err()
    }

    #[test]
    fn length_counts_and_not_what_it_is_made_of() {
        for password in ["correct horse battery", "twelve chars", "ünïcödé ist auch gut", &"Ab1 -".repeat(25)] {
            assert!(!refused(password), "{password}");
        }
        for password in ["", "eleven char", "Sh0rt!", &"a1 B".repeat(33)] {
            assert!(refused(password), "{password}");
        }
    }

    #[test]
    fn what_is_tried_first_is_refused_however_it_is_lengthened() {
        let common =
            ["Password1234", "1qaz2wsx3edc", "monkeymonkey", "abcabcabcabc", "000000000000", "!!!dragon2026!!!"];
        for password in common.into_iter().chain(["123456123456", "QWERTY123456", "kimberly is my name"]) {
            assert!(refused(password), "{password}");
        }
        assert!(COMMON.len() >= 1_000, "{}", COMMON.len());
    }
}
