//! `bench quotes`: how many baskets one core prices in a second.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tillstream_domain::pricing::{Basket, PriceBook, quote};
use tillstream_till_wasm::Pricer;

use crate::compare;

/// Products of the catalogue; each is in one of the categories.
const PRODUCTS: usize = 2000;
const CATEGORIES: usize = 50;

/// What `bench quotes` can be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How long to measure each point
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    seconds: u64,
    /// The module that `scripts/wasm` built, to be measured under Node.js; left out if it is not there
    #[arg(long, value_name = "FILE", default_value = "target/till.wasm")]
    module: PathBuf,
    /// Where to write the figures
    #[arg(long, value_name = "FILE", default_value = "bench/quotes.json")]
    results: PathBuf,
}

/// Quotes per second on one core. JSON is with the book remembered, and with every number explained.
#[derive(Debug, Serialize)]
struct Point {
    lines: usize,
    promotions: usize,
    discounts: usize,
    native: f64,
    native_json: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    wasm_json: Option<f64>,
}

/// Measures, prints the table and writes the figures.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut points = Vec::new();
    println!(
        "{:>6} {:>11} {:>10} {:>12} {:>12} {:>12}",
        "lines", "promotions", "discounts", "native", "JSON", "wasm JSON"
    );
    for lines in [5, 50, 500] {
        for promotions in [0, 20, 200] {
            let point = measure(options, lines, promotions)?;
            let wasm = point.wasm_json.map_or("-".to_owned(), |rate| format!("{rate:.0}"));
            println!(
                "{lines:>6} {promotions:>11} {:>10} {:>10.0}/s {:>10.0}/s {wasm:>10}/s",
                point.discounts, point.native, point.native_json
            );
            points.push(point);
        }
    }
    compare::write(&options.results, &json!({ "unit": "quotes per second on one core", "points": points }))?;
    Ok(ExitCode::SUCCESS)
}

fn measure(options: &Options, lines: usize, promotions: usize) -> anyhow::Result<Point> {
    let length = Duration::from_secs(options.seconds);
    let (book_json, basket_json) = (book(promotions), basket(lines));
    let book: PriceBook = serde_json::from_value(book_json.clone()).context("read the price book")?;
    let basket: Basket = serde_json::from_value(basket_json.clone()).context("read the basket")?;
    let quoted = quote(&book, &basket).context("price the basket")?;
    let native = per_second(length, || {
        black_box(quote(&book, black_box(&basket)).is_ok());
    });
    let first = json!({ "book": book_json, "basket": basket_json }).to_string();
    let again = json!({ "basket": basket_json }).to_string();
    let mut pricer = Pricer::default();
    pricer.price(first.as_bytes());
    let native_json = per_second(length, || {
        black_box(pricer.price(again.as_bytes()));
    });
    let wasm_json = if options.module.exists() { Some(wasm(options, &first, &again)?) } else { None };
    let discounts = quoted.lines.iter().map(|line| line.discounts.len()).sum();
    Ok(Point { lines, promotions, discounts, native, native_json, wasm_json })
}

#[expect(clippy::cast_precision_loss, reason = "a rate that is printed")]
fn per_second(length: Duration, mut work: impl FnMut()) -> f64 {
    // The first calls fill the caches.
    for _ in 0..10 {
        work();
    }
    let (begin, mut calls) = (Instant::now(), 0_u64);
    while begin.elapsed() < length {
        work();
        calls += 1;
    }
    calls as f64 / begin.elapsed().as_secs_f64()
}

/// Under Node.js, in a process of its own.
fn wasm(options: &Options, first: &str, again: &str) -> anyhow::Result<f64> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let engine = here.join("../libs/till-wasm/till.mjs").canonicalize().context("find till.mjs")?;
    let folder = tempfile::tempdir().context("make a folder for questions")?;
    let questions = [("first.json", first), ("again.json", again)].map(|(name, text)| (folder.path().join(name), text));
    for (path, text) in &questions {
        fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    let run = Command::new("node")
        .arg(here.join("src/quotes.mjs"))
        .args([&engine, &options.module, &questions[0].0, &questions[1].0])
        .arg(options.seconds.to_string())
        .output()
        .context("run node")?;
    ensure!(run.status.success(), "node: {}", String::from_utf8_lossy(&run.stderr).trim());
    String::from_utf8_lossy(&run.stdout).trim().parse().context("read what node measured")
}

fn id(of: u8, number: usize) -> String {
    format!("00000000-0000-0000-00{of:02x}-{number:012x}")
}

/// Every line another product, prices from 0.10 to 49.99, up to six of each; one in ten is weighed.
fn basket(lines: usize) -> Value {
    let line = |at: usize| {
        let product = at * 37 % PRODUCTS;
        let weighed = at % 10 == 9;
        json!({
            "product": id(1, product),
            "categories": [id(2, product % CATEGORIES), id(2, CATEGORIES + product % 5)],
            "tax": { "rate": if product.is_multiple_of(3) { "7" } else { "19" } },
            "quantity": if weighed { format!("0.{:03}", 100 + product % 900) } else { (1 + product % 6).to_string() },
            "weighed": weighed,
            "unit_price": 10 + product * 7919 % 4990,
        })
    };
    let lines: Vec<_> = (0..lines).map(line).collect();
    json!({ "currency": "EUR", "store": id(3, 1), "at": "2026-11-23T17:05", "lines": lines })
}

/// Promotions of all kinds: half name 20 products, most others a category, one in twenty is for everything.
fn book(promotions: usize) -> Value {
    let promotion = |at: usize| {
        let scope = match at % 20 {
            0 => json!("all"),
            even if even % 2 == 0 => json!({ "categories": [id(2, at % CATEGORIES)] }),
            _ => {
                json!({ "products": (0..20).map(|step| id(1, (at * 101 + step * 37) % PRODUCTS)).collect::<Vec<_>>() })
            }
        };
        let effect = match at % 7 {
            0 => json!({ "percent": "10" }),
            1 => json!({ "amount_off": 20 }),
            2 => json!({ "buy_get": { "buy": 2, "get": 1, "percent": "100" } }),
            3 => json!({ "bundle": { "units": 3, "price": 1500 } }),
            4 => json!({ "unit_price": 999 }),
            5 => json!({ "basket_percent": "2" }),
            _ => json!({ "percent": "12.5" }),
        };
        let conditions = if at % 4 == 3 { json!({ "minimum": 5000 }) } else { json!({}) };
        json!({
            "id": id(4, at), "name": format!("promotion {at}"), "priority": at % 5, "scope": scope, "effect": effect,
            "conditions": conditions, "exclusive": at % 10 == 7,
        })
    };
    let promotions: Vec<_> = (0..promotions).map(promotion).collect();
    let rules = json!({ "mode": "included", "per": "group", "rounding": "half_up" });
    json!({ "rules": rules, "promotions": promotions })
}
