//! The whole system in one process, for one test.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, response::IntoResponse};
use ed25519_dalek::SigningKey;
use http_body_util::BodyExt;
use sqlx::PgPool;
use tempfile::TempDir;
use tillstream_bus::{
    Bus, access,
    topology::{CONSUMERS, Limits, Topology},
};
use tillstream_contract::token::{self, Access, Claims};
use tillstream_edge::Edge;
use tillstream_identity_worker::Identity;
use tillstream_receipts_worker::Receipts;
use tillstream_runtime::{
    Clock, Health, Ids, Process, Stop, Worker,
    metrics::Metrics,
    settings::{self, TracingSettings},
    trace::Tracing,
    worker::{PullSettings, Station, WorkerSettings},
};
use tillstream_sales_worker::Customers;
use tillstream_servers::{Programs, child::Child, free_port, nats};
use tillstream_stock_worker::{Adjustments, Depletion};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};

use crate::{Database, Fixture, NEXT_DOOR, SHOP};

/// The password of every NATS user in tests.
const PASSWORD: &str = "7e57";
/// What a test waits for at the most.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a shop differs from the usual one.
#[derive(Clone, Debug)]
pub struct ShopOptions {
    /// Whether the workers work from the start; otherwise [`Shop::drain`] lets them.
    pub working: bool,
    /// Sizes and times of the streams.
    pub limits: Limits,
    /// Settings of the edge, as TOML, over the usual ones.
    pub edge: String,
    /// Partitions.
    pub partitions: u16,
    /// Where traces go, if anywhere: the base URL of a collector.
    pub collector: String,
    /// This share of them is recorded.
    pub sample_ratio: f64,
    /// Whether there are card terminals; see [`Shop::terminals`].
    pub terminals: bool,
}

impl Default for ShopOptions {
    fn default() -> Self {
        Self {
            working: true,
            limits: Limits::default(),
            edge: String::new(),
            partitions: 1,
            collector: String::new(),
            sample_ratio: 1.0,
            terminals: false,
        }
    }
}

/// A shop.
#[derive(Debug)]
pub struct Shop {
    /// The time, which stands still.
    pub clock: Clock,
    /// Ids of tests' own making.
    pub ids: Ids,
    /// Its database.
    pub database: Database,
    /// The broker as the operator sees it.
    pub bus: Bus,
    /// Everything in the database.
    pub pool: PgPool,
    /// The streams as declared.
    pub topology: Topology,
    options: ShopOptions,
    server: nats::Server,
    nats: Option<Child>,
    edge: Edge,
    // Building it takes longer than most requests.
    router: Router,
    folder: Arc<TempDir>,
    tracings: Vec<Tracing>,
    workers: Option<(Process, Vec<JoinHandle<()>>)>,
}

impl Shop {
    /// A shop whose workers work.
    pub async fn open() -> Self {
        Box::pin(Self::with(ShopOptions::default())).await
    }

    /// A shop whose workers work when told to; see [`Shop::drain`].
    pub async fn open_idle() -> Self {
        Box::pin(Self::with(ShopOptions { working: false, ..ShopOptions::default() })).await
    }

