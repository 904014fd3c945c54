//! Who may use which subject: one NATS user per role, with the least that it needs.

use std::fmt::Write as _;

use crate::{
    bucket,
    connect::inbox,
    subject::{Class, DEAD_STREAM, dead},
    topology::{CONSUMERS, role_of},
};

/// The roles on the bus. `operator` is for `pos` and may do everything.
pub const ROLES: [&str; 6] = ["edge", "sales", "stock", "receipts", "identity", "operator"];

/// What a role may publish and subscribe to.
#[derive(Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects that it may publish to.
    pub publish: Vec<String>,
    /// Of those, subjects that it may not publish to.
    pub publish_not: Vec<String>,
    /// Subjects that it may subscribe to.
    pub subscribe: Vec<String>,
}

/// What `role` may do in a system of `partitions` partitions.
#[must_use]
pub fn permissions(role: &str, partitions: u16) -> Permissions {
    if role == "operator" {
        let all = || vec![">".to_owned()];
        return Permissions { publish: all(), publish_not: Vec::new(), subscribe: all() };
    }
    let (mut publish, mut publish_not) = (Vec::new(), Vec::new());
    let mut subscribe = vec![format!("{}.>", inbox(role))];
    for partition in 0..partitions {
        if role == "edge" {
            publish.push(Class::Command.subject("*", partition));
            publish.extend(feed(&Class::Event.stream(partition)));
            publish_not.extend(workers_consumers(partition));
        } else {
            publish.extend(worker(role, partition));
        }
        if role == "sales" {
            publish.extend(trim(partition));
            // What a provider of card terminals says goes the way of every command.
            publish.push(Class::Command.subject("sale", partition));
        }
    }
    if role == "sales" {
        // Counting dead letters.
        publish.push(format!("$JS.API.STREAM.INFO.{DEAD_STREAM}"));
    }
    if role == "edge" {
        subscribe.push("answer.*".to_owned());
        publish.extend(remember());
        subscribe.push(bucket::subjects("mark."));
    } else {
        publish.extend(["answer.*".to_owned(), dead(role)]);
    }
    Permissions { publish, publish_not, subscribe }
}

/// Reading and writing what edges remember together. Nobody may make a consumer there, see [`bucket`].
fn remember() -> [String; 3] {
    [
        bucket::subjects(""),
        format!("$JS.API.STREAM.INFO.{}", bucket::IDENTITY_STREAM),
        format!("$JS.API.DIRECT.GET.{}.>", bucket::IDENTITY_STREAM),
    ]
}

/// Reading events without being a worker: throw-away consumers of the edge's own.
fn feed(stream: &str) -> Vec<String> {
    [
        "STREAM.INFO.{}",
        "CONSUMER.CREATE.{}",
        "CONSUMER.CREATE.{}.>",
        "CONSUMER.DELETE.{}.*",
        "CONSUMER.INFO.{}.*",
        "CONSUMER.MSG.NEXT.{}.*",
    ]
    .iter()
    .map(|subject| format!("$JS.API.{}", subject.replace("{}", stream)))
    .collect()
}

/// What could change, empty or end a worker's consumer of events.
fn workers_consumers(partition: u16) -> Vec<String> {
    let stream = Class::Event.stream(partition);
    let events = CONSUMERS.iter().filter(|(_, class, _)| *class == Class::Event);
    let actions = |consumer: &str| {
        ["CREATE.{}", "CREATE.{}.>", "DELETE.{}", "MSG.NEXT.{}"]
            .map(|action| format!("$JS.API.CONSUMER.{}", action.replace("{}", &format!("{stream}.{consumer}"))))
    };
    events.flat_map(|(consumer, ..)| actions(consumer)).collect()
}

/// Consuming what the role consumes, seeing how old the oldest of it is, and publishing its events.
fn worker(role: &str, partition: u16) -> Vec<String> {
    let events: &[&str] = match role {
        "sales" => &["sale", "customer"],
        "receipts" => &["receipt"],
        _ => &[role],
    };
    let mut subjects: Vec<_> = events.iter().map(|event| Class::Event.subject(event, partition)).collect();
    for (name, class, _) in CONSUMERS.iter().filter(|(name, ..)| role_of(name) == role) {
        let stream = class.stream(partition);
        subjects.push(format!("$JS.API.CONSUMER.INFO.{stream}.{name}"));
        subjects.push(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"));
        subjects.push(format!("$JS.ACK.{stream}.{name}.>"));
        subjects.push(format!("$JS.API.STREAM.MSG.GET.{stream}"));
    }
    subjects
}

/// Trimming what all have taken.
fn trim(partition: u16) -> Vec<String> {
    let streams = [Class::Command, Class::Event].map(|class| class.stream(partition));
    let streams =
        streams.iter().flat_map(|stream| ["INFO", "PURGE"].map(|api| format!("$JS.API.STREAM.{api}.{stream}")));
    let consumers = CONSUMERS
        .iter()
        .map(|(consumer, class, _)| format!("$JS.API.CONSUMER.INFO.{}.{consumer}", class.stream(partition)));
    streams.chain(consumers).collect()
}

/// The `authorization` block of a NATS configuration, from the password of each role. Passwords must be hexadecimal.
#[must_use]
pub fn authorization<'a>(partitions: u16, password: impl Fn(&str) -> &'a str) -> String {
    let list =
        |subjects: &[String]| subjects.iter().map(|subject| format!("\"{subject}\"")).collect::<Vec<_>>().join(", ");
    let mut text = "authorization {\n  users = [\n".to_owned();
    for role in ROLES {
        let may = permissions(role, partitions);
        let (publish, publish_not, subscribe) = (list(&may.publish), list(&may.publish_not), list(&may.subscribe));
        writeln!(
            text,
            "    {{ user: {role}, password: \"{}\", permissions: {{ publish: {{ allow: [{publish}], deny: [{publish_not}] }}, \
             subscribe: {{ allow: [{subscribe}] }} }} }}",
            password(role)
        )
        .expect("writing to a string cannot fail");
    }
    text.push_str("  ]\n}\n");
    text
}
