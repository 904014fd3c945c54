//! Published vectors: `schemas/vectors/pricing` has what goes in, what was worked out by hand, and what comes out.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use tillstream_till_wasm::Pricer;

fn vectors() -> Vec<(PathBuf, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/vectors/pricing");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(paths.len() >= 20, "only {} vectors were found", paths.len());
    let read = |path: PathBuf| {
        let text = fs::read(&path).unwrap();
        let vector = serde_json::from_slice(&text).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        (path, vector)
    };
    paths.into_iter().map(read).collect()
}

fn answer(vector: &Value) -> Value {
    let question = serde_json::to_vec(&vector["input"]).unwrap();
    serde_json::from_str(&Pricer::default().price(&question)).unwrap()
}

/// The part of an answer that people work out by hand.
fn worked(answer: &Value, asked: &Value) -> Value {
    if let Some(refused) = answer.get("refused") {
        return json!({"refused": refused["code"]});
    }
    let quote = &answer["priced"]["quote"];
    let lines = quote["lines"].as_array().unwrap();
    let of_line = |field: &str| lines.iter().map(|line| line[field].clone()).collect::<Value>();
    let components = |group: &Value| group.get("components").and_then(Value::as_array).cloned().unwrap_or_default();
    let taxes = quote["taxes"].as_array().unwrap();
    let all = json!({
        "amounts": of_line("amount"),
        "due": of_line("due"),
        "discount": quote["discount"],
        "taxes": taxes.iter().map(|group| group["tax"].clone()).collect::<Value>(),
        "components": taxes.iter().flat_map(components).map(|part| part["tax"].clone()).collect::<Value>(),
        "net": quote["net"],
        "tax": quote["tax"],
        "total": quote["total"],
        "in_cash": quote["in_cash"],
    });
    asked.as_object().unwrap().keys().map(|key| (key.clone(), all[key].clone())).collect()
}

#[test]
fn every_vector_agrees_with_what_was_worked_out_by_hand() {
    for (path, vector) in vectors() {
        let by_hand = &vector["worked"];
        assert!(!by_hand.as_object().unwrap().is_empty(), "{}", path.display());
        assert_eq!(worked(&answer(&vector), by_hand), *by_hand, "{}", path.display());
    }
}

#[test]
fn every_vector_gives_what_it_gave() {
    for (path, vector) in vectors() {
        assert_eq!(answer(&vector), vector["output"], "{}: if it should, run write_vectors", path.display());
    }
}

#[test]
#[ignore = "it writes; run it after a change of the interface, and look at the difference"]
fn write_vectors() {
    for (path, mut vector) in vectors() {
        vector["output"] = answer(&vector);
        fs::write(path, format!("{vector:#}\n")).unwrap();
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_the_book_is_remembered() {
    let code = |answer: &str| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        answer["refused"]["code"].as_str().unwrap_or("priced").to_owned()
    };
    let mut pricer = Pricer::default();
    let (_, vector) = vectors().swap_remove(0);
    let basket = serde_json::to_vec(&json!({"basket": vector["input"]["basket"]})).unwrap();
    assert_eq!(code(&pricer.price(&basket)), "book_missing");
    assert_eq!(code(&pricer.price(b"{")), "malformed");
    assert_eq!(code(&pricer.price(b"\xff")), "malformed");
    assert_eq!(code(&pricer.price(&serde_json::to_vec(&vector["input"]).unwrap())), "priced");
    assert_eq!(code(&pricer.price(&basket)), "priced");
}
