//! Card terminals of a shop, with their simulator.

use std::{sync::Arc, time::Duration};

use tillstream_runtime::Process;
use tillstream_sales_worker::{Driver, Sales, TerminalSettings};
use tillstream_terminal::{Http, Key, Simulator, serve};
use tokio::{net::TcpListener, task::JoinHandle};
use uuid::Uuid;

use crate::{SHOP, Shop};

/// The terminals of a shop, at the end of a network.
#[derive(Debug)]
pub struct Terminals {
    /// Their provider, with its books.
    pub simulator: Arc<Simulator>,
    /// How they are asked.
    pub settings: TerminalSettings,
    serving: JoinHandle<()>,
}

/// Who asks about a shop's card payments.
#[derive(Debug)]
pub struct Asking {
    process: Process,
    task: JoinHandle<()>,
}

impl Terminals {
    /// How often money was taken for a payment of [`SHOP`].
    #[must_use]
    pub fn captures(&self, payment: Uuid) -> u32 {
        self.simulator.captures(key(payment))
    }

    /// Lets the provider be reached no more.
    pub fn unplug(&self) {
        self.serving.abort();
    }
}

/// What a payment of [`SHOP`] is known by.
#[must_use]
pub fn key(payment: Uuid) -> Key {
    Key { merchant: SHOP.merchant(), payment: tillstream_domain::id::CardPaymentId::new(payment) }
}

impl Asking {
    /// What it counts, as who scrapes it reads it.
    pub async fn metrics(&self) -> String {
        Shop::text(&self.process.metrics).await
    }

    /// Ends it in good order.
    ///
    /// # Panics
    /// When it has panicked.
    pub async fn stop(self) {
        self.process.stop.now();
        self.task.await.expect("whoever asks does not panic");
    }

    /// Ends it where it is, as kill -9 does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()), "it was running");
    }
}

impl Shop {
    /// The sales worker as the options of the shop have it.
    pub(crate) fn sales(&self) -> Sales {
        if self.options().terminals { Sales::with_terminals() } else { Sales::default() }
    }

    /// Sets up terminals whose slow customers take half a second.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn terminals(&self) -> Terminals {
        let simulator = Arc::new(Simulator::new(Duration::from_millis(500)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has just been bound"));
        let provider = simulator.clone();
        let serving = tokio::spawn(async move { serve(listener, provider).await.expect("it serves") });
        let settings = TerminalSettings {
            url,
            token_file: std::path::PathBuf::new(),
            timeout_ms: 200,
            poll_ms: 20,
            at_once: 8,
            start_within_ms: 60_000,
            patience_ms: 2_000,
            reconcile_ms: 100,
        };
        Terminals { simulator, settings, serving }
    }

    /// Has somebody ask about card payments from now on.
    ///
    /// # Panics
    /// When the settings are unusable.
    pub async fn ask(&self, terminals: &Terminals) -> Asking {
        let process: Process = self.process();
        let url = self.database.url("sales");
        let patience = Duration::from_millis(500);
        let pool = tillstream_store::pool("terminals", &url, tillstream_store::Plans::Once, 3, patience);
        let settings = terminals.settings.clone();
        let provider: Http = settings.provider().expect("it is an address").expect("there is one");
        let pool = pool.expect("the URL is one");
        let driver = Driver::new(provider, process.clone(), self.bus_as("sales").await, pool, settings);
        Asking { process, task: tokio::spawn(driver.run()) }
    }
}
