//! `pos doctor --security` beside a running system that is broken on purpose, one thing at a time.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection, postgres::PgConnectOptions};

use crate::shop::{Running, Shop, said, until};

const DAY: Duration = Duration::from_hours(24);

/// What a superuser could do by mistake: that, how it is undone, which check finds it, and what that says.
const WEAKNESSES: [(&str, &str, &str, &str); 13] = [
    (
        "alter role tillstream_sales superuser",
        "alter role tillstream_sales nosuperuser",
        "roles",
        "tillstream_sales is a superuser",
    ),
    (
        "alter role tillstream_edge bypassrls",
        "alter role tillstream_edge nobypassrls",
        "roles",
        "tillstream_edge passes row-level security",
    ),
    (
        "grant tillstream_sales to tillstream_edge",
        "revoke tillstream_sales from tillstream_edge",
        "roles",
        "tillstream_edge is a member of tillstream_sales",
    ),
    (
        "alter table stock.levels owner to tillstream_stock",
        "alter table stock.levels owner to postgres; grant select, insert, update on stock.levels to tillstream_stock",
        "roles",
        "tillstream_stock owns stock.levels",
    ),
    (
        "grant create on schema sales to tillstream_sales",
        "revoke create on schema sales from tillstream_sales",
        "roles",
        "tillstream_sales may make things in the schema sales",
    ),
    (
        "grant insert on sales.sales to tillstream_edge",
        "revoke insert on sales.sales from tillstream_edge",
        "grants",
        "tillstream_edge may insert sales.sales",
    ),
    (
        "grant update (total) on sales.sales to public",
        "revoke update (total) on sales.sales from public",
        "grants",
        "tillstream_receipts may update sales.sales",
    ),
    (
        "alter table sales.sales disable row level security",
        "alter table sales.sales enable row level security",
        "rows",
        "sales.sales has row-level security off",
    ),
    ("create table sales.bare ()", "drop table sales.bare", "rows", "sales.bare has no policy"),
    (
        "create policy wide on stock.levels for select to tillstream_edge using (true)",
        "drop policy wide on stock.levels",
        "rows",
        "policy wide of stock.levels shows the edge more",
    ),
    ("grant create on schema public to public", "revoke create on schema public from public", "schemas", "public"),
    (
        "grant select (pin) on identity.users to tillstream_edge; grant select (hash) on identity.keys to tillstream_stock",
        "revoke select (pin) on identity.users from tillstream_edge; revoke select (hash) on identity.keys from tillstream_stock",
        "hashes",
        "tillstream_edge may select identity.users.pin; tillstream_stock may select identity.keys.hash",
    ),
    (
        "create function public.f() returns int language sql security definer return 1",
        "drop function public.f()",
        "functions",
        "f() may be called by every role; f() takes the search path of who calls it",
    ),
];

/// The checks that found something wrong, and what.
fn wrong(shop: &Shop) -> BTreeMap<String, String> {
    let run = shop.run(&["doctor", "--security", "--json"]);
    let found: Value = serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&run)));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = found["findings"].as_array().unwrap();
    let wrong: BTreeMap<_, _> = findings
        .iter()
        .filter(|finding| finding["state"] == "wrong")
        .map(|finding| (text(&finding["check"]), format!("{} {}", text(&finding["detail"]), text(&finding["advice"]))))
        .collect();
    assert_eq!(run.status.code(), Some(i32::from(!wrong.is_empty())), "{}", said(&run));
    assert!(findings.len() >= 15 && found["wrong"] == wrong.len(), "{}", said(&run));
    wrong
}

/// The one check of this name finds something that says so.
fn finds(shop: &Shop, check: &str, detail: &str) {
    let wrong = wrong(shop);
    assert!(wrong.get(check).is_some_and(|found| found.contains(detail)), "{check}: {detail}: {wrong:#?}");
}

/// Writes something else into a file, has `look` look, and puts it back as it was.
fn changed(path: &Path, change: impl Fn(&str) -> String, look: impl FnOnce()) {
    let before = fs::read_to_string(path).unwrap();
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, change(&before)).unwrap();
    look();
    fs::write(path, before).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

fn aged(path: &Path, days: u32, look: impl FnOnce()) {
    let file = File::options().write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.set_modified(modified - days * DAY).unwrap();
    look();
    file.set_modified(modified).unwrap();
}

#[tokio::test]
async fn each_weakness_is_found_and_a_sound_system_has_none() {
    let shop = Shop::new();
    let running = shop.up();
    assert_eq!(wrong(&shop), BTreeMap::new());
    let text = said(&shop.run(&["doctor", "--security"]));
    assert!(text.contains("ok     nats permissions") && text.ends_with("all is well\n"), "{text}");
    secrets(&shop);
    links(&shop);
    database(&shop, &running).await;
    entrances(&shop);
    broker(&shop, &running);
    assert_eq!(wrong(&shop), BTreeMap::new(), "all was put back");
    assert_eq!(running.stop().code(), Some(0));
}

