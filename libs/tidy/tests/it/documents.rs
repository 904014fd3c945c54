//! What the documents name is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::workspace::{files, members, relative, root};

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|name| name == "md")
}

fn markdown() -> Vec<PathBuf> {
    let markdown = files(&root()).into_iter().filter(|path| is_markdown(path));
    let markdown: Vec<_> = markdown.collect();
    assert!(markdown.contains(&root().join("README.md")), "there is no README.md");
    markdown
}

/// The lines outside of fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// Where the links of a line lead: `[text](target)`, without titles and angle brackets.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .map(|target| target.trim_matches(['<', '>']))
}

/// The headings of a document, as anchors.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
}

/// How GitHub names the anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|char| if char == ' ' { '-' } else { char }).collect()
}

/// What is wrong with a link of the document `from`.
fn broken(from: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, wanted) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { from.to_owned() } else { from.parent().unwrap_or(from).join(file) };
    if !path.exists() {
        return Some(format!("{target}: there is no {}", relative(&path)));
    }
    let wanted = wanted.filter(|_| is_markdown(&path))?;
    let found = anchors(&fs::read_to_string(&path).unwrap()).iter().any(|anchor| anchor == wanted);
    (!found).then(|| format!("{target}: {} has no such heading", relative(&path)))
}

#[test]
fn every_link_leads_somewhere() {
    for path in markdown() {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in prose(&text) {
            for target in targets(line) {
                let broken = broken(&path, target);
                assert_eq!(broken, None, "{}:{number}", relative(&path));
            }
        }
    }
}

#[test]
fn the_map_is_that_of_the_workspace() {
    let path = root().join("ARCHITECTURE.md");
    let map = fs::read_to_string(&path).unwrap_or_else(|error| panic!("ARCHITECTURE.md: {error}"));
    let words = map.split(|char: char| char.is_whitespace() || "`()[]<>\"'|,;".contains(char));
    for word in words.map(|word| word.trim_end_matches(['.', ':', '/'])) {
        let named =
            is_markdown(Path::new(word)) || ["bins/", "libs/", "docs/"].iter().any(|folder| word.starts_with(folder));
        if named && !word.contains("://") && !word.contains(['*', '{', '…', '#']) {
            assert!(root().join(word).exists(), "ARCHITECTURE.md names {word}, which is not there");
        }
    }
    for member in members() {
        let (folder, name) =
            (relative(&member.folder), member.folder.file_name().unwrap().to_str().unwrap().to_owned());
        assert!(map.contains(&name), "ARCHITECTURE.md does not say what {folder} is for");
    }
}

#[test]
fn links_and_anchors_are_found() {
    let line = "See [a](docs/a.md#two-words), [b](<x>) and ![c](c.png \"title\").";
    assert_eq!(targets(line).collect::<Vec<_>>(), ["docs/a.md#two-words", "x", "c.png"]);
    assert_eq!(anchor("What it promises, `now`"), "what-it-promises-now");
    assert_eq!(prose("a\n```\n[x](y)\n```\nb").collect::<Vec<_>>(), [(1, "a"), (5, "b")]);
}
