//! The sales worker: records sales.

use std::collections::HashMap;

use serde::Deserialize;
use tillstream_bus::{Bus, subject::Class, trim::Keep};
use tillstream_contract::{Command as _, Envelope, Outcome, Refusal, Stage, sale::Command};
use tillstream_domain::{
    id::{AccountId, MerchantId, StoreId},
    identity::Need,
    sale::Books,
    time::Timestamp,
};
use tillstream_runtime::{
    Item, Process, Settings, Worker,
    health::describe,
    metrics::level,
    sample::{EVERY, every},
    settings::{DatabaseSettings, ProcessSettings, TracingSettings},
    worker::{Station, WorkerSettings},
};
use tillstream_store::{Error, PgConnection, catalog};
use tracing::warn;

/// Settings of this worker; see `settings.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    process: ProcessSettings,
    bus: tillstream_bus::Settings,
    database: DatabaseSettings,
    worker: WorkerSettings,
    trim: TrimSettings,
    terminal: TerminalSettings,
    tracing: TracingSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrimSettings {
    every_ms: u64,
    commands: Keep,
    events: Keep,
}

impl Settings for Config {
    const SAMPLE: &'static str = include_str!("../settings.toml");

    fn process(&self) -> &ProcessSettings {
        &self.process
    }

    fn tracing(&self) -> TracingSettings {
        self.tracing.clone()
    }
}

/// Works until the process stops.
///
/// # Errors
/// When the settings are unusable.
pub async fn run(process: Process, config: Config) -> anyhow::Result<()> {
    let (bus, pool) = process.connect(&config.bus, &config.database).await?;
    let trimming = trim::every(process.clone(), bus.clone(), config.trim);
    let sweeping = basket::sweep(process.clone(), pool.clone());
    let adding_up = report::settle(process.clone(), pool.clone());
    let counting = count_dead_letters(process.clone(), bus.clone());
    let provider = config.terminal.provider()?;
    let sales = if provider.is_some() { Sales::with_terminals() } else { Sales::default() };
    let asking = provider
        .map(|provider| Driver::new(provider, process.clone(), bus.clone(), pool.clone(), config.terminal).run());
    let asking = async {
        if let Some(asking) = asking {
            asking.await;
        }
    };
    let customers = Station::new(Customers, process.clone(), bus.clone(), pool.clone(), config.worker.clone());
    let station = Station::new(sales, process, bus, pool, config.worker);
    tokio::join!(station.run(), customers.run(), trimming, sweeping, adding_up, counting, asking);
    Ok(())
}

/// Shows how many dead letters there are, of all workers. It is done here because one place is enough.
async fn count_dead_letters(process: Process, bus: Bus) {
    let letters =
        process.metrics.gauge("tillstream_dead_letters", "Messages set aside until somebody decides about them", &[]);
    every(&process.stop, EVERY, || async {
        match bus.count_dead_letters().await {
            Ok(count) => letters.with_label_values::<&str>(&[]).set(level(count)),
            Err(error) => warn!(error = describe(&error), "dead letters cannot be counted; trying again later"),
        }
    })
    .await;
}

mod account;
mod basket;
mod card_payment;
mod customer;
mod customers;
mod heard;
mod loyalty;
mod price;
mod report;
mod sale;
mod shift;
mod terminal;
mod trim;

pub use customers::Customers;
pub use terminal::{Driver, TerminalSettings};

/// Decides on what happens at the counter.
#[derive(Debug, Default)]
pub struct Sales {
    prices: price::Cache,
    /// Whether there are card terminals.
    terminals: bool,
}

impl Sales {
    /// Also starts card payments, which a [`Driver`] then asks about.
    #[must_use]
    pub fn with_terminals() -> Self {
        Self { terminals: true, ..Self::default() }
    }
}

/// What a batch needs to know, and what its decisions change.
#[derive(Debug)]
pub struct State {
    books: HashMap<MerchantId, Books>,
    sales: sale::State,
    shifts: shift::State,
    prices: price::State,
    accounts: account::State,
    baskets: basket::State,
    cards: card_payment::State,
    customers: customer::State,
    loyalty: loyalty::State,
}

/// What a batch wants loaded.
#[derive(Debug, Default)]
struct Wanted {
    books: catalog::Wanted,
    sales: sale::Wanted,
    shifts: shift::Wanted,
    prices: price::Wanted,
    accounts: account::Wanted,
    customers: customer::Wanted,
    baskets: basket::Wanted,
    cards: card_payment::Wanted,
    /// Where and when things are sold.
    moments: Vec<(MerchantId, StoreId, Timestamp)>,
}

