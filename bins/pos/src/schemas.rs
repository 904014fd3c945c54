//! `pos schemas`: the published schemas, generated from the code.

mod asyncapi;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tillstream_contract::schema::{self, Form};

/// Options of `pos schemas`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to write them
    #[arg(long, value_name = "FOLDER", default_value = "schemas")]
    out: PathBuf,
}

pub(crate) fn command(options: &Options) -> anyhow::Result<()> {
    run(&options.out)
}

/// Every generated file, by its path within `schemas/`: a JSON Schema for each message, the AsyncAPI and the OpenAPI
/// document.
///
/// # Errors
/// When one can't be written as JSON.
pub fn files() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for published in schema::all() {
        let path = Path::new("messages").join(format!("{}.json", published.name()));
        files.insert(path, pretty(published.schema(Form::Json))?);
    }
    files.insert(PathBuf::from("asyncapi.json"), pretty(asyncapi::document())?);
    files.insert(PathBuf::from("openapi.json"), pretty(serde_json::to_value(tillstream_edge::document())?)?);
    Ok(files)
}

/// Writes the generated files into `out` and removes schemas of messages that are no more.
///
/// # Errors
/// When the folder can't be written.
pub fn run(out: &Path) -> anyhow::Result<()> {
    let files = files()?;
    fs::create_dir_all(out.join("messages")).with_context(|| format!("create {}", out.display()))?;
    for stale in json_files(out)?.iter().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(out.join(stale)).with_context(|| format!("remove {}", stale.display()))?;
    }
    for (path, text) in &files {
        let path = out.join(path);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    println!("{} schemas written to {}", files.len(), out.display());
    Ok(())
}

/// The JSON files in `folder` and its `messages`, by their paths within `folder`.
fn json_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for within in ["", "messages"] {
        let entries = fs::read_dir(folder.join(within)).with_context(|| format!("list {}", folder.display()))?;
        for entry in entries {
            let path = Path::new(within).join(entry?.file_name());
            if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Indented, with the fields of every object in alphabetical order, whatever order the build keeps them in.
fn pretty(mut value: Value) -> anyhow::Result<String> {
    value.sort_all_objects();
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MEND: &str = "run `cargo run -p tillstream-pos -- schemas --out schemas` and look at what git shows";

    fn published() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
    }

    #[test]
    fn the_published_schemas_are_those_of_the_code() {
        let files = files().unwrap();
        for (path, text) in &files {
            let found = fs::read_to_string(published().join(path)).unwrap_or_default();
            assert!(found == *text, "schemas/{} differs from the code: {MEND}", path.display());
        }
        for path in json_files(&published()).unwrap() {
            assert!(files.contains_key(&path), "schemas/{} belongs to no message: {MEND}", path.display());
        }
    }

    #[test]
    fn every_operation_of_the_edge_has_a_name_of_its_own_and_says_what_it_answers() {
        let document = serde_json::to_value(tillstream_edge::document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(
                    names.insert(operation["operationId"].to_string()),
                    "{method} {path}: {}",
                    operation["operationId"]
                );
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    let said = answer["description"].as_str().is_some_and(|text| !text.is_empty());
                    assert!(said, "{method} {path}: {status} has no description, which OpenAPI requires");
                }
            }
        }
    }

    #[test]
    fn writing_them_removes_what_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("messages")).unwrap();
        for stale in ["messages/sale.gone.v1.json", "README.md"] {
            fs::write(folder.path().join(stale), "{}").unwrap();
        }
        run(folder.path()).unwrap();
        assert!(folder.path().join("README.md").exists());
        let mut found = json_files(folder.path()).unwrap();
        found.sort();
        assert_eq!(found, files().unwrap().into_keys().collect::<Vec<_>>());
    }
}
