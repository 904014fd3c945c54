//! The schemas say what the code does.

use tillstream_contract::schema::Form;

use crate::{
    cases::{Sample, samples, versions},
    validate::validate,
    wire::Wire,
};

fn newest() -> Vec<Sample> {
    samples(versions().last().unwrap())
}

#[test]
fn samples_fit_their_schemas_in_both_forms() {
    for sample in newest() {
        let Some(published) = sample.published() else { continue };
        let schema = published.schema(Form::Json);
        let json: Wire = serde_json::from_str(&sample.json).unwrap();
        assert_eq!(validate(&schema, &schema, &json), Ok(()), "{} as JSON", sample.hex.display());
        let schema = published.schema(Form::MessagePack);
        let packed = Wire::decode(&sample.bytes());
        assert_eq!(validate(&schema, &schema, &packed), Ok(()), "{}", sample.hex.display());
    }
}

#[test]
fn decoder_and_schema_agree_on_what_may_be_left_out() {
    for sample in newest() {
        let Some(published) = sample.published() else { continue };
        let schema = published.schema(Form::MessagePack);
        for (path, changed) in Wire::decode(&sample.bytes()).without_a_field() {
            let decoded = (sample.case.matches)(&sample.json, &changed.encode());
            let valid = validate(&schema, &schema, &changed);
            assert_eq!(
                decoded.is_ok(),
                valid.is_ok(),
                "{} without {path}: {decoded:?}, {valid:?}",
                sample.hex.display()
            );
        }
    }
}

#[test]
fn decoder_and_schema_agree_on_unknown_fields() {
    for sample in newest() {
        let Some(published) = sample.published() else { continue };
        let schema = published.schema(Form::MessagePack);
        for (path, changed) in Wire::decode(&sample.bytes()).with_unknown_field() {
            // An enum is a map of one entry; schemas do not say that there is no second.
            if ["/verdict", "/effect", "/scope", "/off"].iter().any(|end| path.ends_with(end)) {
                continue;
            }
            let decoded = (sample.case.matches)(&sample.json, &changed.encode());
            let valid = validate(&schema, &schema, &changed);
            assert_eq!(decoded.is_ok(), valid.is_ok(), "{} with {path}: {decoded:?}, {valid:?}", sample.hex.display());
        }
    }
}
