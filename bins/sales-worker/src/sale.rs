//! Sales, returns, exchanges and voids.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tillstream_contract::{
    Envelope,
    sale::{Event, NewSale, NewVoid, Recorded, Sale},
};
use tillstream_domain::{
    Rejection,
    id::{MerchantId, SaleId},
    loyalty::{Collected, Rule},
    money::Amount,
    sale::{self as domain, Books, Flag, Original, Past, Pasts},
    time::Timestamp,
};
use tillstream_store::{
    Error, PgConnection, catalog,
    report::{self, Totals},
    reversal,
    sale::{self as stored, TicketKey},
};

use crate::{
    account::{self, Sold},
    card_payment, customer,
    price::Walls,
    shift,
};

/// What a batch of documents needs to know.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Sales of which something comes back, or goes onto gift cards.
    originals: BTreeSet<(MerchantId, SaleId)>,
    tickets: BTreeSet<TicketKey>,
}

/// What is known, and what follows.
#[derive(Debug)]
pub(crate) struct State {
    wanted: BTreeSet<(MerchantId, SaleId)>,
    /// What the clocks of stores showed, where prices may depend on it.
    pub(crate) at: Walls,
    pasts: HashMap<MerchantId, Pasts>,
    /// Numbers that are taken.
    tickets: HashSet<TicketKey>,
    /// Numbers that the batch asks about.
    asked: BTreeSet<TicketKey>,
    completed: Vec<Sale>,
    totals: Totals,
    reversed: BTreeSet<(MerchantId, SaleId)>,
}

/// What a sale touches besides itself.
pub(crate) struct Parts<'a> {
    pub(crate) shifts: &'a mut shift::State,
    pub(crate) accounts: &'a mut account::State,
    pub(crate) cards: &'a mut card_payment::State,
    pub(crate) customers: &'a mut customer::State,
    /// What customers collect points by.
    pub(crate) rule: Option<&'a Rule>,
}

impl Wanted {
    pub(crate) fn submit(&mut self, books: &mut catalog::Wanted, merchant: MerchantId, new: &NewSale) {
        books.registers.insert((merchant, new.register));
        books.stores.insert((merchant, new.store));
        books.products.extend(new.lines.iter().map(|line| (merchant, line.product)));
        self.originals.extend(new.lines.iter().filter_map(|line| Some((merchant, line.original?.sale))));
        self.tickets.extend(new.ticket.map(|ticket| (merchant, new.register, ticket)));
    }

    pub(crate) fn void(&mut self, merchant: MerchantId, new: &NewVoid) {
        self.originals.insert((merchant, new.sale));
        self.tickets.extend(new.ticket.map(|ticket| (merchant, new.register, ticket)));
    }

    /// Adds the sale that paid for what goes onto an account.
    pub(crate) fn paid_for(&mut self, merchant: MerchantId, sold: Option<Original>) {
        self.originals.extend(sold.map(|line| (merchant, line.sale)));
    }

    pub(crate) async fn load(self, conn: &mut PgConnection) -> Result<State, Error> {
        let pasts = reversal::lock(conn, &self.originals).await?;
        Ok(State {
            wanted: self.originals,
            at: Walls::new(),
            pasts,
            tickets: HashSet::new(),
            asked: self.tickets,
            completed: Vec::new(),
            totals: Totals::default(),
            reversed: BTreeSet::new(),
        })
    }
}

impl State {
    /// The sales of which something comes back, by merchant.
    pub(crate) const fn pasts(&self) -> &HashMap<MerchantId, Pasts> {
        &self.pasts
    }

    /// Looks which numbers are taken: under the locks of their registers, so that of two tills that give the same one at once
    /// the second is found.
    pub(crate) async fn look_up_tickets(&mut self, conn: &mut PgConnection) -> Result<(), Error> {
        self.tickets = stored::tickets(conn, &self.asked).await?;
        Ok(())
    }

