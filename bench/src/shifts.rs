//! `bench shifts`: what it costs to close a shift, by how much was sold in it.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tillstream_pos::load::{
    Baskets, Shop, Target,
    client::{Client, Post},
};
use tillstream_runtime::Ids;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Place, compare,
    systems::{CURRENCY, folder, subject_of, tillstream},
};

/// Products of the catalogue.
const PRODUCTS: u32 = 1000;
/// Lines of a sale.
const LINES: usize = 4;
/// Clients that sell at the one register.
const CLIENTS: u64 = 64;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `bench shifts` can be told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Sales in a shift, one size after the other
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1_000, 100_000])]
    sales: Vec<u64>,
    /// Shifts of each size; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where to write the figures
    #[arg(long, value_name = "FILE", default_value = "bench/shifts.json")]
    results: PathBuf,
}

/// What was measured with shifts of one size.
#[derive(Debug, Serialize)]
struct Figure {
    /// Sales in the shift.
    sales: u64,
    /// From the request to close to its answer, the median, in milliseconds.
    close_ms: f64,
    /// Every one of them.
    closes_ms: Vec<f64>,
    /// Sales per second at the one register, while they were made.
    sales_per_second: f64,
}

/// Measures, prints the figures and writes them.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    ensure!(options.rounds > 0, "--rounds must be at least 1");
    let folder = folder(&options.place)?;
    let mut stack = tillstream(&options.place, &folder, PRODUCTS).await?;
    let target = subject_of(&stack)?.target;
    let shop = Shop::fetch(&target, CURRENCY, PRODUCTS as usize).await?;
    let mut figures = Vec::new();
    for sales in options.sales {
        let figure = measure(&target, &shop, sales, options.rounds).await?;
        let Figure { close_ms, sales_per_second, .. } = &figure;
        println!("{sales} sales: closed in {close_ms:.2} ms, sold at {sales_per_second:.0}/s");
        figures.push(figure);
    }
    stack.stop().await?;
    compare::write(&options.results, &figures)?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(target: &Target, shop: &Shop, sales: u64, rounds: usize) -> anyhow::Result<Figure> {
    let register = shop.registers.first().context("the shop has a register")?;
    let here = json!({"store": register.store, "register": register.id});
    let mut counter = Client::new(target.clone(), PATIENCE);
    let (mut closes_ms, mut selling) = (Vec::new(), Duration::ZERO);
    for round in 0..rounds {
        let opening = json!({"store": register.store, "register": register.id, "float": 10_000});
        let opened = post(&mut counter, "/v1/shifts", &opening).await?;
        let shift = opened["id"].as_str().context("a shift has an id")?;
        let began = Instant::now();
        sell(target, shop, sales, u64::try_from(round)?).await?;
        selling += began.elapsed();
        post(&mut counter, &format!("/v1/shifts/{shift}/end"), &here).await?;
        let began = Instant::now();
        let z = post(&mut counter, &format!("/v1/shifts/{shift}/close"), &here).await?;
        closes_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        ensure!(z["totals"]["documents"]["sales"] == json!(sales), "the Z report has other sales: {z}");
    }
    let mut sorted = closes_ms.clone();
    sorted.sort_by(f64::total_cmp);
    let sold = f64::from(u32::try_from(sales)?) * f64::from(u32::try_from(rounds)?);
    let sales_per_second = sold / selling.as_secs_f64();
    Ok(Figure { sales, close_ms: sorted[sorted.len() / 2], closes_ms, sales_per_second })
}

/// Sells so often at the first register, and waits until all is recorded.
async fn sell(target: &Target, shop: &Shop, sales: u64, seed: u64) -> anyhow::Result<()> {
    let baskets = Arc::new(Baskets::new(shop, LINES, seed)?);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS.min(sales) {
        let (baskets, mut till) = (baskets.clone(), Client::new(target.clone(), PATIENCE));
        clients.spawn(async move {
            for number in (client..sales).step_by(usize::try_from(CLIENTS)?) {
                let sale = Post { key: Ids::random().next(), prefer: Some("wait=20"), body: baskets.sale(number, 0) };
                let answer = till.post("/v1/sales", sale).await.context("sell")?;
                ensure!(answer.status == 201, "a sale is answered {}", answer.status);
            }
            anyhow::Ok(())
        });
    }
    while let Some(sold) = clients.join_next().await {
        sold.context("sell")??;
    }
    Ok(())
}

async fn post(client: &mut Client, path: &str, body: &Value) -> anyhow::Result<Value> {
    let body = Post { key: Ids::random().next(), prefer: Some("wait=20"), body: serde_json::to_vec(body)?.into() };
    let answer = client.post(path, body).await.with_context(|| format!("post to {path}"))?;
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    ensure!((200..202).contains(&answer.status), "{path} answers {}: {said}", answer.status);
    Ok(serde_json::from_slice(&answer.body)?)
}
