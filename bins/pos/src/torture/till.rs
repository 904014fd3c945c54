//! A till that sells through every fault: it sends a command with one key until it has an answer.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Deserialize;
use tillstream_contract::{
    sale::{NewLine, NewSale, Payment},
    stock::{Delta, NewAdjustment},
};
use tillstream_domain::{
    id::{ProductId, RegisterId},
    money::Amount,
    quantity::Quantity,
    stock::Reason,
};
use tillstream_store::seed::Shop;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use uuid::{Builder, Uuid};

use super::memory::{About, Memory, Sent, Shown, Surprise, What};
use crate::load::{
    client::{Client, Failure, Post, Response, Target},
    random::Random,
};

/// How long tills wait for an answer: some give up before the edge does.
const TIME_OUT_MS: (u64, u64) = (1_500, 8_000);
/// The first pause before a command is sent again; it doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(1);
/// Between two customers, at the most.
const CUSTOMER_MS: usize = 20;
/// Commands of the past that each till sends again when all is over.
const REPEATS_AT_THE_END: usize = 10;
/// Every other line sells one of so many products.
const HOT: usize = 10;
/// What tills ask the edge to do.
const PREFERENCES: [Option<&str>; 4] = [None, Some("respond-async"), Some("wait=2"), Some("wait=3, until=receipt")];

/// What all tills have come to so far.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Sales acknowledged.
    pub(super) acknowledged: AtomicU64,
    answers: Mutex<BTreeMap<String, u64>>,
}

impl Live {
    /// Answers and failures by status or name.
    pub(super) fn answers(&self) -> BTreeMap<String, u64> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, answer: &Result<Response, Failure>) {
        let name = match answer {
            Ok(response) => response.status.to_string(),
            Err(failure) => failure.name().to_owned(),
        };
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }
}

/// When to end: `None` for not yet, otherwise the moment when even retries end.
pub(super) type Closing = watch::Receiver<Option<Instant>>;

/// A till.
pub(super) struct Till {
    shop: Arc<Shop>,
    register: RegisterId,
    /// Two, so that the same command can be sent twice at once.
    wires: [Wire; 2],
    random: Random,
    memory: Memory,
}

/// A connection that does not give up.
struct Wire {
    client: Client,
    random: Random,
    live: Arc<Live>,
    closing: Closing,
}

#[derive(Deserialize)]
struct SaleAnswer {
    id: Uuid,
    total: i64,
}

#[derive(Deserialize)]
struct ProblemAnswer {
    #[serde(rename = "type")]
    kind: String,
}

impl Till {
    /// Till number `number` of the run, at a register of its own as long as there are enough.
    pub(super) fn new(
        number: usize,
        seed: u64,
        shop: Arc<Shop>,
        target: &Target,
        live: &Arc<Live>,
        closing: &Closing,
    ) -> Self {
        let mut random = Random::stream(seed, 1 + number as u64);
        let span = usize::try_from(TIME_OUT_MS.1 - TIME_OUT_MS.0).expect("time-outs are short");
        let wires = [(); 2].map(|()| Wire {
            client: Client::new(target.clone(), Duration::from_millis(TIME_OUT_MS.0 + random.below(span) as u64)),
            random: Random::seeded(random.draw()),
            live: Arc::clone(live),
            closing: closing.clone(),
        });
        let register = &shop.registers[number % shop.registers.len()];
        let memory = Memory {
            merchant: shop.merchant.id,
            store: register.store.id,
            sent: Vec::new(),
            surprises: Vec::new(),
            repeated: 0,
            reused: 0,
        };
        Self { register: register.id, shop, wires, random, memory }
    }

    /// Sells until the closing, then asks once more for some of what it was told.
    pub(super) async fn run(mut self) -> Memory {
        while self.wires[0].closing.borrow().is_none() {
            match self.random.below(100) {
                0..5 => self.unpaid().await,
                5..10 => self.adjust().await,
                10..17 => self.repeat().await,
                17..21 => self.reuse().await,
                _ => self.sell().await,
            }
            let pause = Duration::from_millis(self.random.below(CUSTOMER_MS) as u64);
            // Ended early by the closing, at which the loop looks next.
            drop(timeout(pause, self.wires[0].closing.changed()).await);
        }
        for _ in 0..REPEATS_AT_THE_END {
            self.repeat_until_shown().await;
        }
        self.memory
    }

    async fn sell(&mut self) {
        let (moves, total) = self.basket();
        let index = self.remember(What::Sale { total }, moves);
        let twice = self.random.below(10) == 0;
        self.send(index, twice).await;
    }

    async fn unpaid(&mut self) {
        let (moves, total) = self.basket();
        let index = self.remember(What::Unpaid { total }, moves);
        self.send(index, false).await;
    }

