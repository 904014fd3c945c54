//! The AsyncAPI document: who sends what to whom over the bus.
//!
//! Subjects, consumers and permissions come from `tillstream-bus`, which gives the broker the same ones.

use serde_json::{Map, Value, json};
use tillstream_bus::{
    access::{ROLES, permissions},
    subject::{Class, answers, context, dead},
    topology::{CONSUMERS, role_of},
};
use tillstream_contract::schema::{self, Form, Published};

const CONTENT_TYPE: &str = "application/vnd.msgpack";
const COMPONENTS: &str = "#/components/schemas/";

/// A subject of the bus.
struct Channel {
    /// Its name in the document.
    name: String,
    /// With parameters in braces.
    address: String,
    /// One subject that it stands for.
    example: String,
    description: String,
    /// The parameter in its address, and what it is.
    parameter: (&'static str, Value),
    /// The messages on it: name in the document, and payload.
    messages: Vec<(String, Value)>,
}

pub(super) fn document() -> Value {
    let channels = channels();
    let mut messages = Map::new();
    for (name, payload) in channels.iter().flat_map(|channel| &channel.messages) {
        messages.insert(
            name.clone(),
            json!({"name": name, "title": name, "contentType": CONTENT_TYPE, "payload": payload}),
        );
    }
    let operations: Map<_, _> = channels.iter().flat_map(operations).collect();
    let channels: Map<_, _> = channels.iter().map(|channel| (channel.name.clone(), channel.describe())).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tillstream bus",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What goes over NATS between the edge and the workers. Payloads are MessagePack with named \
                fields. Ids are 16 bytes (bin), timestamps integer microseconds since the Unix epoch (UTC), quantities \
                integer thousandths, tax rates integer millionths, amounts integer minor units of the currency. Strings \
                of the format `binary` are MessagePack bin, and their length counts bytes. Commands and events are in \
                JetStream, and delivered at least once: a consumer takes effect once per envelope id. Fields are only \
                ever added; pass over those that you do not know. An operation's tag is the NATS user that may do it.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "local": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "As `pos up` starts it; each role has its own user"},
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schema::definitions(Form::MessagePack, COMPONENTS)},
    })
}

fn channels() -> Vec<Channel> {
    let mut channels = Vec::new();
    for (class, word, kinds) in
        [(Class::Command, "Commands", schema::commands()), (Class::Event, "Events", schema::events())]
    {
        let mut contexts: Vec<_> = kinds.iter().map(|kind| context(kind.name())).collect();
        contexts.dedup();
        channels.extend(contexts.iter().map(|of| {
            let example = class.subject(of, 0);
            let (stem, _) = example.rsplit_once('.').expect("a subject ends in its partition");
            Channel {
                name: format!("{}.{of}", word.to_lowercase()),
                address: format!("{stem}.{{partition}}"),
                description: format!("{word} of the context `{of}`, in the stream {}", stream(class)),
                parameter: ("partition", json!({"description": "FNV-1a (64 bit) of the merchant's 16 bytes, modulo the number of partitions", "examples": ["0"]})),
                messages: kinds.iter().filter(|kind| context(kind.name()) == *of).map(batch).collect(),
                example,
            }
        }));
    }
    let frame = |name: &str| {
        let frames = schema::frames().into_iter().filter(|frame| frame.name() == name);
        frames.map(|frame| (name.to_owned(), json!({"$ref": component(&frame)}))).collect::<Vec<_>>()
    };
    channels.push(Channel {
        name: "answers".to_owned(),
        address: answers("{edge}"),
        example: answers("*"),
        description:
            "What became of commands, for the edge that waits. Core NATS: an answer that nobody hears is no loss."
                .to_owned(),
        parameter: ("edge", json!({"description": "The id that an edge gives itself when it starts"})),
        messages: frame("answers"),
    });
    channels.push(Channel {
        name: "dead-letters".to_owned(),
        address: dead("{worker}"),
        example: dead("*"),
        description: "Messages that could not take effect, with their evidence".to_owned(),
        parameter: ("worker", json!({"description": "The worker that gave up", "examples": ["sales"]})),
        messages: frame("dead-letter"),
    });
    channels
}

fn stream(class: Class) -> String {
    class.stream(0).replace('0', "{partition}")
}

fn component(published: &Published) -> String {
    format!("{COMPONENTS}{}", published.type_name())
}

