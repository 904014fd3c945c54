//! Log lines of real processes, as who collects them reads them, and the edge's own listener for health and metrics.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tillstream_domain::time::Timestamp;
use tillstream_pos::demo::Owner;
use tillstream_servers::free_port;

use crate::{
    deadletters::publish,
    shop::{Running, Shop, pos, said, until},
    sought::Sought,
};

/// How the sample comes to be, by which the index template is checked.
const SAMPLE: &str = "charts/tillstream/files/logging/samples/ecs.ndjson";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A part that logs in JSON, beside those of a `pos up`.
struct Part {
    process: Child,
    log: PathBuf,
    url: String,
    admin: String,
}

impl Part {
    /// Starts another of `role` with the settings of the one that runs, but for where it listens.
    fn start(shop: &Shop, role: &str, listen: Option<&str>) -> Self {
        let settings = fs::read_to_string(shop.data().join(format!("run/{role}.toml"))).unwrap();
        let mut settings: toml::Table = settings.parse().unwrap();
        let [url, admin] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
        let url = listen.map_or(url, str::to_owned);
        if role == "edge" {
            settings.insert("listen".to_owned(), url.clone().into());
        }
        let process = settings["process"].as_table_mut().unwrap();
        process.insert("listen".to_owned(), admin.clone().into());
        process.insert("log_format".to_owned(), "json".into());
        let (config, log) = (shop.path(&format!("{role}.toml")), shop.path(&format!("{role}.ndjson")));
        fs::write(&config, toml::to_string(&settings).unwrap()).unwrap();
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let process = pos().args(["run", role, "--config"]).arg(&config).stdout(output).stderr(Stdio::null()).spawn();
        Self { process: process.unwrap(), log, url: format!("http://{url}"), admin: format!("http://{admin}") }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until a line says so.
    fn until(&self, message: &str) {
        let logged = || lines(&self.text()).iter().any(|line| line["message"] == message).then_some(());
        until(|| format!("{message} in {}", self.text()), logged);
    }

    /// Asks it to stop, and returns its exit code.
    fn stop(&mut self) -> Option<i32> {
        kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The status with which a URL answers; 0 if nothing does.
fn status(url: &str, headers: &[&str]) -> u16 {
    let headers = headers.iter().flat_map(|header| ["-H", header]);
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]).args(headers).arg(url);
    String::from_utf8(curl.output().unwrap().stdout).unwrap().parse().unwrap_or(0)
}

/// What a line must have, and of which type; whatever else it has must be ours or one of the optional fields.
fn check(line: &Value) -> Result<(), String> {
    const TEXTS: [&str; 8] = [
        "log.level",
        "message",
        "ecs.version",
        "service.name",
        "service.version",
        "service.node.name",
        "event.dataset",
        "log.logger",
    ];
    const OPTIONAL: [&str; 5] = ["trace.id", "span.id", "http.request.id", "error.message", "error.type"];
    let fields = line.as_object().ok_or("it is no object")?;
    let at = fields.get("@timestamp").and_then(Value::as_str).ok_or("it has no @timestamp")?;
    at.parse::<Timestamp>().map_err(|error| format!("@timestamp: {error}"))?;
    for name in TEXTS {
        fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(format!("it has no {name}"))?;
    }
    for (name, value) in fields {
        let fine = match name.as_str() {
            "tillstream" => value.as_object().is_some_and(|own| own.values().all(|value| !value.is_object())),
            name => name == "@timestamp" || value.is_string() && (TEXTS.contains(&name) || OPTIONAL.contains(&name)),
        };
        if !fine {
            return Err(format!("{name} is not of the schema, or not of its type"));
        }
    }
    let dataset = format!("tillstream.{}", fields["service.name"].as_str().unwrap_or_default());
    if fields["event.dataset"] != dataset.as_str() || fields["ecs.version"] != "8.17.0" {
        return Err("it is of another dataset or version".to_owned());
    }
    let levels = ["error", "warn", "info", "debug", "trace"];
    levels.iter().any(|level| fields["log.level"] == *level).then_some(()).ok_or("it has no level".to_owned())
}

/// A day in the life of an edge and a sales worker: start, requests that fail, a broker and a database that die, an
/// address that is taken, stop. All their lines.
fn live(shop: &Shop, running: &Running<'_>) -> String {
    let mut edge = Part::start(shop, "edge", None);
    let mut worker = Part::start(shop, "sales-worker", None);
    worker.until("pulling");
    let bearer = format!("Authorization: Bearer {}", running.known().token);
    let ready = format!("{}/readyz", edge.admin);
    running.until("the edge is ready", || status(&ready, &[]) == 200);

    // Health and metrics have a place of their own.
    for path in ["livez", "readyz", "metrics"] {
        assert_eq!(status(&format!("{}/{path}", edge.admin), &[]), 200, "{path}");
        assert_eq!(status(&format!("{}/{path}", edge.url), &[]), 404, "{path}");
    }
    assert_eq!(status(&format!("{}/v1/registers", edge.admin), &[&bearer]), 404);
    assert_eq!(status(&format!("{}/v1/registers", edge.url), &[&bearer]), 200);

    for part in ["postgres", "nats"] {
        let pid = running.known().pids[part];
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        if part == "postgres" {
            let trace = format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01");
            let read = format!("{}/v1/registers", edge.url);
            let fails = || status(&read, &[&bearer, &trace, "x-request-id: till-7"]) == 503;
            running.until("a read fails", fails);
        } else {
            edge.until("connection to NATS lost; reconnecting");
        }
        running.until(&format!("{part} is back"), || running.known().pids.get(part).is_some_and(|now| *now != pid));
    }
    running.until("the edge is ready again", || status(&ready, &[]) == 200);
    assert_eq!(edge.stop(), Some(0));
    assert_eq!(worker.stop(), Some(0));

    // What cannot start says so as well, in the same form.
    let taken = running.known().url.replace("http://", "");
    let mut late = Part::start(shop, "edge", Some(&taken));
    late.until("ended by a failure");
    assert_eq!(late.process.wait().unwrap().code(), Some(1));
    late.text() + &worker.text()
}

#[test]
fn every_line_of_a_process_is_of_the_schema_and_tells_no_secret() {
    let shop = Shop::new();
    let running = shop.up();
    let sought = Sought::secrets(&shop);
    let lines = lines(&live(&shop, &running));
    assert_eq!(running.stop().code(), Some(0));
    assert!(lines.len() >= 10, "{lines:#?}");
    for line in &lines {
        assert_eq!(check(line), Ok(()), "{line:#}");
        assert_eq!(sought.found(&line.to_string()), [""; 0]);
    }
    let failed = lines.iter().find(|line| line["message"] == "request failed").unwrap();
    assert_eq!((&failed["trace.id"], &failed["http.request.id"]), (&TRACE.into(), &"till-7".into()));
    assert_eq!(failed["tillstream"]["status"], 503);
    let ended = lines.iter().find(|line| line["message"] == "ended by a failure").unwrap();
    assert_eq!(ended["log.level"], "error");
    assert!(ended["error.message"].as_str().unwrap().contains("setting listen"), "{ended}");

    // The check itself notices what does not belong.
    for (name, value) in [("@timestamp", Value::from(1)), ("message", 7.into()), ("worker", "sales".into())] {
        let mut broken = failed.clone();
        broken[name] = value;
        assert!(check(&broken).is_err(), "{name}");
    }
    let mut broken = failed.clone();
    broken.as_object_mut().unwrap().remove("service.name");
    assert!(check(&broken).is_err());
}

/// What a client sends, that is nobody's business but the shop's.
const E_MAIL: &str = "ada.lovelace@example.com";
const CARD: &str = "4111111111111111";

/// Asks the edge as a client would, and returns the answer's status.
fn ask(url: &str, headers: &[String], body: Option<&str>) -> u16 {
    answer(url, headers, body).0
}

/// The status, and the text of the answer.
fn answer(url: &str, headers: &[String], body: Option<&str>) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-w", "\n%{http_code}"]);
    curl.args(headers.iter().flat_map(|header| ["-H", header]));
    if let Some(body) = body {
        curl.args(["-H", "content-type: application/json", "-d", body]);
    }
    let said = String::from_utf8(curl.arg(url).output().unwrap().stdout).unwrap();
    let (text, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap_or(0), text.to_owned())
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}")
}