fn secrets(shop: &Shop) {
    let file = |name: &str| shop.data().join("secrets").join(name);
    changed(&file("nats-edge"), |_| "0b05".to_owned(), || finds(shop, "secrets", "nats-edge has 4 characters"));
    changed(&file("nats-edge"), |_| String::new(), || finds(shop, "secrets", "nats-edge is empty"));
    changed(&file("tokens.ed25519"), |_| "07".repeat(32), || finds(shop, "secrets", "tokens.ed25519 repeats itself"));
    let stock = fs::read_to_string(file("nats-stock")).unwrap();
    changed(
        &file("nats-edge"),
        |_| stock.clone(),
        || finds(shop, "secrets apart", "nats-edge and nats-stock are the same"),
    );
    for path in [file("nats-edge"), shop.data().join("up.json"), shop.data().join("run/edge.toml")] {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        finds(shop, "secret files", &format!("{name} has mode 640"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    aged(&file("receipts.ed25519"), 366, || finds(shop, "signing keys", "receipts.ed25519 is 366 days old"));
    fs::copy(file("tokens.pub"), file("tokens-1.pub")).unwrap();
    assert_eq!(wrong(shop), BTreeMap::new(), "an overlap is no fault");
    aged(&file("tokens-1.pub"), 61, || finds(shop, "earlier keys", "tokens-1.pub is taken since 61 days"));
    fs::remove_file(file("tokens-1.pub")).unwrap();
}

fn links(shop: &Shop) {
    let settings = shop.data().join("run/stock-worker.toml");
    let elsewhere = |text: &str| text.replace("127.0.0.1", "192.0.2.7");
    changed(&settings, elsewhere, || {
        finds(shop, "links", "stock-worker: nats://192.0.2.7");
        finds(shop, "links", "PostgreSQL at 192.0.2.7 is reached without sslmode=verify-full");
    });
    changed(
        &settings,
        |text| text.replace("tillstream_stock", "postgres").replace("user = \"stock\"", "user = \"operator\""),
        || finds(shop, "users", "is operator on NATS, not stock; stock-worker: is postgres in PostgreSQL"),
    );
}

async fn database(shop: &Shop, running: &Running<'_>) {
    let place: PgConnectOptions = running.known().database.parse().unwrap();
    let mut conn = PgConnection::connect_with(&place).await.unwrap();
    let password = fs::read_to_string(shop.data().join("secrets/postgres-stock")).unwrap();
    let restore = format!("alter role tillstream_stock password '{}'", password.trim());
    let nameless = (
        "alter role tillstream_stock password null",
        restore.as_str(),
        "role passwords",
        "tillstream_stock has no password",
    );
    for (break_it, mend_it, check, detail) in WEAKNESSES.into_iter().chain([nameless]) {
        conn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(break_it)))
            .await
            .unwrap_or_else(|error| panic!("{break_it}: {error}"));
        finds(shop, check, detail);
        conn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(mend_it)))
            .await
            .unwrap_or_else(|error| panic!("{mend_it}: {error}"));
    }
    let stranger = PgConnection::connect_with(&place.application_name("tillstream-sales")).await.unwrap();
    finds(shop, "roles", "tillstream-sales is connected as postgres");
    stranger.close().await.unwrap();
    conn.close().await.unwrap();
}

/// Which lines let in whom is told by PostgreSQL, before it is asked to use them.
fn entrances(shop: &Shop) {
    let hba = shop.data().join("postgres/pg_hba.conf");
    changed(
        &hba,
        |text| format!("{text}\nhost all all 10.0.0.0/8 trust\n"),
        || finds(shop, "entrances", "lets anybody at 10.0.0.0 in without a password"),
    );
}

fn broker(shop: &Shop, running: &Running<'_>) {
    let config = shop.data().join("nats/nats.conf");
    let reload = || kill(Pid::from_raw(running.known().pids["nats"]), Signal::SIGHUP).unwrap();
    let reloaded = || {
        reload();
        until(|| "NATS takes its file".to_owned(), || (!wrong(shop).contains_key("nats configuration")).then_some(()));
    };
    let more = |text: &str| text.replacen("\"cmd.*.0\"", "\"cmd.*.0\", \"evt.>\"", 1);
    changed(&config, more, || {
        finds(shop, "nats permissions", "user edge is not as declared");
        finds(shop, "nats configuration", "not that of");
        reloaded();
        finds(shop, "nats permissions", "user edge is not as declared");
    });
    changed(
        &config,
        |text| text.split("authorization {").next().unwrap().to_owned(),
        || {
            reloaded();
            finds(shop, "nats users", "everybody is let in");
            finds(shop, "nats permissions", "is missing");
        },
    );
    reloaded();
}