/// A message of one kind: a batch of envelopes whose bodies are of that kind.
fn batch(kind: &Published) -> (String, Value) {
    let body = json!({
        "contentMediaType": CONTENT_TYPE,
        "contentSchema": {"$ref": component(kind)},
    });
    let envelope = json!({
        "allOf": [
            {"$ref": format!("{COMPONENTS}Envelope")},
            {"properties": {"kind": {"const": kind.name()}, "body": body}},
        ],
    });
    let payload = json!({
        "type": "object",
        "description": "A batch of envelopes, one or more. It has no meaning of its own, and may hold other kinds of the same context too.",
        "required": ["envelopes"],
        "properties": {"envelopes": {"type": "array", "items": envelope}},
    });
    (kind.name().to_owned(), payload)
}

impl Channel {
    fn describe(&self) -> Value {
        let messages = self
            .messages
            .iter()
            .map(|(name, _)| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")})));
        let (parameter, about) = &self.parameter;
        json!({
            "address": self.address,
            "description": self.description,
            "messages": messages.collect::<Map<_, _>>(),
            "parameters": {*parameter: about},
        })
    }
}

/// What each role does on a channel.
fn operations(channel: &Channel) -> Vec<(String, Value)> {
    let mut operations = Vec::new();
    for role in ROLES.into_iter().filter(|role| *role != "operator") {
        let may = permissions(role, 1);
        let sends = may.publish.iter().any(|subject| covers(subject, &channel.example));
        let hears = may.subscribe.iter().any(|subject| covers(subject, &channel.example));
        let consumes =
            CONSUMERS.iter().any(|(name, class, of)| role_of(name) == role && class.subject(of, 0) == channel.example);
        // The edge reads every event for its clients, without a durable consumer.
        let follows = role == "edge" && covers(&Class::Event.subject("*", 0), &channel.example);
        for (action, does) in [("send", sends), ("receive", hears || consumes || follows)] {
            if does {
                let operation = json!({
                    "action": action,
                    "channel": {"$ref": format!("#/channels/{}", channel.name)},
                    "tags": [{"name": role}],
                });
                operations.push((format!("{role}.{action}.{}", channel.name), operation));
            }
        }
    }
    operations
}

/// Whether the subject `wide`, which may have `*` for a token, takes in `narrow`; a `*` there stands for any one.
fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow): (Vec<_>, Vec<_>) = (wide.split('.').collect(), narrow.split('.').collect());
    wide.len() == narrow.len()
        && wide.iter().zip(&narrow).all(|(wide, narrow)| *wide == "*" || *narrow == "*" || wide == narrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_does_its_part() {
        let document = document();
        let operations: Vec<_> = document["operations"].as_object().unwrap().keys().cloned().collect();
        for expected in [
            "edge.receive.answers",
            "edge.receive.events.receipt",
            "edge.receive.events.sale",
            "edge.receive.events.stock",
            "edge.send.commands.customer",
            "edge.send.commands.identity",
            "edge.send.commands.sale",
            "edge.send.commands.stock",
            "identity.receive.commands.identity",
            "identity.send.events.identity",
            "receipts.receive.events.sale",
            "receipts.send.answers",
            "receipts.send.dead-letters",
            "receipts.send.events.receipt",
            "sales.receive.commands.customer",
            "sales.receive.commands.sale",
            "sales.send.commands.sale",
            "sales.send.events.customer",
            "sales.send.events.sale",
            "stock.receive.commands.stock",
            "stock.receive.events.sale",
            "stock.send.events.stock",
        ] {
            assert!(operations.iter().any(|name| name == expected), "{expected} is not among {operations:?}");
        }
        assert_eq!(operations.len(), 30, "{operations:?}");
    }

    #[test]
    fn every_event_and_command_has_a_sender_and_a_receiver() {
        let document = document();
        let operations: Vec<_> = document["operations"].as_object().unwrap().values().collect();
        for name in document["channels"].as_object().unwrap().keys().filter(|name| *name != "dead-letters") {
            let reference = format!("#/channels/{name}");
            for action in ["send", "receive"] {
                let done = |of: &&&Value| of["action"] == action && of["channel"]["$ref"] == reference.as_str();
                assert!(operations.iter().any(|of| done(&of)), "nobody may {action} on {name}");
            }
        }
    }
}
