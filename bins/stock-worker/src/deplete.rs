//! What is sold goes out of stock.

use tillstream_bus::subject::Class;
use tillstream_contract::{
    Envelope, Outcome, Stage,
    sale::Event as SaleEvent,
    stock::{Event, Moved},
};
use tillstream_domain::{identity::Need, stock::sold, time::Timestamp};
use tillstream_runtime::{Item, Worker};
use tillstream_store::{Error, PgConnection, stock::Entry};

/// Moves stock for recorded sales. A sale is a fact, so a level may go below zero.
#[derive(Debug)]
pub struct Depletion;

impl Worker for Depletion {
    const NAME: &'static str = "stock";
    const SOURCE: (Class, &'static str) = (Class::Event, "sale");
    // Nobody waits for stock.
    const ANSWERS: Option<Stage> = None;
    const STAGE: Option<&'static str> = Some("stocked");
    type Message = SaleEvent;
    type State = Vec<Entry>;

    fn need(_event: &SaleEvent) -> Option<Need> {
        None
    }

    async fn load(&self, _conn: &mut PgConnection, batch: &[&Item<SaleEvent>]) -> Result<Vec<Entry>, Error> {
        Ok(Vec::with_capacity(batch.len() * 4))
    }

    fn decide(&self, entries: &mut Vec<Entry>, item: &Item<SaleEvent>, now: Timestamp) -> Outcome {
        let Some(sale) = item.message.counting() else { return Outcome::Accepted(Vec::new()) };
        let movements = sold(sale.lines.iter().map(|line| (line.product, line.quantity)), sale.store.id, sale.sold_at);
        let event = Moved::of(&movements).map(Event::Moved);
        let merchant = item.envelope.merchant;
        entries.extend(movements.into_iter().map(|movement| Entry { merchant, source: sale.id.uuid(), movement }));
        Outcome::Accepted(event.iter().map(|event| Envelope::caused_by(&item.envelope, event, now)).collect())
    }

    async fn save(&self, conn: &mut PgConnection, entries: Vec<Entry>, now: Timestamp) -> Result<(), Error> {
        crate::save(conn, &entries, now).await
    }
}