impl Wanted {
    fn add(&mut self, item: &Item<Command>) {
        let Self { books, sales, shifts, prices, accounts, customers, baskets, cards, moments } = self;
        let merchant = item.envelope.merchant;
        books.merchants.insert(merchant);
        match &item.message {
            Command::Submit(new) => {
                sales.submit(books, merchant, new);
                moments.push((merchant, new.store, new.sold_at.unwrap_or(item.envelope.at)));
                shifts.at(books, merchant, new.store, new.register);
                accounts.submit(merchant, new);
                cards.submit(merchant, new);
                customers.submit(merchant, new);
            }
            Command::Void(new) => {
                sales.void(merchant, new);
                shifts.at(books, merchant, new.store, new.register);
                accounts.void(merchant, new);
                cards.void(merchant, new);
            }
            Command::PutPromotion(_)
            | Command::EndPromotion(_)
            | Command::PutPriceList(_)
            | Command::EndPriceList(_) => {
                prices.change(merchant);
            }
            Command::SetPrices(new) => {
                prices.change(merchant);
                books.products.extend(new.prices.iter().map(|price| (merchant, price.product)));
            }
            Command::OpenShift(new) => shifts.at(books, merchant, new.store, new.register),
            Command::UseDrawer(new) => shifts.about(books, merchant, new.target()),
            Command::EndShift(end) => shifts.about(books, merchant, end.target()),
            Command::CountShift(count) => shifts.about(books, merchant, count.target()),
            Command::CloseShift(close) => shifts.about(books, merchant, close.target()),
            Command::IssueGiftCard(new) => {
                sales.paid_for(merchant, new.sold);
                accounts.gift_card(books, &item.envelope, new);
            }
            Command::IssueStoreCredit(new) => {
                accounts.put_on(books, merchant, new.store, AccountId::new(item.envelope.id));
            }
            Command::ReloadAccount(new) => {
                sales.paid_for(merchant, new.sold);
                accounts.put_on(books, merchant, new.store, new.account);
            }
            Command::TransferBalance(new) => {
                accounts.put_on(books, merchant, new.store, new.from);
                accounts.put_on(books, merchant, new.store, new.to);
            }
            Command::PutHouseAccount(new) => {
                books.stores.insert((merchant, new.store));
                customers.one(merchant, new.customer);
            }
            Command::PayAccount(new) => {
                shifts.at(books, merchant, new.store, new.register);
                new.payment.into_iter().for_each(|payment| cards.one(merchant, payment));
                customers.one(merchant, new.customer);
            }
            Command::RedeemPoints(new) => {
                books.stores.insert((merchant, new.store));
                customers.one(merchant, new.customer);
            }
            Command::PutLoyaltyRule(_) | Command::EndLoyaltyRule(_) => customers.rule(merchant),
            Command::ParkBasket(new) => baskets.park(books, merchant, new),
            Command::TakeBasket(target) | Command::DropBasket(target) => baskets.end(books, merchant, target),
            Command::StartCardPayment(new) => cards.start(books, &item.envelope, new),
            Command::CancelCardPayment(cancel) => cards.one(merchant, cancel.payment),
            Command::SettleCardPayment(answer) => cards.one(merchant, answer.payment),
        }
    }
}

