//! Stock adjusted by hand.

use std::collections::HashMap;

use tillstream_bus::subject::Class;
use tillstream_contract::{
    Command as _, Envelope, Outcome, Refusal, Stage,
    stock::{Command, Event, Moved},
};
use tillstream_domain::{id::MerchantId, identity::Need, sale::Books, stock::adjust, time::Timestamp};
use tillstream_runtime::{Item, Worker};
use tillstream_store::{Error, PgConnection, catalog, stock::Entry};

/// Decides on adjustments.
#[derive(Debug)]
pub struct Adjustments;

/// Whose books a batch needs, and the movements that it brings about.
#[derive(Debug)]
pub struct State {
    books: HashMap<MerchantId, Books>,
    entries: Vec<Entry>,
}

impl Worker for Adjustments {
    const NAME: &'static str = "stock";
    const SOURCE: (Class, &'static str) = (Class::Command, "stock");
    const ANSWERS: Option<Stage> = Some(Stage::Recorded);
    const STAGE: Option<&'static str> = None;
    type Message = Command;
    type State = State;

    fn need(command: &Command) -> Option<Need> {
        Some(command.need())
    }

    async fn load(&self, conn: &mut PgConnection, batch: &[&Item<Command>]) -> Result<State, Error> {
        let mut wanted = catalog::Wanted::default();
        for item in batch {
            let Command::Adjust(adjustment) = &item.message;
            let merchant = item.envelope.merchant;
            wanted.merchants.insert(merchant);
            wanted.stores.insert((merchant, adjustment.store));
            wanted.products.extend(adjustment.lines.iter().map(|line| (merchant, line.product)));
        }
        Ok(State { books: catalog::books(conn, &wanted).await?, entries: Vec::new() })
    }

    fn decide(&self, state: &mut State, item: &Item<Command>, now: Timestamp) -> Outcome {
        let Command::Adjust(adjustment) = &item.message;
        let merchant = item.envelope.merchant;
        let Some(books) = state.books.get(&merchant) else {
            return Outcome::Rejected(Refusal::unknown_merchant(merchant));
        };
        let movements = match adjust(books, &adjustment.adjustment(&item.envelope)) {
            Ok(movements) => movements,
            Err(rejection) => return Outcome::Rejected(rejection.into()),
        };
        let event = Moved::of(&movements).map(Event::Moved);
        let source = item.envelope.id;
        state.entries.extend(movements.into_iter().map(|movement| Entry { merchant, source, movement }));
        Outcome::Accepted(event.iter().map(|event| Envelope::caused_by(&item.envelope, event, now)).collect())
    }

    async fn save(&self, conn: &mut PgConnection, state: State, now: Timestamp) -> Result<(), Error> {
        crate::save(conn, &state.entries, now).await
    }
}