fn key(n: u8) -> String {
    format!("idempotency-key: 0d0d0d0d-0000-8000-8000-0000000000{n:02}")
}

/// Sells, and tries what is refused, with text that must not be in a log. Adds what it used to what is sought.
fn trade(shop: &Shop, running: &Running<'_>, sought: &mut Sought) {
    let up = running.known();
    let token = |args: &[&str]| said(&shop.run(&[&["token"], args].concat())).trim().to_owned();
    let (good, expired) = (token(&[]), token(&["--valid", "1s"]));
    let other = shop.data().join("secrets/receipts.ed25519");
    let forged = token(&["--key", other.to_str().unwrap()]);
    for (what, token) in
        [("token", &up.token), ("token", &good), ("expired token", &expired), ("forged token", &forged)]
    {
        sought.add(what, token).add(what, token.rsplit_once('.').unwrap().1);
    }
    sought.add("e-mail", E_MAIL).add("card", CARD).add("card", "4111 1111 1111 1111");

    let sales = format!("{}/v1/sales", up.url);
    let basket = Owner::Cafe.basket(2);
    let noted = |note: &str| format!("{{\"note\":\"{note}\",{}", basket.strip_prefix('{').unwrap());
    let refused = |status: u16| (400..500).contains(&status);
    assert_eq!(ask(&sales, &[bearer(&good), key(1)], Some(&noted(E_MAIL))), 201);
    assert!(refused(ask(&sales, &[bearer(&good), key(1)], Some(&basket))), "another sale under its key");
    for (n, note) in [(2, CARD), (3, "4111 1111 1111 1111")] {
        assert!(refused(ask(&sales, &[bearer(&good), key(n)], Some(&noted(note)))), "{note}");
    }
    let unknown = format!("{{\"{E_MAIL}\":\"{CARD}\"}}");
    assert!(refused(ask(&sales, &[bearer(&good), key(4)], Some(&unknown))));
    for token in [&expired, &forged] {
        running.until("the token is refused", || ask(&sales, &[bearer(token)], None) == 401);
    }
    assert!(refused(ask(&sales, &[format!("authorization: Basic {good}")], None)));
    assert!(refused(ask(&format!("{sales}?access_token={good}"), &[], None)));
    assert!(refused(ask(&format!("{sales}?store={CARD}&after={E_MAIL}"), &[bearer(&good)], None)));
    assert!(refused(ask(&format!("{sales}/{CARD}"), &[bearer(&good)], None)));
    // What no worker can read is set aside, which is logged.
    publish(shop, running, format!("{E_MAIL} {CARD} {good}").into_bytes());
    let letters = || said(&shop.run(&["deadletters", "list"]));
    running.until("the message is set aside", || !letters().contains("no dead letters"));
}