    pub(crate) fn submit(
        &mut self,
        books: &Books,
        Parts { shifts, accounts, cards, customers, rule }: Parts<'_>,
        envelope: &Envelope,
        new: &NewSale,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let merchant = envelope.merchant;
        let mut submission = new.submission(envelope);
        submission.asked.at = self.at.get(&(merchant, new.store, submission.sold_at)).copied();
        let pasts = self.pasts.entry(merchant).or_default();
        let mut flags = customers.attend(merchant, &mut submission, pasts)?;
        // It changes nothing yet: the sale may still be refused.
        let mut moves = accounts.pay(merchant, &submission, now)?;
        let mut matches = cards.pay(merchant, &submission)?;
        let collected = Collected::of(&submission, pasts);
        let mut sale = domain::submit(books, &submission, pasts, now)?;
        let points = collected.settle(&mut sale, rule, customers.of(merchant), pasts);
        accounts.collect(merchant, (&mut moves, sale.id), &points, now);
        sale.flags.append(&mut flags);
        sale.flags.append(&mut moves.flags);
        sale.flags.append(&mut matches.flags);
        accounts.apply(merchant, moves);
        cards.apply(merchant, matches, now);
        Ok(self.complete(shifts, sale))
    }

    pub(crate) fn void(
        &mut self,
        (shifts, accounts, cards): (&mut shift::State, &mut account::State, &mut card_payment::State),
        envelope: &Envelope,
        new: &NewVoid,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        let merchant = envelope.merchant;
        let pasts = self.pasts.entry(merchant).or_default();
        let voiding = new.voiding(envelope);
        let shift = shifts.shift_at(merchant, new.register, voiding.at);
        let mut past = pasts.get(&new.sale).cloned();
        let sale = domain::void(past.as_mut(), &voiding, shift, now)?;
        let moves = accounts.undo(merchant, (new.sale, sale.id), now)?;
        // Nothing stands in its way any more.
        accounts.apply(merchant, moves);
        cards.release(merchant, new.sale, now);
        pasts.extend(past.map(|past| (new.sale, past)));
        Ok(self.complete(shifts, sale))
    }

    /// Notes that a part of what a line of a sale brought in goes onto an account.
    pub(crate) fn fund(&mut self, merchant: MerchantId, (store, line): Sold, amount: Amount) -> Result<(), Rejection> {
        let past = self.pasts.get_mut(&merchant).and_then(|pasts| pasts.get_mut(&line.sale));
        let past = past.filter(|past| past.sale.seller.store == store).ok_or(Rejection::UnknownSale(line.sale))?;
        past.fund(line.line, amount)?;
        self.reversed.insert((merchant, line.sale));
        Ok(())
    }

    fn complete(&mut self, shifts: &mut shift::State, mut sale: domain::Sale) -> Event {
        let merchant = sale.seller.merchant;
        if let Some(ticket) = sale.ticket
            && !self.tickets.insert((merchant, sale.seller.register, ticket))
        {
            sale.flags.push(Flag::TicketRepeated);
        }
        shifts.take(&mut sale);
        sale.flags.sort_unstable();
        sale.flags.dedup();
        self.reversed.extend(sale.reverses().map(|original| (merchant, original)));
        let pasts = self.pasts.entry(merchant).or_default();
        if let Some(exchange) = pasts.get_mut(&sale.id) {
            exchange.sale = sale.clone();
            self.reversed.insert((merchant, sale.id));
        } else if self.wanted.contains(&(merchant, sale.id)) {
            // Something of it may come back later in the same batch.
            pasts.insert(sale.id, Past::new(sale.clone()));
        }
        self.totals.add(&sale);
        let sale = Sale::from(sale);
        self.completed.push(sale.clone());
        Event::Recorded(Recorded { sale })
    }

    pub(crate) async fn save(self, conn: &mut PgConnection) -> Result<(), Error> {
        stored::save(conn, &self.completed).await?;
        report::add(conn, &self.totals).await?;
        let reversals: BTreeMap<_, _> = self
            .reversed
            .into_iter()
            .filter_map(|(merchant, sale)| {
                let past = self.pasts.get(&merchant)?.get(&sale)?;
                Some(((merchant, sale), past.reversal.clone()))
            })
            .collect();
        reversal::save(conn, &reversals).await
    }
}
