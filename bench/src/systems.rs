//! The two systems, started on fresh data.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use tillstream_pos::{
    Output, Role, Stack, StackOptions, demo, http,
    load::{Baskets, Pace, Plan, Report, Shop, Target, Until, drive},
};
use tillstream_servers::{
    Password, Programs,
    child::{Child, OnLine, StopSignal},
    free_port,
    postgres::Cluster,
};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::{Place, conventional::SCHEMA};

/// Of the demo shop.
pub(crate) const CURRENCY: &str = "EUR";
/// initdb's fresh cluster is ready within seconds, also on a busy machine.
const READY: Duration = Duration::from_mins(1);
/// A shut-down checkpoint writes all that is in PostgreSQL's buffers.
const GRACE: Duration = Duration::from_mins(1);
/// How long a till tries to get one sale through, and workers may take to catch up.
const PATIENCE: Duration = Duration::from_mins(2);
/// What each product's level is at first, in thousandths of a unit: as in the demo shop.
const OPENING: i64 = 1_000_000_000;

/// A system that can be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// Where it sells.
    pub(crate) target: Target,
    metrics: Vec<Target>,
    pids: BTreeMap<String, i32>,
}

/// How a system is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) pace: Pace,
    pub(crate) length: Duration,
    pub(crate) until: Until,
    pub(crate) lines: usize,
    pub(crate) seed: u64,
    pub(crate) progress: bool,
}

impl Subject {
    /// Loads the system, and waits until it has caught up.
    pub(crate) async fn load(&self, shop: &Shop, load: Load) -> anyhow::Result<Report> {
        let plan = Plan {
            target: self.target.clone(),
            baskets: Baskets::new(shop, load.lines, load.seed)?,
            pace: load.pace,
            length: load.length,
            until: load.until,
            patience: PATIENCE,
            seed: load.seed,
            metrics: self.metrics.clone(),
            pids: self.pids.clone(),
            catch_up: PATIENCE,
            progress: load.progress,
        };
        drive(plan).await.with_context(|| format!("load {}", self.name))
    }

    /// Its parts, by name and process id.
    pub(crate) const fn pids(&self) -> &BTreeMap<String, i32> {
        &self.pids
    }
}

/// A folder for the data of both, gone when this is dropped.
pub(crate) fn folder(place: &Place) -> anyhow::Result<TempDir> {
    let data = &place.data;
    fs::create_dir_all(data).with_context(|| format!("make the folder {}", data.display()))?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(data).context("make a folder for the data")?;
    // Passable, for as root PostgreSQL runs as another user. The data folders within are closed.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).context("let PostgreSQL pass the folder")?;
    Ok(folder)
}

/// Tillstream, as `pos up` runs it, with the demo shop.
pub(crate) async fn tillstream(place: &Place, folder: &TempDir, products: u32) -> anyhow::Result<Stack> {
    with_shop(place, folder, demo::Size { products, ..demo::Size::default() }).await
}

/// The same, with a shop of this size.
pub(crate) async fn with_shop(place: &Place, folder: &TempDir, size: demo::Size) -> anyhow::Result<Stack> {
    let defaults = StackOptions::new(folder.path().join("tillstream"))?;
    let program = match &place.pos {
        Some(program) => program.clone(),
        None => beside(&defaults.program)?,
    };
    Stack::start(StackOptions {
        program,
        services: place.services.clone(),
        listen: Some(([127, 0, 0, 1], free_port().context("find a free port")?).into()),
        shop: Some(size),
        log_filter: "warn".to_owned(),
        output: Output::to(|name, line| show_trouble("tillstream", name, line)),
        ..defaults
    })
    .await
    .context("start Tillstream")
}

fn beside(own: &Path) -> anyhow::Result<PathBuf> {
    let program = own.with_file_name("pos");
    if !program.exists() {
        bail!("there is no `pos` beside {}: build it, or name it with --pos", own.display());
    }
    Ok(program)
}

/// What a load needs to know of a running Tillstream. Process ids change when a part is restarted.
pub(crate) fn subject_of(stack: &Stack) -> anyhow::Result<Subject> {
    let metrics = Role::WORKERS.map(|role| Target::new(&stack.metrics_url(role), None));
    Ok(Subject {
        name: "tillstream",
        target: Target::new(&stack.url(), Some(stack.token()))?,
        metrics: metrics.into_iter().collect::<anyhow::Result<_>>()?,
        pids: with_load(stack.pids().into_iter().map(|(role, pid)| (role.name().to_owned(), Some(pid)))),
    })
}

