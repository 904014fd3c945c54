//! The workspace as cargo sees it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// A crate of ours.
pub(crate) struct Member {
    /// Without `tillstream-`.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a crate of ours uses.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Used by tests alone.
    pub(crate) dev: bool,
    pub(crate) features: Vec<String>,
    pub(crate) default_features: bool,
}

impl Dependency {
    /// The crate of ours that it is, if it is one.
    pub(crate) fn ours(&self) -> Option<&str> {
        self.name.strip_prefix("tillstream-")
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What cargo prints for these arguments.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).arg("--offline").current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every crate of the workspace.
pub(crate) fn members() -> Vec<Member> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let members: Vec<_> = metadata["packages"].as_array().unwrap().iter().map(member).collect();
    assert!(!members.is_empty());
    members
}

fn member(package: &Value) -> Member {
    let name = package["name"].as_str().unwrap();
    Member {
        name: name
            .strip_prefix("tillstream-")
            .unwrap_or_else(|| panic!("{name} is not called tillstream-…"))
            .to_owned(),
        version: package["version"].as_str().unwrap().to_owned(),
        folder: Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned(),
        dependencies: package["dependencies"].as_array().unwrap().iter().map(dependency).collect(),
    }
}

fn dependency(dependency: &Value) -> Dependency {
    let features = dependency["features"].as_array().unwrap();
    Dependency {
        name: dependency["name"].as_str().unwrap().to_owned(),
        dev: dependency["kind"] == "dev",
        features: features.iter().map(|feature| feature.as_str().unwrap().to_owned()).collect(),
        default_features: dependency["uses_default_features"].as_bool().unwrap(),
    }
}

/// The files under `folder`, but for what is generated, fetched or hidden.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if name.starts_with('.') || ["target", "node_modules", "data", "out"].contains(&name.as_str()) {
            continue;
        }
        // Links are not followed: they may lead out of the workspace.
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files.extend(self::files(&path)),
            kind if kind.is_file() => files.push(path),
            _ => {}
        }
    }
    files
}

/// A path as it is written in the workspace.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
