//! `bench identity`: what it costs to know who calls, and what a flood of sign-ins does to those who sell.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tillstream_pos::load::{
    Pace, Report, Shop, Target, Until,
    client::{Client, Post},
};
use tillstream_runtime::Ids;
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{
    Place, compare,
    systems::{CURRENCY, Load, Subject, folder, subject_of, tillstream},
};

/// Products of the catalogue.
const PRODUCTS: u32 = 1000;
/// So often each kind of read is measured; the median counts.
const ROUNDS: usize = 7;
/// Clients that read: so few that the limits let all through.
const READERS: usize = 1;
/// Accounts that sign in.
const ACCOUNTS: usize = 20;
/// Sales per second while they do.
const SALES: f64 = 300.0;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `bench identity` can be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Clients that sign in, each again and again
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// How long each part lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    seconds: u64,
    /// Where to write the figures
    #[arg(long, value_name = "FILE", default_value = "bench/identity.json")]
    results: PathBuf,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    /// Requests per second to a path that is none, without a token.
    nothing_per_second: f64,
    /// The same with a token, which is then verified.
    nothing_with_token_per_second: f64,
    /// Reads of one product, with a token.
    read_per_second: f64,
    /// What verifying costs, as a share of the read.
    authentication_share: f64,
    /// Selling alone.
    alone: Report,
    /// Selling while people sign in.
    flooded: Report,
    /// Answers to those who signed in, by status.
    sign_ins: BTreeMap<u16, u64>,
    /// Of them 201, per second.
    signed_in_per_second: f64,
}

/// Measures, prints the figures and writes them.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let folder = folder(&options.place)?;
    let mut stack = tillstream(&options.place, &folder, PRODUCTS).await?;
    let subject = subject_of(&stack)?;
    let open = Target::new(&stack.url(), None)?;
    let rates = reads(&open, &subject.target).await?;
    let [nothing, with_token, read] = rates;
    let share = (1.0 / with_token - 1.0 / nothing) * read;
    println!("a path that is none: {nothing:.0}/s without a token, {with_token:.0}/s with; one product: {read:.0}/s");
    println!("knowing who calls takes {:.1} % of a read", share * 100.0);

    let shop = Shop::fetch(&subject.target, CURRENCY, PRODUCTS as usize).await?;
    let accounts = accounts(&subject.target, &open).await?;
    let alone = sell(&subject, &shop, options.seconds).await?;
    let over = Arc::new(AtomicBool::new(false));
    let mut flood = JoinSet::new();
    for number in 0..options.clients {
        let account = accounts[number % accounts.len()].clone();
        flood.spawn(sign_in_until(open.clone(), account, over.clone()));
    }
    let began = Instant::now();
    let flooded = sell(&subject, &shop, options.seconds).await?;
    over.store(true, Ordering::Relaxed);
    let mut sign_ins: BTreeMap<u16, u64> = BTreeMap::new();
    while let Some(counted) = flood.join_next().await {
        for (status, count) in counted.context("sign in")? {
            *sign_ins.entry(status).or_default() += count;
        }
    }
    let signed_in = f64::from(u32::try_from(sign_ins.get(&201).copied().unwrap_or(0)).unwrap_or(u32::MAX));
    let per_second = signed_in / began.elapsed().as_secs_f64();
    stack.stop().await?;
    println!("selling alone:\n{alone}\nselling while {} clients sign in:\n{flooded}", options.clients);
    println!("{per_second:.1} sign-ins per second; answers by status: {sign_ins:?}");
    let clean = alone.is_clean() && flooded.is_clean();
    let figures = Figures {
        nothing_per_second: nothing,
        nothing_with_token_per_second: with_token,
        read_per_second: read,
        authentication_share: share,
        alone,
        flooded,
        sign_ins,
        signed_in_per_second: per_second,
    };
    compare::write(&options.results, &figures)?;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn sell(subject: &Subject, shop: &Shop, seconds: u64) -> anyhow::Result<Report> {
    let load = Load {
        pace: Pace::Rate { per_second: SALES, clients_max: 256 },
        length: Duration::from_secs(seconds),
        until: Until::Recorded,
        lines: 4,
        seed: 1,
        progress: true,
    };
    subject.load(shop, load).await
}

/// Requests per second: to nothing without a token, to nothing with one, and for a product with one. They take turns, so
/// that a slow second of the machine hits all.
async fn reads(open: &Target, known: &Target) -> anyhow::Result<[f64; 3]> {
    let kinds = [(open, "/v1/nothing"), (known, "/v1/nothing"), (known, "/v1/products?limit=1")];
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((target, path), rates) in kinds.into_iter().zip(&mut rates) {
            rates.push(rate(target, path).await?);
        }
    }
    Ok(rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }))
}

async fn rate(target: &Target, path: &'static str) -> anyhow::Result<f64> {
    let (began, length) = (Instant::now(), Duration::from_secs(2));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let mut client = Client::new(target.clone(), PATIENCE);
        readers.spawn(async move {
            let mut answered = 0_u32;
            while began.elapsed() < length {
                let status = client.get(path).await?.status;
                ensure!(status != 429, "the limits stand in the way of what is measured");
                answered += 1;
            }
            anyhow::Ok(answered)
        });
    }
    let mut answered = 0;
    while let Some(count) = readers.join_next().await {
        answered += count.context("read")??;
    }
    Ok(f64::from(answered) / began.elapsed().as_secs_f64())
}

/// Adds people with passwords, and returns what they sign in with.
async fn accounts(operator: &Target, open: &Target) -> anyhow::Result<Vec<Bytes>> {
    let (mut known, mut stranger) = (Client::new(operator.clone(), PATIENCE), Client::new(open.clone(), PATIENCE));
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        let email = format!("person-{number}@example.com");
        let password = format!("a long enough phrase {number}");
        let person = json!({"name": format!("Person {number}"), "email": email, "grants": [{"role": "cashier"}]});
        let added = post(&mut known, "/v1/users", &person).await?;
        let id = added["id"].as_str().context("a user that was added has an id")?.to_owned();
        let invited = post(&mut known, &format!("/v1/users/{id}/invitation"), &json!({})).await?;
        post(&mut stranger, "/v1/passwords", &json!({"code": invited["code"], "password": password})).await?;
        accounts.push(serde_json::to_vec(&json!({"email": email, "password": password}))?.into());
    }
    Ok(accounts)
}

async fn post(client: &mut Client, path: &str, body: &Value) -> anyhow::Result<Value> {
    let body = Post { key: key(), prefer: Some("wait=20"), body: serde_json::to_vec(body)?.into() };
    let answer = client.post(path, body).await.with_context(|| format!("post to {path}"))?;
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    ensure!((200..300).contains(&answer.status), "{path} answers {}: {said}", answer.status);
    Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// Signs in again and again, and counts the answers by status.
async fn sign_in_until(target: Target, account: Bytes, over: Arc<AtomicBool>) -> BTreeMap<u16, u64> {
    let mut client = Client::new(target, PATIENCE);
    let mut counted: BTreeMap<u16, u64> = BTreeMap::new();
    while !over.load(Ordering::Relaxed) {
        let body = Post { key: key(), prefer: None, body: account.clone() };
        let answer = client.post("/v1/sessions", body).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        *counted.entry(status).or_default() += 1;
        if let Ok(Some(pause)) = answer.map(|answer| answer.retry_after) {
            tokio::time::sleep(pause.min(Duration::from_secs(1))).await;
        }
    }
    counted
}

/// A new key for a request.
fn key() -> Uuid {
    Ids::random().next()
}