    async fn adjust(&mut self) {
        let (mut moves, _) = self.basket();
        for (_, delta) in &mut moves {
            *delta = -*delta;
        }
        let index = self.remember(What::Adjustment, moves);
        self.send(index, false).await;
    }

    /// Sends something of the past again.
    async fn repeat(&mut self) {
        if let Some(index) = self.pick(|sent| sent.acknowledged) {
            self.send(index, false).await;
        }
    }

    async fn repeat_until_shown(&mut self) {
        let Some(index) = self.pick(|sent| sent.acknowledged) else { return };
        let mut pause = PAUSE_FIRST;
        loop {
            let before = self.memory.repeated;
            self.submit(index, false, Some("wait=3")).await;
            let sent = &self.memory.sent[index];
            if self.memory.repeated > before || sent.shown.is_some() {
                return;
            }
            let key = sent.key;
            if self.wires[0].rest(&mut pause).await.is_none() {
                self.surprise(About::Repetition, format!("{key} was acknowledged, and has no outcome at the end"));
                return;
            }
        }
    }

    /// Uses the key of a decided sale for another one.
    async fn reuse(&mut self) {
        let decided = |sent: &Sent| sent.shown.is_some() && sent.what != What::Adjustment;
        let Some(index) = self.pick(decided) else { return };
        let mut other = self.memory.sent[index].clone();
        other.moves[0].1 -= Quantity::whole(1).thousandths();
        if let What::Sale { total } | What::Unpaid { total } = other.what {
            other.what = What::Sale { total: total + 1_000_000 };
        }
        let (path, post) = self.request(&other, Some("wait=3"));
        let mut pause = PAUSE_FIRST;
        loop {
            let Some(response) = self.wires[0].deliver(path, &post).await else { return };
            if response.status != 202 {
                self.memory.reused += 1;
                if problem(&response).as_deref() != Some("/problems/idempotency_key_reused") {
                    self.surprise(About::Reuse, told(&other, &response));
                }
                return;
            }
            if self.wires[0].rest(&mut pause).await.is_none() {
                return;
            }
        }
    }

    async fn send(&mut self, index: usize, twice: bool) {
        let prefer = PREFERENCES[self.random.below(PREFERENCES.len())];
        self.submit(index, twice, prefer).await;
    }

    async fn submit(&mut self, index: usize, twice: bool, prefer: Option<&'static str>) {
        let (path, post) = self.request(&self.memory.sent[index], prefer);
        let [first, second] = &mut self.wires;
        let answers = if twice {
            tokio::join!(first.deliver(path, &post), second.deliver(path, &post))
        } else {
            (first.deliver(path, &post).await, None)
        };
        for response in [answers.0, answers.1].into_iter().flatten() {
            self.learn(index, &response);
        }
    }

