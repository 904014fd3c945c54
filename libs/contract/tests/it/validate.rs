//! As much of JSON Schema (draft 2020-12) as our schemas use.

use serde_json::Value;

use crate::wire::Wire;

/// What is wrong with `value` by `schema`, whose references lead into `document`.
pub(crate) fn validate(document: &Value, schema: &Value, value: &Wire) -> Result<(), String> {
    let keywords = schema.as_object().ok_or_else(|| format!("{schema} is no schema"))?;
    for (keyword, argument) in keywords {
        check(document, schema, keyword, argument, value)?;
    }
    Ok(())
}

fn check(document: &Value, schema: &Value, keyword: &str, argument: &Value, value: &Wire) -> Result<(), String> {
    let wrong = || Err(format!("{value:?} against {keyword}: {argument}"));
    let fine = match keyword {
        "$ref" => {
            let target = argument.as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
            return validate(document, target.ok_or_else(|| format!("nothing at {argument}"))?, value);
        }
        "type" => match argument {
            Value::Array(types) => types.iter().any(|name| is(name, value)),
            name => is(name, value),
        },
        "oneOf" => return one_of(document, argument.as_array().unwrap(), value),
        "enum" => argument.as_array().unwrap().iter().any(|one| wire(one) == *value),
        "required" => match value {
            Wire::Map(fields) => {
                argument.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
            }
            _ => true,
        },
        "properties" => return properties(document, argument, value),
        "additionalProperties" => match (value, argument) {
            (Wire::Map(fields), Value::Bool(false)) => {
                fields.keys().all(|name| schema["properties"].get(name).is_some())
            }
            _ => return Err(format!("additionalProperties: {argument} is not known here")),
        },
        "items" => match value {
            Wire::List(items) => return items.iter().try_for_each(|item| validate(document, argument, item)),
            _ => true,
        },
        "minItems" | "minLength" => size(value).is_none_or(|size| size >= argument.as_u64().unwrap()),
        "maxItems" | "maxLength" => size(value).is_none_or(|size| size <= argument.as_u64().unwrap()),
        "minimum" => matches!(value, Wire::Integer(value) if *value >= argument.as_i64().unwrap().into()),
        "maximum" => matches!(value, Wire::Integer(value) if *value <= argument.as_i64().unwrap().into()),
        "$schema" | "$id" | "$defs" | "title" | "description" | "examples" | "format" | "pattern" | "x-messagepack"
        | "x-unit" => true,
        other => return Err(format!("{other} is not known here")),
    };
    if fine { Ok(()) } else { wrong() }
}

fn is(name: &Value, value: &Wire) -> bool {
    name == match value {
        Wire::Nil => "null",
        Wire::Bool(_) => "boolean",
        Wire::Integer(_) => "integer",
        Wire::Text(_) | Wire::Bytes(_) => "string",
        Wire::List(_) => "array",
        Wire::Map(_) => "object",
    }
}

fn size(value: &Wire) -> Option<u64> {
    let size = match value {
        Wire::Text(text) => text.chars().count(),
        Wire::Bytes(bytes) => bytes.len(),
        Wire::List(items) => items.len(),
        _ => return None,
    };
    u64::try_from(size).ok()
}

fn one_of(document: &Value, schemas: &[Value], value: &Wire) -> Result<(), String> {
    let found: Vec<_> = schemas.iter().map(|schema| validate(document, schema, value)).collect();
    match found.iter().filter(|found| found.is_ok()).count() {
        1 => Ok(()),
        count => Err(format!("{count} of oneOf fit {value:?}: {found:?}")),
    }
}

fn properties(document: &Value, schemas: &Value, value: &Wire) -> Result<(), String> {
    let Wire::Map(fields) = value else { return Ok(()) };
    for (name, field) in fields {
        if let Some(schema) = schemas.get(name) {
            validate(document, schema, field).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

fn wire(value: &Value) -> Wire {
    serde_json::from_value(value.clone()).unwrap()
}
