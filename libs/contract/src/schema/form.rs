//! The two forms of a type, and how the schema of one is made from the other's.

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, schema::Schema};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON: ids, times, quantities and rates are strings; bytes are arrays of numbers.
    Json,
    /// MessagePack, decoded: ids are bytes, times, quantities and rates integers. Bytes are called strings of the format
    /// `binary`, whose length counts bytes.
    MessagePack,
}

impl Form {
    /// The schema of the type `name` in this form; what it refers to lies under `prefix`.
    pub(super) fn express(self, name: &str, schema: &RefOr<Schema>, prefix: &str) -> Value {
        let mut schema = serde_json::to_value(schema).expect("a schema is JSON");
        if self == Self::MessagePack
            && let Some(packed) = packed(name)
        {
            replace(&mut schema, packed);
        }
        self.adapt(&mut schema, prefix);
        schema
    }

    fn adapt(self, schema: &mut Value, prefix: &str) {
        match schema {
            Value::Array(items) => items.iter_mut().for_each(|item| self.adapt(item, prefix)),
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                    *reference = reference.replacen("#/components/schemas/", prefix, 1);
                }
                // OpenAPI's word for what JSON Schema has a list of. A property of that name would be a schema.
                if let Some(example) = fields.remove("example") {
                    let plain = !example.is_object();
                    let (name, value) = if plain { ("examples", json!([example])) } else { ("example", example) };
                    fields.insert(name.to_owned(), value);
                }
                let format = fields.get("format").and_then(Value::as_str).map(str::to_owned);
                if let Some(other) = format.and_then(|format| self.value(&format)) {
                    replace(schema, other);
                    return;
                }
                fields.values_mut().for_each(|field| self.adapt(field, prefix));
            }
            _ => {}
        }
    }

    /// How a value of this format is written, where that is not as the type's own schema says.
    fn value(self, format: &str) -> Option<Value> {
        match (self, format) {
            (Self::Json, "binary") => {
                Some(json!({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}))
            }
            (Self::MessagePack, "uuid") => Some(
                json!({"type": "string", "format": "binary", "minLength": 16, "maxLength": 16, "x-messagepack": "bin"}),
            ),
            (Self::MessagePack, "date-time") => {
                Some(json!({"type": "integer", "format": "int64", "x-unit": "microseconds since the Unix epoch"}))
            }
            (Self::MessagePack, "binary") => {
                Some(json!({"type": "string", "format": "binary", "x-messagepack": "bin"}))
            }
            _ => None,
        }
    }
}

/// The MessagePack form of the types that have a form of their own and no format that says so.
fn packed(name: &str) -> Option<Value> {
    match name {
        "Quantity" => Some(json!({"type": "integer", "format": "int64", "x-unit": "thousandths"})),
        "Rate" => Some(json!({"type": "integer", "minimum": 0, "maximum": 10_000_000, "x-unit": "millionths"})),
        "Percent" => Some(json!({"type": "integer", "minimum": 0, "maximum": 1_000_000, "x-unit": "millionths"})),
        _ => None,
    }
}

/// Puts `other` in the place of `schema`, which keeps its description and whether it may be null.
fn replace(schema: &mut Value, other: Value) {
    let (Value::Object(before), Value::Object(mut after)) = (schema.take(), other) else { return };
    let nullable = before.get("type").and_then(Value::as_array).is_some_and(|types| types.contains(&json!("null")));
    if nullable {
        let plain = after.insert("type".to_owned(), Value::Null);
        after.insert("type".to_owned(), json!([plain, "null"]));
    }
    after.extend(before.into_iter().filter(|(key, _)| key == "description").collect::<Map<_, _>>());
    *schema = Value::Object(after);
}