    /// Takes in an answer: what it says, and whether it may say so.
    fn learn(&mut self, index: usize, response: &Response) {
        let sent = &mut self.memory.sent[index];
        let shown = match (sent.what, response.status) {
            (_, 202) => None,
            (What::Sale { .. }, 201) => match serde_json::from_slice::<SaleAnswer>(&response.body) {
                Ok(sale) if sale.id == sent.key => Some(Some(sale.total)),
                _ => return self.surprise_by(index, About::Answer, response),
            },
            (What::Adjustment, 201) => Some(None),
            (What::Unpaid { .. }, 422) if problem(response).as_deref() == Some("/problems/payment_short") => Some(None),
            _ => return self.surprise_by(index, About::Answer, response),
        };
        if !sent.acknowledged && matches!(sent.what, What::Sale { .. }) {
            self.wires[0].live.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        sent.acknowledged = true;
        let Some(total) = shown else { return };
        let shown = Shown { status: response.status, total, digest: digest(&response.body) };
        match sent.shown {
            None => sent.shown = Some(shown),
            Some(first) => {
                self.memory.repeated += 1;
                if first != shown {
                    self.surprise_by(index, About::Repetition, response);
                }
            }
        }
    }

    fn surprise_by(&mut self, index: usize, about: About, response: &Response) {
        let text = told(&self.memory.sent[index], response);
        self.surprise(about, text);
    }

    fn surprise(&mut self, about: About, text: String) {
        self.memory.surprises.push(Surprise { about, text });
    }

    /// Writes a new command down before it is sent, as a till must; returns where.
    fn remember(&mut self, what: What, moves: Vec<(ProductId, i64)>) -> usize {
        let key = u128::from(self.random.draw()) << 64 | u128::from(self.random.draw());
        let key = Builder::from_random_bytes(key.to_be_bytes()).into_uuid();
        self.memory.sent.push(Sent { key, what, moves, acknowledged: false, shown: None });
        self.memory.sent.len() - 1
    }

    /// One of what was sent, if one that is drawn will do.
    fn pick(&mut self, will_do: impl Fn(&Sent) -> bool) -> Option<usize> {
        let sent = &self.memory.sent;
        let count = sent.len();
        (0..10).filter(|_| count > 0).map(|_| self.random.below(count)).find(|index| will_do(&sent[*index]))
    }

    /// What moves when a basket is sold, and what it costs: one to four lines of one to three units.
    fn basket(&mut self) -> (Vec<(ProductId, i64)>, i64) {
        let products = &self.shop.products;
        let mut total = 0;
        let moves = (0..=self.random.below(4)).map(|_| {
            let among = if self.random.below(2) == 0 { products.len() } else { HOT.min(products.len()) };
            let product = &products[self.random.below(among)];
            let (units, times) = [(1, 1), (2, 2), (3, 3)][self.random.below(3)];
            total += product.unit_price.get() * times;
            (product.id, -Quantity::whole(units).thousandths())
        });
        (moves.collect(), total)
    }

    fn request(&self, sent: &Sent, prefer: Option<&'static str>) -> (&'static str, Post) {
        let (path, body) = match sent.what {
            What::Sale { total } => ("/v1/sales", self.sale(sent, total + 500)),
            What::Unpaid { total } => ("/v1/sales", self.sale(sent, total / 2)),
            What::Adjustment => ("/v1/stock/adjustments", self.adjustment(sent)),
        };
        (path, Post { key: sent.key, prefer, body })
    }

    fn sale(&self, sent: &Sent, tendered: i64) -> Bytes {
        let line = |(product, delta): &(ProductId, i64)| NewLine {
            product: *product,
            quantity: quantity(-delta),
            original: None,
            unit_price: None,
            discount: None,
            charged: None,
        };
        let tendered = Amount::try_new(tendered).expect("a basket of the demo shop costs little");
        to_json(&NewSale {
            store: self.memory.store,
            register: self.register,
            ticket: None,
            salesperson: None,
            customer: None,
            training: false,
            offline: false,
            sold_at: None,
            currency: self.shop.merchant.currency,
            lines: sent.moves.iter().map(line).collect(),
            coupons: Vec::new(),
            discount: None,
            tip: Amount::ZERO,
            payments: vec![Payment::Cash { tendered }],
            note: None,
        })
    }

    fn adjustment(&self, sent: &Sent) -> Bytes {
        let line = |(product, delta): &(ProductId, i64)| Delta { product: *product, delta: quantity(*delta) };
        to_json(&NewAdjustment {
            store: self.memory.store,
            reason: Reason::Received,
            occurred_at: None,
            lines: sent.moves.iter().map(line).collect(),
            note: None,
        })
    }
}

impl Wire {
    /// Sends until there is an answer that says yes or no; `None` when it is time to give up.
    async fn deliver(&mut self, path: &str, post: &Post) -> Option<Response> {
        let mut pause = PAUSE_FIRST;
        loop {
            let answer = self.client.post(path, post.clone()).await;
            self.live.count(&answer);
            match answer {
                Ok(response) if response.status < 500 && response.status != 429 => return Some(response),
                _ => self.rest(&mut pause).await?,
            }
        }
    }

    /// Pauses before the next try; `None` when it is time to give up.
    async fn rest(&mut self, pause: &mut Duration) -> Option<()> {
        if self.closing.borrow().is_some_and(|give_up| Instant::now() >= give_up) {
            return None;
        }
        let half = *pause / 2;
        let jitter = usize::try_from(half.as_micros()).expect("pauses are short");
        sleep(half + Duration::from_micros(self.random.below(jitter) as u64)).await;
        *pause = (*pause * 2).min(PAUSE_LONGEST);
        Some(())
    }
}

fn quantity(thousandths: i64) -> Quantity {
    Quantity::from_thousandths(thousandths).expect("baskets are small")
}

fn to_json(body: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(body).expect("a command holds only strings, integers, lists and named fields").into()
}

fn problem(response: &Response) -> Option<String> {
    match serde_json::from_slice::<ProblemAnswer>(&response.body) {
        Ok(problem) => Some(problem.kind),
        Err(_) => None,
    }
}

fn digest(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

fn told(sent: &Sent, response: &Response) -> String {
    let first = sent.shown.map_or_else(String::new, |shown| format!(" (first answer {})", shown.status));
    let body = String::from_utf8_lossy(&response.body);
    format!("{} {}{first}: {} {body}", sent.what.name(), sent.key, response.status)
}
