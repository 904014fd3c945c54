//! JSON Schemas (draft 2020-12) of the wire, generated from its types.
//!
//! Each type has two forms. Where people and browsers read it, it is JSON, in which ids, times and quantities are
//! strings. On the bus it is MessagePack with named fields, in which they are bytes and integers; its schema describes
//! the decoded values, for there is no schema language of MessagePack's own.

mod form;

pub use form::Form;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::{Answers, Batch, Envelope, customer, dead::DeadLetter, identity, receipt, sale, stock};

/// Where the schemas of a document lie that other schemas of it refer to.
const DEFS: &str = "#/$defs/";
/// What every schema's `$id` begins with.
const URN: &str = "urn:tillstream:schema:";
/// What is said of each kind of message.
const BODY: &str = "The body of a message, in its JSON form, as `GET /v1/events` and the HTTP requests show it. On the \
                    bus it is MessagePack with named fields, in which ids are 16 bytes, timestamps integer microseconds \
                    since the Unix epoch, quantities integer thousandths and tax rates integer millionths: \
                    `asyncapi.json` has the schema of that form.";
/// What is said of each frame.
const FRAME: &str = "It exists on the bus only, as MessagePack with named fields, in which ids are 16 bytes, timestamps \
                     integer microseconds since the Unix epoch and bytes are bytes: `asyncapi.json` has the schema of \
                     that form. This one is of its JSON form, in which tools show it.";
/// What is said of each document.
const DOCUMENT: &str = "A document of the HTTP interface.";

/// A type of the wire whose schema is published.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    name: &'static str,
    note: &'static str,
    root: fn() -> Root,
}

/// A schema, the name of its type, and the named schemas that it refers to.
struct Root {
    name: String,
    schema: RefOr<Schema>,
    parts: Vec<(String, RefOr<Schema>)>,
}

fn root<T: ToSchema>() -> Root {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    Root { name: T::name().into_owned(), schema: T::schema(), parts }
}

impl Published {
    /// The body of a kind of message.
    pub(crate) const fn body<T: ToSchema>(kind: &'static str) -> Self {
        Self { name: kind, note: BODY, root: root::<T> }
    }

    const fn frame<T: ToSchema>(name: &'static str) -> Self {
        Self { name, note: FRAME, root: root::<T> }
    }

    const fn document<T: ToSchema>(name: &'static str) -> Self {
        Self { name, note: DOCUMENT, root: root::<T> }
    }

    /// The kind of a message, or what it is otherwise called: `sale.submit.v1`, `envelope`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The name of the type, under which [`definitions`] has its schema.
    #[must_use]
    pub fn type_name(&self) -> String {
        (self.root)().name
    }

    /// The type's schema in one form, on its own: all that it refers to is in its `$defs`.
    #[must_use]
    pub fn schema(&self, form: Form) -> Value {
        let Root { name, schema, parts } = (self.root)();
        let mut own = form.express(&name, &schema, DEFS);
        let own = own.as_object_mut().map(std::mem::take).unwrap_or_default();
        let said = own.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{said}\n\n{}", self.note);
        let mut schema = Map::new();
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("$id".to_owned(), json!(format!("{URN}{}", self.name)));
        schema.extend(own);
        schema.insert("title".to_owned(), json!(self.name));
        schema.insert("description".to_owned(), json!(description.trim()));
        let defs: BTreeMap<_, _> =
            parts.into_iter().map(|(name, part)| (name.clone(), form.express(&name, &part, DEFS))).collect();
        if !defs.is_empty() {
            schema.insert("$defs".to_owned(), json!(defs));
        }
        Value::Object(schema)
    }
}

/// Every kind of command.
#[must_use]
pub fn commands() -> Vec<Published> {
    [sale::Command::KINDS, stock::Command::KINDS, identity::Command::KINDS, customer::Command::KINDS].concat()
}

/// Every kind of event.
#[must_use]
pub fn events() -> Vec<Published> {
    [sale::Event::KINDS, stock::Event::KINDS, receipt::Event::KINDS, identity::Event::KINDS, customer::Event::KINDS]
        .concat()
}

/// What messages are wrapped in, and what else goes over the bus.
#[must_use]
pub fn frames() -> Vec<Published> {
    vec![
        Published::frame::<Envelope>("envelope"),
        Published::frame::<Batch>("batch"),
        Published::frame::<Answers>("answers"),
        Published::frame::<DeadLetter>("dead-letter"),
    ]
}

/// What is handed to the outside.
#[must_use]
pub fn documents() -> Vec<Published> {
    vec![
        Published::document::<sale::Sale>("sale"),
        Published::document::<tillstream_domain::shift::Report>("shift"),
        Published::document::<receipt::Receipt>("receipt"),
        Published::document::<tillstream_domain::receipt::Content>("receipt-content"),
    ]
}

/// Everything that has a published schema.
#[must_use]
pub fn all() -> Vec<Published> {
    [commands(), events(), frames(), documents()].concat()
}

/// The schemas of everything that goes over the bus, and of what they refer to, by the names of their types. References
/// begin with `prefix`.
#[must_use]
pub fn definitions(form: Form, prefix: &str) -> BTreeMap<String, Value> {
    let mut definitions = BTreeMap::new();
    for published in [commands(), events(), frames()].concat() {
        let Root { name, schema, parts } = (published.root)();
        for (name, schema) in parts.into_iter().chain([(name, schema)]) {
            let schema = form.express(&name, &schema, prefix);
            definitions.insert(name, schema);
        }
    }
    definitions
}

#[cfg(test)]
mod tests;