impl Worker for Sales {
    const NAME: &'static str = "sales";
    const SOURCE: (Class, &'static str) = (Class::Command, "sale");
    const ANSWERS: Option<Stage> = Some(Stage::Recorded);
    const STAGE: Option<&'static str> = Some("recorded");
    type Message = Command;
    type State = State;

    fn need(command: &Command) -> Option<Need> {
        Some(command.need())
    }

    async fn load(&self, conn: &mut PgConnection, batch: &[&Item<Command>]) -> Result<State, Error> {
        let mut wanted = Wanted::default();
        for item in batch {
            wanted.add(item);
        }
        let Wanted { books, sales, shifts, prices, mut accounts, customers, baskets, cards, mut moments } = wanted;
        let wanted = books;
        let mut books = catalog::books(conn, &wanted).await?;
        self.prices.complete(conn, &mut books, &wanted.products).await?;
        moments.retain(|(merchant, ..)| books.get(merchant).is_some_and(|books| books.prices().is_some()));
        let mut sales = sales.load(conn).await?;
        let customers = customers.load(conn, sales.pasts()).await?;
        let loyalty = loyalty::State::load(conn, &customers.merchants).await?;
        accounts.own(customers.everybody());
        let accounts = accounts.load(conn).await?;
        let cards = cards.load(conn).await?;
        let shifts = shifts.load(conn, &books).await?;
        sales.look_up_tickets(conn).await?;
        sales.at = price::walls(conn, moments).await?;
        let prices = prices.load(conn).await?;
        let baskets = baskets.load(conn).await?;
        Ok(State { books, sales, shifts, prices, accounts, baskets, cards, customers, loyalty })
    }

    fn decide(&self, state: &mut State, item: &Item<Command>, now: Timestamp) -> Outcome {
        let envelope = &item.envelope;
        let Some(books) = state.books.get(&envelope.merchant) else {
            return Outcome::Rejected(Refusal::unknown_merchant(envelope.merchant));
        };
        let event = match &item.message {
            Command::Submit(new) => {
                let parts = sale::Parts {
                    shifts: &mut state.shifts,
                    accounts: &mut state.accounts,
                    cards: &mut state.cards,
                    customers: &mut state.customers,
                    rule: state.loyalty.rule(envelope.merchant),
                };
                state.sales.submit(books, parts, envelope, new, now)
            }
            Command::Void(new) => {
                state.sales.void((&mut state.shifts, &mut state.accounts, &mut state.cards), envelope, new, now)
            }
            Command::PutPromotion(put) => state.prices.put_promotion(envelope.merchant, put),
            Command::EndPromotion(end) => state.prices.end_promotion(envelope.merchant, end),
            Command::PutPriceList(put) => state.prices.put_list(envelope.merchant, put),
            Command::EndPriceList(end) => state.prices.end_list(envelope.merchant, end),
            Command::SetPrices(new) => state.prices.set_prices(books, new),
            Command::OpenShift(new) => state.shifts.open(books, envelope, new),
            Command::UseDrawer(new) => state.shifts.enter(envelope, new, now),
            Command::EndShift(end) => state.shifts.end(envelope, end),
            Command::CountShift(count) => state.shifts.count(envelope, count),
            Command::CloseShift(close) => state.shifts.close(envelope, close),
            Command::IssueGiftCard(new) => state.accounts.issue_gift_card(books, &mut state.sales, envelope, new, now),
            Command::IssueStoreCredit(new) => state.accounts.issue_store_credit(books, envelope, new, now),
            Command::ReloadAccount(new) => state.accounts.reload(books, &mut state.sales, envelope, new, now),
            Command::TransferBalance(new) => state.accounts.transfer(books, envelope, new, now),
            Command::ParkBasket(new) => state.baskets.park(books, envelope, new, now),
            Command::TakeBasket(target) => state.baskets.take(books, envelope, target, now),
            Command::DropBasket(target) => state.baskets.drop(books, envelope, target, now),
            Command::StartCardPayment(new) => state.cards.start(books, envelope, (new, self.terminals), now),
            Command::CancelCardPayment(cancel) => state.cards.cancel(envelope, cancel, now),
            Command::SettleCardPayment(answer) => state.cards.settle(envelope, answer, now),
            Command::PutHouseAccount(new) => state.accounts.put_house(books, &mut state.customers, envelope, new, now),
            Command::PayAccount(new) => {
                let parts = (&mut state.customers, &mut state.shifts, &mut state.cards);
                state.accounts.pay_off(books, parts, envelope, new, now)
            }
            Command::RedeemPoints(new) => {
                let rule = state.loyalty.rule(envelope.merchant);
                state.accounts.redeem(books, (&mut state.customers, rule), envelope, new, now)
            }
            Command::PutLoyaltyRule(put) => state.loyalty.put(envelope.merchant, put),
            Command::EndLoyaltyRule(end) => state.loyalty.end(envelope.merchant, *end),
        };
        match event {
            Ok(event) => Outcome::Accepted(vec![Envelope::caused_by(envelope, &event, now)]),
            Err(rejection) => Outcome::Rejected(rejection.into()),
        }
    }

    async fn save(&self, conn: &mut PgConnection, state: State, now: Timestamp) -> Result<(), Error> {
        state.sales.save(conn).await?;
        state.prices.save(conn).await?;
        state.accounts.save(conn).await?;
        state.baskets.save(conn).await?;
        state.cards.save(conn).await?;
        state.loyalty.save(conn).await?;
        state.shifts.save(conn, now).await
    }
}
