//! Log lines: for people, or one JSON object each in the Elastic Common Schema (ECS 8).
//!
//! Fields that ECS names are top-level; all others are under `tillstream`, by the names that the code gives them.

use std::{
    collections::BTreeMap,
    fmt,
    io::{IsTerminal, Write},
    panic::PanicHookInfo,
};

use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tracing::{
    Event, Subscriber, error,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::MakeWriter,
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Scope},
    util::SubscriberInitExt,
};

use crate::{
    Clock,
    settings::{LogFormat, ProcessSettings},
};

/// The version of the schema to which the lines keep.
pub const ECS_VERSION: &str = "8.17.0";
/// The field under which everything is that ECS does not name.
const OWN: &str = "tillstream";
/// Fields that ECS names and that the code uses by these names.
const ECS_FIELDS: [&str; 5] = ["error.message", "error.type", "http.request.id", "span.id", "trace.id"];

/// Writes the log lines of the process `name` to standard output from now on.
pub fn start(name: &'static str, settings: &ProcessSettings) {
    let filter = EnvFilter::try_new(&settings.log_filter).unwrap_or_else(|error| {
        eprintln!("log_filter {:?} cannot be read ({error}); using info", settings.log_filter);
        EnvFilter::new("info")
    });
    match settings.log_format {
        LogFormat::Text => {
            let ansi = std::io::stdout().is_terminal();
            // When who reads the log has gone, there is nobody to complain to: without this, complaining panics.
            tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).log_internal_errors(false).init();
        }
        LogFormat::Json => {
            tracing_subscriber::registry().with(Ecs::new(name, std::io::stdout).with_filter(filter)).init();
            std::panic::set_hook(Box::new(log_panic));
        }
    }
}

/// A panic as a log line; who reads the log reads nothing else.
pub fn log_panic(panic: &PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or("without a word");
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
    error!(error.message = said, "error.type" = "panic", place, thread, "panicked");
}

/// The name of this machine, which in a cluster is the pod's.
#[must_use]
pub fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "unknown".to_owned())
}

/// Writes events as ECS lines.
#[derive(Debug)]
pub struct Ecs<W> {
    service: &'static str,
    dataset: String,
    node: String,
    clock: Clock,
    writer: W,
}

impl<W> Ecs<W> {
    /// Lines of the process `name`.
    pub fn new(name: &'static str, writer: W) -> Self {
        Self { service: name, dataset: format!("tillstream.{name}"), node: host_name(), clock: Clock::system(), writer }
    }

    fn line(&self, event: &Event<'_>, fields: Fields) -> serde_json::Result<Vec<u8>> {
        let Fields { message, ecs, own } = fields;
        let metadata = event.metadata();
        let mut line = Vec::with_capacity(512);
        let mut json = serde_json::Serializer::new(&mut line);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("@timestamp", &self.clock.now().to_rfc3339())?;
        map.serialize_entry("log.level", &metadata.level().as_str().to_ascii_lowercase())?;
        map.serialize_entry("message", &message)?;
        map.serialize_entry("ecs.version", ECS_VERSION)?;
        map.serialize_entry("service.name", self.service)?;
        map.serialize_entry("service.version", env!("CARGO_PKG_VERSION"))?;
        map.serialize_entry("service.node.name", &self.node)?;
        map.serialize_entry("event.dataset", &self.dataset)?;
        map.serialize_entry("log.logger", metadata.target())?;
        for (name, value) in &ecs {
            map.serialize_entry(name, value)?;
        }
        if !own.is_empty() {
            map.serialize_entry(OWN, &own)?;
        }
        SerializeMap::end(map)?;
        line.push(b'\n');
        Ok(line)
    }
}

impl<S, W> Layer<S> for Ecs<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.add(of_span);
            }
        }
        event.record(&mut fields);
        if let Ok(line) = self.line(event, fields) {
            // When who reads the log has gone, there is nobody to complain to.
            drop(self.writer.make_writer_for(event.metadata()).write_all(&line));
        }
    }
}

/// What an event or a span says; what is said later counts.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    ecs: BTreeMap<&'static str, Value>,
    own: BTreeMap<&'static str, Value>,
}

impl Fields {
    fn add(&mut self, outer: &Self) {
        self.ecs.extend(outer.ecs.iter().map(|(name, value)| (*name, value.clone())));
        self.own.extend(outer.own.iter().map(|(name, value)| (*name, value.clone())));
    }

    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let known = match name {
            "error" => Some("error.message"),
            _ => ECS_FIELDS.into_iter().find(|known| *known == name),
        };
        match known {
            Some(known) => self.ecs.insert(known, value),
            None => self.own.insert(name, value),
        };
    }

    fn set_text(&mut self, field: &Field, text: String) {
        if field.name() == "message" {
            self.message = text;
        } else {
            self.set(field, Value::String(text));
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set_text(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests;