    /// A shop of one's own.
    ///
    /// # Panics
    /// When there is no PostgreSQL or nats-server to test with.
    pub async fn with(options: ShopOptions) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("there is room for temporary files"));
        let database = Database::create().await;
        let server = broker(&folder, options.partitions);
        let nats = start(&server, &folder).await;
        let clock = Clock::manual("2026-03-01T10:00:00Z".parse().expect("it is a timestamp"));
        let ids = Ids::seeded(1);
        let bus = Bus::connect(&bus_settings(&server, "operator", options.partitions), Duration::from_secs(2))
            .await
            .expect("the settings are usable");
        let topology = Topology::declare(options.partitions, &options.limits);
        topology.apply(&bus).await.expect("a new broker takes the topology");
        let pool = database.superuser().await;
        let mut conn = pool.acquire().await.expect("PostgreSQL answers");
        for fixture in [SHOP, NEXT_DOOR] {
            tillstream_store::seed::plant(&mut conn, &fixture.seed(), clock.now())
                .await
                .expect("the fixture can be planted");
        }
        drop(conn);
        let process = traced("edge", &process(&clock, &ids, Stop::default()), &options);
        let edge = open_edge(&process, &folder, &database, &server, &options).await;
        let working = options.working;
        let mut shop = Self {
            clock,
            ids,
            database,
            bus,
            pool,
            topology,
            options,
            server,
            nats: Some(nats),
            router: tillstream_edge::router(&edge),
            edge,
            folder,
            tracings: vec![process.tracing],
            workers: None,
        };
        if working {
            shop.start_workers().await;
        }
        shop
    }

    pub(crate) const fn options(&self) -> &ShopOptions {
        &self.options
    }

    /// The edge's routes.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves the edge over TCP from now on.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has just been bound");
        let edge = self.edge.clone();
        tokio::spawn(async move { tillstream_edge::serve(&edge, listener).await.expect("the settings are usable") });
        address
    }

    /// Another edge on the same system, as after a restart.
    pub async fn restart_edge(&mut self) {
        let process = process(&self.clock, &self.ids, Stop::default());
        let process = traced("edge", &process, &self.options);
        self.edge = open_edge(&process, &self.folder, &self.database, &self.server, &self.options).await;
        self.router = tillstream_edge::router(&self.edge);
        self.tracings.push(process.tracing);
    }

    /// The routes of one more edge of the same system, as behind a load balancer.
    pub async fn another_edge(&self) -> Router {
        let process = process(&self.clock, &self.ids, Stop::default());
        let edge = open_edge(&process, &self.folder, &self.database, &self.server, &self.options).await;
        tillstream_edge::router(&edge)
    }

    /// A token for a caller of `merchant`, good for an hour.
    #[must_use]
    pub fn token(&self, merchant: Fixture) -> String {
        let now = self.clock.now().micros() / 1_000_000;
        self.sign(&Access::operator(merchant.merchant(), now), now + 3_600)
    }

    /// A token that says `claims`, until `expires`, signed as the edge signs.
    #[must_use]
    pub fn sign<T: Claims>(&self, claims: &T, expires: i64) -> String {
        token::sign(claims, expires, &token_key())
    }

    /// A connection to the broker as `role`, with that role's rights.
    ///
    /// # Panics
    /// When the broker is not there.
    pub async fn bus_as(&self, role: &str) -> Bus {
        let settings = bus_settings(&self.server, role, self.options.partitions);
        let bus = Bus::connect(&settings, Duration::from_secs(1)).await.expect("the settings are usable");
        assert!(bus.connected(PATIENCE).await, "the broker takes {role}'s connection");
        bus
    }

    /// Where the broker is.
    #[must_use]
    pub fn nats_url(&self) -> String {
        self.server.url()
    }

    /// Kills the broker, as kill -9 does.
    pub async fn kill_nats(&mut self) {
        if let Some(mut nats) = self.nats.take() {
            nats.kill9().expect("the broker is ours to kill");
            nats.wait().await.expect("the broker ends");
        }
    }

    /// Halts the broker where it is.
    ///
    /// # Panics
    /// When it was killed.
    pub fn halt_nats(&self) {
        self.nats.as_ref().expect("the broker runs").pause().expect("the broker is ours to halt");
    }

    /// Lets the broker go on.
    ///
    /// # Panics
    /// When it was killed.
    pub fn resume_nats(&self) {
        self.nats.as_ref().expect("the broker runs").resume().expect("the broker is ours to resume");
    }

    /// Starts the broker that was killed.
    pub async fn start_nats(&mut self) {
        self.nats = Some(start(&self.server, &self.folder).await);
    }

    /// Lets the workers work from now on.
    pub async fn start_workers(&mut self) {
        let process = process(&self.clock, &self.ids, Stop::default());
        let [sales, stock, issuer, keeper] = ["sales-worker", "stock-worker", "receipts-worker", "identity-worker"]
            .map(|name| traced(name, &process, &self.options));
        self.tracings.extend([&sales, &stock, &issuer, &keeper].map(|process| process.tracing.clone()));
        let tasks = vec![
            tokio::spawn(self.station(self.sales(), &sales).await.run()),
            tokio::spawn(self.station(Customers, &sales).await.run()),
            tokio::spawn(self.station(Depletion, &stock).await.run()),
            tokio::spawn(self.station(Adjustments, &stock).await.run()),
            tokio::spawn(self.station(receipts(), &issuer).await.run()),
            tokio::spawn(self.station(Identity, &keeper).await.run()),
        ];
        self.workers = Some((process, tasks));
    }

    /// Stops the workers in good order.
    ///
    /// # Panics
    /// When one has panicked.
    pub async fn stop_workers(&mut self) {
        if let Some((process, tasks)) = self.workers.take() {
            process.stop.now();
            for task in tasks {
                task.await.expect("workers do not panic");
            }
        }
    }

    /// What the workers that work count.
    ///
    /// # Panics
    /// When none work.
    pub async fn workers_metrics(&self) -> String {
        let (process, _) = self.workers.as_ref().expect("the workers work");
        Self::text(&process.metrics).await
    }

    /// Metrics, as who scrapes them reads them.
    ///
    /// # Panics
    /// When they are not UTF-8.
    pub async fn text(metrics: &Metrics) -> String {
        let body = metrics.render().into_response().into_body();
        let bytes = body.collect().await.expect("it is in memory").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("metrics are UTF-8")
    }

    /// Sends the collector what is left. Afterwards nothing is traced any more.
    pub async fn stop_tracing(&mut self) {
        for tracing in self.tracings.drain(..) {
            tracing.stop().await;
        }
    }

    /// Waits until nothing is pending: lets idle workers work until then, or gives working ones the time.
    ///
    /// # Panics
    /// When it takes a minute.
    pub async fn drain(&self) {
        if self.workers.is_none() {
            let process = process(&self.clock, &self.ids, Stop::default());
            self.drain_one(self.sales(), &process).await;
            self.drain_one(Customers, &process).await;
            self.drain_one(Adjustments, &process).await;
            self.drain_one(Depletion, &process).await;
            self.drain_one(receipts(), &process).await;
            self.drain_one(Identity, &process).await;
        }
        self.until("nothing is pending", async || self.pending().await == 0).await;
    }

    /// Lets one worker work until nothing is pending for it.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn drain_one<W: Worker>(&self, worker: W, process: &Process) {
        self.station(worker, process).await.drain().await.expect("the broker answers");
    }

    /// A process for a worker in a test.
    #[must_use]
    pub fn process(&self) -> Process {
        process(&self.clock, &self.ids, Stop::default())
    }

    /// A worker at its consumer, with its own role's rights.
    ///
    /// # Panics
    /// When the settings are unusable.
    pub async fn station<W: Worker>(&self, worker: W, process: &Process) -> Station<W> {
        let pool = tillstream_store::pool(
            W::NAME,
            &self.database.url(W::NAME),
            tillstream_store::Plans::Once,
            3,
            Duration::from_millis(500),
        );
        let settings = WorkerSettings {
            pull: PullSettings { batch: 200, gather_ms: 0, expires_ms: 1_000 },
            deliveries_until_alone: 3,
            attempts_until_dead: 3,
            ack_wait_ms: self.options.limits.ack_wait_ms,
            sabotage: None,
        };
        Station::new(worker, process.clone(), self.bus_as(W::NAME).await, pool.expect("the URL is one"), settings)
    }

    /// Messages that some worker has not settled yet.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn pending(&self) -> u64 {
        let mut pending = 0;
        for partition in 0..self.options.partitions {
            for (consumer, class, _) in CONSUMERS {
                let lag = self.bus.lag(&class.stream(partition), consumer).await.expect("the broker answers");
                pending += lag.pending + lag.in_hand;
            }
        }
        pending
    }

    /// Waits, looking again and again, until `condition` holds.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < deadline, "waited a minute until {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The stock level of a product of [`SHOP`], as the API shows it.
    ///
    /// # Panics
    /// When the answer is not as documented.
    pub async fn stock(&self, sku: &str) -> String {
        let path = format!("/v1/stock/levels?store={}&product={}", SHOP.store(), SHOP.product(sku));
        let answer = self.get(&path).await;
        answer.json()["items"][0]["on_hand"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// How many rows a query over the whole database counts.
    ///
    /// # Panics
    /// When it can't be run.
    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap_or_else(|error| panic!("{error} in {query}"))
    }
}