/// Who signs in, and by what; none of it is for a log.
const NAME: &str = "Augusta Byron-King";
const PASSWORD: &str = "correct staple ~ 47 horses";

/// Somebody comes in by a one-time code, sets a password, signs in, goes on and makes an API key, which is used; and
/// tries all of it with what is not good. Adds what they used to what is sought.
fn sign_in(shop: &Shop, running: &Running<'_>, sought: &mut Sought) {
    let url = running.known().url;
    let post = |path: &str, headers: &[String], body: &Value| {
        let (status, text) = answer(&format!("{url}{path}"), headers, Some(&body.to_string()));
        (status, serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
    };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let merchant = Owner::Cafe.merchant().to_string();
    let created = shop.run(&["owner", "create", "--merchant", &merchant, "--name", NAME, "--email", E_MAIL]);
    let created = said(&created);
    let code = created.split_once("person:\n  ").unwrap_or_else(|| panic!("{created}")).1.lines().next().unwrap();
    let other = "another st4ple ~ 48 horses";
    for (what, secret) in [("name", NAME), ("password", PASSWORD), ("password", other), ("code", code)] {
        sought.add(what, secret);
    }
    sought.add("code", &code.replace('-', ""));

    let chosen = json!({"code": code, "password": PASSWORD});
    assert_eq!(post("/v1/passwords", &[key(11)], &json!({"code": code, "password": E_MAIL})).0, 422);
    assert_eq!(post("/v1/passwords", &[key(12)], &chosen).0, 200);
    assert_eq!(post("/v1/passwords", &[key(13)], &json!({"code": code, "password": other})).0, 422, "it is used");
    assert_eq!(post("/v1/sessions", &[], &json!({"email": E_MAIL, "password": other})).0, 401);
    assert_eq!(post("/v1/sessions", &[], &json!({"email": E_MAIL, "password": PASSWORD, "pin": code})).0, 422);
    let (status, first) = post("/v1/sessions", &[], &json!({"email": E_MAIL, "password": PASSWORD}));
    assert_eq!(status, 201, "{}", first["detail"]);
    let refresh = json!({"refresh_token": text(&first, "refresh_token")});
    let (status, second) = post("/v1/sessions/refresh", &[key(14)], &refresh);
    assert_eq!(status, 200, "{}", second["detail"]);
    for token in
        [&first, &second].into_iter().flat_map(|tokens| ["access_token", "refresh_token"].map(|t| text(tokens, t)))
    {
        sought.add("token of a session", &token).add("token of a session", token.rsplit_once('.').unwrap().1);
    }

    let access = bearer(&text(&second, "access_token"));
    let wanted = json!({"name": NAME, "scopes": ["sales.read"]});
    let (status, made) = post("/v1/keys", &[access.clone(), key(15)], &wanted);
    assert_eq!(status, 201, "{}", made["detail"]);
    let made = text(&made, "key");
    let (id, secret) = made.rsplit_once('_').unwrap();
    sought.add("API key", &made).add("API key", secret);
    let sales = format!("{url}/v1/sales");
    assert_eq!(ask(&sales, &[bearer(&made)], None), 200);
    let wrong = secret.chars().rev().collect::<String>();
    sought.add("wrong API key", &wrong);
    assert_eq!(ask(&sales, &[bearer(&format!("{id}_{wrong}"))], None), 401);
    // A refresh token that comes twice was stolen by one of the two, and ends the session.
    assert_eq!(post("/v1/sessions/refresh", &[key(16)], &refresh).0, 401);
    running.until("the session has ended", || ask(&sales, std::slice::from_ref(&access), None) == 401);
}

/// Parts with a wrong password, which are refused and say so.
fn refused(shop: &Shop, sought: &mut Sought) -> String {
    let mut logs = String::new();
    for role in ["edge", "stock-worker"] {
        let wrong = |text: &str, from: &str| text.replace(from, "wr0ng-pa55w0rd-0f-a-test");
        let user = role.trim_end_matches("-worker");
        let file = |server: &str| fs::read_to_string(shop.data().join(format!("secrets/{server}-{user}"))).unwrap();
        let settings = shop.data().join(format!("run/{role}.toml"));
        let before = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, wrong(&wrong(&before, file("nats").trim()), file("postgres").trim())).unwrap();
        let mut part = Part::start(shop, role, None);
        fs::write(&settings, before).unwrap();
        part.until("something that is needed does not answer; it is tried again for ever");
        // It may not have come so far as to listen to signals.
        part.stop();
        logs += &part.text();
    }
    sought.add("wrong password", "wr0ng-pa55w0rd-0f-a-test");
    logs
}

