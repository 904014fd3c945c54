//! The canonical form of JSON, after RFC 8785, without fractions.

use serde_json::Value;

use crate::{Invalid, money::Amount};

/// The canonical form (RFC 8785, JSON Canonicalization Scheme) of a value whose numbers are integers within
/// ±(2^53 − 1): no white space, members sorted by the UTF-16 code units of their names, texts escaped no more than
/// necessary.
///
/// # Errors
/// [`Invalid::Number`] for any other number: fractions have no place here, and larger integers do not survive the
/// doubles of other implementations.
pub fn canonical(value: &Value) -> Result<String, Invalid> {
    let mut out = String::new();
    write(&mut out, value)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value) -> Result<(), Invalid> {
    match value {
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
        // serde_json escapes as section 3.2.2.2 asks: short forms, and \u00xx in lower case for other controls.
        Value::String(text) => write_text(out, text),
        Value::Number(number) => {
            let integer = number.as_i64().and_then(|integer| Amount::try_new(integer).ok()).ok_or(Invalid::Number)?;
            out.push_str(&integer.get().to_string());
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(out, name);
                out.push(':');
                write(out, value)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("text is always serialised"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Result<String, Invalid> {
        canonical(&serde_json::from_str(text).unwrap())
    }

    /// RFC 8785, section 3.2.3: sorting by UTF-16 code units puts the emoji before the Hebrew presentation form.
    #[test]
    fn members_are_sorted_as_in_the_rfc() {
        let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With \
                        Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
        assert_eq!(of(text).unwrap(), expected);
    }

    /// RFC 8785, section 3.2.2, without its fractions.
    #[test]
    fn texts_and_literals_are_written_as_in_the_rfc() {
        let text =
            r#"{ "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [ null, true, false ] }"#;
        assert_eq!(of(text).unwrap(), r#"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#);
    }

    #[test]
    fn numbers_are_integers_that_survive_doubles() {
        assert_eq!(of("[0, -0, -9007199254740991, 9007199254740991]"), Err(Invalid::Number));
        assert_eq!(of("[0, -9007199254740991, 9007199254740991]").unwrap(), "[0,-9007199254740991,9007199254740991]");
        for number in ["1.5", "1.0", "1e3", "9007199254740992", "-9007199254740992", "18446744073709551615"] {
            assert_eq!(of(number), Err(Invalid::Number), "{number}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_text_means_the_same_and_is_its_own_canonical_form(value in any_value()) {
            let text = canonical(&value).unwrap();
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(canonical(&read).unwrap(), text);
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn nesting_and_emptiness() {
        assert_eq!(canonical(&json!({"b": [], "a": {"d": 1, "c": {}}})).unwrap(), r#"{"a":{"c":{},"d":1},"b":[]}"#);
    }
}
