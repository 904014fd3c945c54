//! MessagePack and JSON without their types.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The named fields of a map.
type Fields = BTreeMap<String, Wire>;

/// A value of either format.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wire {
    Nil,
    Bool(bool),
    Integer(i128),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Wire>),
    Map(Fields),
}

impl Wire {
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        rmp_serde::from_slice(bytes).unwrap()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap()
    }

    /// This value with an unknown field in one of its maps: for each map, its path and the changed whole.
    pub(crate) fn with_unknown_field(&self) -> Vec<(String, Self)> {
        self.each_map(|fields| {
            let mut changed = fields.clone();
            changed.insert("from_the_future".to_owned(), Self::List(vec![Self::Nil]));
            vec![(String::new(), changed)]
        })
    }

    /// This value with one field left out: for each field of each map, its path and the changed whole.
    pub(crate) fn without_a_field(&self) -> Vec<(String, Self)> {
        self.each_map(|fields| {
            let without = |name: &String| {
                let mut changed = fields.clone();
                changed.remove(name);
                (format!("/{name}"), changed)
            };
            fields.keys().map(without).collect()
        })
    }

    fn each_map(&self, change: fn(&Fields) -> Vec<(String, Fields)>) -> Vec<(String, Self)> {
        let mut changed = Vec::new();
        match self {
            Self::Map(fields) => {
                changed.extend(change(fields).into_iter().map(|(path, fields)| (path, Self::Map(fields))));
                for (name, field) in fields {
                    for (path, field) in field.each_map(change) {
                        let mut fields = fields.clone();
                        fields.insert(name.clone(), field);
                        changed.push((format!("/{name}{path}"), Self::Map(fields)));
                    }
                }
            }
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    for (path, item) in item.each_map(change) {
                        let mut items = items.clone();
                        items[index] = item;
                        changed.push((format!("/{index}{path}"), Self::List(items)));
                    }
                }
            }
            _ => {}
        }
        changed
    }
}

impl Serialize for Wire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (_, Ok(value)) => serializer.serialize_u64(value),
                (Ok(value), _) => serializer.serialize_i64(value),
                _ => unreachable!("no format here has wider integers"),
            },
            Self::Text(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::List(items) => items.serialize(serializer),
            Self::Map(fields) => fields.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Wire;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without floats")
    }

    fn visit_unit<E>(self) -> Result<Wire, E> {
        Ok(Wire::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Wire, E> {
        Ok(Wire::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Wire, E> {
        Ok(Wire::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Wire, E> {
        Ok(Wire::Integer(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Wire, E> {
        Ok(Wire::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Wire, E> {
        Ok(Wire::Bytes(value.to_owned()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Wire, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Wire::List(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut fields: A) -> Result<Wire, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = fields.next_entry()? {
            map.insert(name, value);
        }
        Ok(Wire::Map(map))
    }
}