#[test]
fn no_log_tells_a_secret_a_token_or_a_person() {
    let shop = Shop::new();
    let running = shop.up_with(&["--log", "debug"]);
    let mut sought = Sought::secrets(&shop);
    trade(&shop, &running, &mut sought);
    sign_in(&shop, &running, &mut sought);
    let mut log = live(&shop, &running) + &refused(&shop, &mut sought);
    let (printed, parts) = (running.log(), running.known().pids);
    assert_eq!(running.stop().code(), Some(0));
    // What `pos` itself says is for who has started it, with a token to try; what it runs has a name in front.
    for part in parts.keys().filter(|part| *part != "pos") {
        let lines: Vec<_> = printed.lines().filter(|line| line.starts_with(&format!("{part:<15} |"))).collect();
        assert!(!lines.is_empty(), "{part} has logged");
        log += &lines.join("\n");
        log.push('\n');
    }
    assert_eq!(sought.found(&log), [""; 0]);

    // The search notices each of them, in each form.
    for (what, form) in sought.forms() {
        let found = sought.found(&format!("{log}edge            | INFO it was \"{form}\" once\n"));
        assert!(found.iter().any(|found| found.starts_with(what)), "{what} as {form}");
    }
}

#[test]
#[ignore = "writes the sample of log lines; run it by hand when they have changed"]
fn write_the_sample_of_log_lines() {
    let shop = Shop::new();
    let running = shop.up();
    let text = live(&shop, &running);
    running.stop();
    let node = format!("\"service.node.name\":\"{}\"", tillstream_runtime::host_name());
    let text = text.replace(&node, "\"service.node.name\":\"node-1\"");
    let text = text.replace(shop.data().parent().unwrap().to_str().unwrap(), "/var/lib/tillstream");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(SAMPLE);
    fs::create_dir_all(sample.parent().unwrap()).unwrap();
    fs::write(sample, text).unwrap();
}