fn with_load(pids: impl Iterator<Item = (String, Option<i32>)>) -> BTreeMap<String, i32> {
    let load = ("load".to_owned(), Some(std::process::id().cast_signed()));
    pids.chain([load]).filter_map(|(name, pid)| Some((name, pid?))).collect()
}

/// The conventional server and its PostgreSQL, with the same settings as Tillstream's.
#[derive(Debug)]
pub(crate) struct Conventional {
    server: Child,
    postgres: Child,
    url: String,
}

impl Conventional {
    pub(crate) async fn start(place: &Place, folder: &TempDir, shop: &Shop) -> anyhow::Result<Self> {
        let programs = Programs::find(Some(&place.services))?;
        let dir = folder.path().join("conventional");
        let run = dir.join("run");
        fs::create_dir_all(&run).context("make the conventional server's folder")?;
        fs::set_permissions(&dir, Permissions::from_mode(0o711)).context("let PostgreSQL pass the folder")?;
        let cluster = Cluster::new(&programs, &dir.join("postgres"), free_port()?, "postgres", Password::random()?)?;
        let on_line: OnLine = Arc::new(|name, line| show_trouble("conventional", name, line));
        cluster.init().await?;
        let postgres = cluster.start(&[], &run, &on_line, READY).await?;
        plant(&cluster, shop).await?;
        let listen = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(std::env::current_exe().context("find this program's own file")?);
        command.args(["conventional", "--listen", &listen, "--database", &cluster.superuser_url("shop")]);
        let server = Child::spawn("server", command, StopSignal::Terminate, &run, &on_line)?;
        let conventional = Self { server, postgres, url: format!("http://{listen}") };
        conventional.until_ready().await?;
        Ok(conventional)
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY;
        while !matches!(http::get(&format!("{}/readyz", self.url), READY).await, Ok((200, _))) {
            if Instant::now() >= deadline {
                bail!("the conventional server does not answer: see what it printed");
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub(crate) fn subject(&self) -> anyhow::Result<Subject> {
        let pids = [("server".to_owned(), self.server.pid()), ("postgres".to_owned(), self.postgres.pid())];
        let target = Target::new(&self.url, None)?;
        Ok(Subject { name: "conventional", target, metrics: Vec::new(), pids: with_load(pids.into_iter()) })
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.server.stop(GRACE).await?;
        self.postgres.stop(GRACE).await?;
        Ok(())
    }
}

/// Lines that say that something is wrong, as our parts, PostgreSQL and NATS mark them.
fn show_trouble(system: &str, name: &str, line: &str) {
    const MARKS: [&str; 7] = [" WARN ", " ERROR ", "FATAL:", "PANIC:", "[ERR]", "panicked", "starting it again"];
    // PostgreSQL turns clients away like this while it starts, as it should.
    let starts = line.contains("FATAL:  the database system is");
    if !starts && MARKS.iter().any(|mark| line.contains(mark)) {
        eprintln!("{system} {name}: {line}");
    }
}

/// The same products at the same prices, in stock in the same stores.
async fn plant(cluster: &Cluster, shop: &Shop) -> anyhow::Result<()> {
    let mut server =
        PgConnection::connect(&cluster.superuser_url("postgres")).await.context("connect to PostgreSQL")?;
    server.execute("create database shop").await.context("make the database")?;
    server.close().await.context("leave PostgreSQL")?;
    let mut conn = PgConnection::connect(&cluster.superuser_url("shop")).await.context("connect to the database")?;
    conn.execute(SCHEMA).await.context("make the tables")?;
    let products: Vec<Uuid> = shop.products.iter().map(|product| product.id).collect();
    let prices: Vec<i64> = shop.products.iter().map(|product| product.unit_price).collect();
    let mut stores: Vec<Uuid> = shop.registers.iter().map(|register| register.store).collect();
    stores.sort_unstable();
    stores.dedup();
    sqlx::query("insert into products (product_id, unit_price) select * from unnest($1::uuid[], $2::bigint[])")
        .bind(&products)
        .bind(&prices)
        .execute(&mut conn)
        .await
        .context("plant the products")?;
    sqlx::query("insert into stock select s, p, $3 from unnest($1::uuid[]) as s, unnest($2::uuid[]) as p")
        .bind(&stores)
        .bind(&products)
        .bind(OPENING)
        .execute(&mut conn)
        .await
        .context("plant the stock")?;
    conn.execute("vacuum analyze").await.context("let PostgreSQL know what it holds")?;
    conn.close().await.context("leave the database")
}
