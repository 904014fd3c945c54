use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::{Level, error_span, info, warn};

use super::*;

/// What was written, so far.
#[derive(Clone, Debug, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `log` writes.
fn lines(log: impl FnOnce()) -> Vec<Value> {
    let paper = Paper::default();
    let writer = paper.clone();
    let subscriber = tracing_subscriber::registry().with(Ecs::new("edge", move || writer.clone()));
    tracing::subscriber::with_default(subscriber, log);
    let bytes = paper.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_has_every_field_of_the_schema() {
    let line = &lines(|| info!(messages = 3, late = true, share = 0.5, kind = "sale", "batch done"))[0];
    for field in ["@timestamp", "service.node.name", "log.logger"] {
        assert!(line[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {line}");
    }
    assert!(line["@timestamp"].as_str().unwrap().parse::<tillstream_domain::time::Timestamp>().is_ok());
    assert_eq!(line["log.level"], "info");
    assert_eq!(line["message"], "batch done");
    assert_eq!(line["ecs.version"], ECS_VERSION);
    assert_eq!(line["service.name"], "edge");
    assert_eq!(line["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(line["event.dataset"], "tillstream.edge");
    assert_eq!(line[OWN], serde_json::json!({"messages": 3, "late": true, "share": 0.5, "kind": "sale"}));
    assert_eq!(line.as_object().unwrap().len(), 10, "nothing else is there: {line}");
}

#[test]
fn the_moment_the_level_and_the_message_come_first() {
    let paper = Paper::default();
    let writer = paper.clone();
    let subscriber = tracing_subscriber::registry().with(Ecs::new("edge", move || writer.clone()));
    tracing::subscriber::with_default(subscriber, || info!("a \"quoted\"\nmessage"));
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "a line feed in a message makes no second line");
    let names: Vec<_> = text.split("\",\"").filter_map(|part| part.split("\":").next()).take(3).collect();
    assert_eq!(names, ["{\"@timestamp", "log.level", "message"]);
}

#[test]
fn a_line_says_in_which_request_and_trace_it_was_written() {
    let found = lines(|| {
        let span = error_span!("request", http.request.id = "r-1", trace.id = tracing::field::Empty, merchant = "m");
        span.record("trace.id", "4bf92f3577b34da6a3ce929d0e0e4736");
        let _entered = span.enter();
        let inner = error_span!("read", merchant = "n");
        let _inner = inner.enter();
        warn!(error = %io::Error::other("no route"), "database cannot be read");
    });
    let line = &found[0];
    assert_eq!((&line["http.request.id"], &line["error.message"]), (&"r-1".into(), &"no route".into()));
    assert_eq!(line["trace.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line[OWN]["merchant"], "n", "the inner span's word counts");
    assert_eq!(line["log.level"], "warn");
}

#[test]
fn a_panic_is_a_line_too() {
    let found = lines(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        let caught = std::panic::catch_unwind(|| panic!("no {}", "way"));
        std::panic::set_hook(usual);
        assert!(caught.is_err());
    });
    let line = &found[0];
    assert_eq!((&line["log.level"], &line["message"]), (&"error".into(), &"panicked".into()));
    assert_eq!((&line["error.message"], &line["error.type"]), (&"no way".into(), &"panic".into()));
    assert!(line[OWN]["place"].as_str().unwrap().contains("logging/tests.rs:"), "{line}");
}

#[test]
fn every_level_has_its_name() {
    let found = lines(|| {
        error!("e");
        warn!("w");
        info!("i");
        tracing::debug!("d");
        tracing::trace!("t");
    });
    let levels: Vec<_> = found.iter().map(|line| line["log.level"].as_str().unwrap()).collect();
    let all = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    assert_eq!(levels, all.map(|level| level.as_str().to_ascii_lowercase()));
}