/// Issues receipts as every test shop does.
#[must_use]
pub fn receipts() -> Receipts {
    Receipts::new(tillstream_domain::receipt::SigningKey::from_seed(&[7; 32]))
}

pub(crate) fn token_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn process(clock: &Clock, ids: &Ids, stop: Stop) -> Process {
    Process {
        name: "test",
        clock: clock.clone(),
        ids: ids.clone(),
        health: Health::default(),
        metrics: Metrics::default(),
        tracing: Tracing::default(),
        stop,
    }
}

/// The same process under the name of a binary, which traces as the options say.
fn traced(name: &'static str, process: &Process, options: &ShopOptions) -> Process {
    let settings = TracingSettings { endpoint: options.collector.clone(), sample_ratio: options.sample_ratio };
    let tracing = Tracing::start(name, &settings).expect("the test's collector has an address");
    Process { name, tracing, ..process.clone() }
}

fn bus_settings(server: &nats::Server, role: &str, partitions: u16) -> tillstream_bus::Settings {
    tillstream_bus::Settings {
        url: server.url(),
        user: role.to_owned(),
        password: PASSWORD.to_owned(),
        tls_ca_file: PathBuf::new(),
        partitions,
    }
}

fn broker(folder: &TempDir, partitions: u16) -> nats::Server {
    let services = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.services"));
    let programs =
        Programs::find(services.exists().then_some(&*services)).expect("`scripts/services` has got the programs");
    let settings = nats::Settings {
        dir: folder.path().join("nats"),
        name: format!("test-{}", Ids::random().next().simple()),
        port: free_port().expect("a port is free"),
        monitor_port: None,
        accounts: access::authorization(partitions, |_| PASSWORD),
        sync_interval: nats::SyncInterval::Millis(60_000),
        max_payload_bytes: 1 << 20,
        max_file_store_bytes: 64 << 30,
    };
    nats::Server::new(&programs, settings).expect("the broker's settings are usable")
}

