//! What sources must not be or hold.

use std::{fs, path::PathBuf};

use crate::workspace::{files, members, relative, root};

const MAX_LINES: usize = 500;

/// Put together here, so that this file does not hold them itself.
const BANNED: [(&str, &str); 5] = [
    (concat!("TO", "DO"), "do it, or write an issue"),
    (concat!("FIX", "ME"), "do it, or write an issue"),
    (concat!("to", "do!("), "do it, or write an issue"),
    (concat!("#[", "allow("), "use #[expect(lint, reason = \"…\")]"),
    (concat!("#![", "allow("), "use #![expect(lint, reason = \"…\")]"),
];

/// The files of all crates and scripts that people write.
fn sources() -> Vec<PathBuf> {
    let folders = members().into_iter().map(|member| member.folder).chain([root().join("scripts")]);
    let mut sources: Vec<_> = folders.flat_map(|folder| files(&folder)).collect();
    sources.push(root().join("Makefile"));
    sources
}

#[test]
fn no_rust_file_is_too_long() {
    let rust: Vec<_> = sources().into_iter().filter(|path| path.extension().is_some_and(|name| name == "rs")).collect();
    assert!(rust.len() > 100, "only {} files of Rust were found", rust.len());
    for path in rust {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines; {MAX_LINES} are enough", relative(&path));
    }
}

#[test]
fn nothing_is_left_for_later_or_silenced() {
    for path in sources() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (banned, instead) in BANNED {
                assert!(!line.contains(banned), "{}:{}: {banned}: {instead}", relative(&path), number + 1);
            }
        }
    }
}
