use std::{collections::BTreeSet, fs, path::Path};

use super::*;

/// The kinds that the sources in `folder` declare: `Variant(Body) = "kind"` in a use of `messages!`, but for the two
/// folders that hold tests of it.
fn declared(folder: &Path) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = fs::read_to_string(&path).unwrap();
            let kind =
                |line: &str| Some(line.trim().split_once('(')?.1.split_once(") = \"")?.1.split_once('"')?.0.to_owned());
            let code = text.lines().filter(|line| !line.trim().starts_with("//"));
            kinds.extend(code.filter_map(kind));
        } else if !path.ends_with("schema") && !path.ends_with("envelope") {
            kinds.extend(declared(&path));
        }
    }
    kinds
}

#[test]
fn every_kind_has_a_schema() {
    let published: BTreeSet<_> = [commands(), events()].concat().iter().map(|kind| kind.name().to_owned()).collect();
    assert!(published.len() >= 5, "{published:?}");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(declared(&sources), published, "a kind that `messages!` declares must be in commands() or events()");
}

#[test]
fn kinds_name_context_message_and_version() {
    for kind in [commands(), events()].concat() {
        let parts: Vec<_> = kind.name().split('.').collect();
        let version = parts.last().and_then(|part| part.strip_prefix('v'));
        assert_eq!(parts.len(), 3, "{}", kind.name());
        assert!(version.is_some_and(|version| version.parse::<u32>().is_ok()), "{}", kind.name());
    }
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<_> = all().iter().map(Published::name).collect();
    assert_eq!(names.len(), all().len());
}

#[test]
fn a_type_name_stands_for_one_type() {
    let mut seen = BTreeMap::new();
    for published in all() {
        let Root { name, schema, parts } = (published.root)();
        for (name, schema) in parts.into_iter().chain([(name, schema)]) {
            let schema = serde_json::to_value(schema).unwrap();
            let first = seen.entry(name.clone()).or_insert_with(|| schema.clone());
            assert_eq!(*first, schema, "two types are called {name}: give one `#[schema(as = …)]`");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for published in all() {
        for form in [Form::Json, Form::MessagePack] {
            let schema = published.schema(form);
            each_reference(&schema, &mut |reference| {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(schema.pointer(pointer).is_some(), "{} refers to {reference}", published.name());
            });
        }
    }
    let definitions = definitions(Form::MessagePack, "");
    each_reference(&json!(definitions), &mut |name| assert!(definitions.contains_key(name), "{name}"));
}

fn each_reference(schema: &Value, found: &mut impl FnMut(&str)) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, found)),
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found(reference);
            }
            fields.values().for_each(|field| each_reference(field, found));
        }
        _ => {}
    }
}

#[test]
fn the_forms_differ_where_the_values_do() {
    let of = |form| definitions(form, "#/$defs/");
    let (json, packed) = (of(Form::Json), of(Form::MessagePack));
    for name in ["SaleId", "Timestamp", "Quantity", "Rate"] {
        assert_eq!(json[name]["type"], "string", "{name}");
    }
    assert_eq!(packed["SaleId"]["x-messagepack"], "bin");
    assert_eq!(packed["Envelope"]["properties"]["id"]["minLength"], 16);
    assert_eq!(packed["Envelope"]["properties"]["fingerprint"]["type"], json!(["string", "null"]));
    assert_eq!(json["Envelope"]["properties"]["fingerprint"]["type"], json!(["array", "null"]));
    for name in ["Timestamp", "Quantity", "Rate"] {
        assert_eq!(packed[name]["type"], "integer", "{name}");
        assert!(packed[name]["description"].is_string(), "{name}");
    }
}