async fn start(server: &nats::Server, folder: &TempDir) -> Child {
    let quiet: tillstream_servers::child::OnLine = Arc::new(|_: &str, _: &str| {});
    server.start(&folder.path().join("run"), &quiet, PATIENCE).await.expect("the broker starts")
}

async fn open_edge(
    process: &Process,
    folder: &TempDir,
    database: &Database,
    server: &nats::Server,
    options: &ShopOptions,
) -> Edge {
    let key = folder.path().join("tokens.ed25519");
    std::fs::write(&key, hex::encode(token_key().to_bytes())).expect("there is room for temporary files");
    let pepper = folder.path().join("pins.pepper");
    std::fs::write(&pepper, "07".repeat(32)).expect("there is room for temporary files");
    let file = folder.path().join("edge.toml");
    let usual = format!(
        "[bus]\nurl = '{}'\npassword = '{PASSWORD}'\npartitions = {}\n[database]\nurl = '{}'\n[tokens]\nkey_file = '{}'\n\
         [pins]\npepper_file = '{}'\n[passwords]\nmemory_kib = 64\npasses = 1\n",
        server.url(),
        options.partitions,
        database.url("edge"),
        key.display(),
        pepper.display(),
    );
    std::fs::write(&file, usual + &options.edge).expect("there is room for temporary files");
    let config = settings::load(Some(&file)).expect("the edge takes its settings");
    let edge = Edge::open(process, &config).await.expect("the edge opens");
    let deadline = Instant::now() + PATIENCE;
    while !process.health.report().await.0 {
        assert!(Instant::now() < deadline, "the edge became ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    edge
}
