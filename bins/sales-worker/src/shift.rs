//! Shifts: what a batch needs of drawers, what becomes of them, and what is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tillstream_contract::{
    Envelope,
    sale::Event,
    shift::{DrawerUsed, NewDrawerEvent, NewShift, ShiftChanged, ShiftClose, ShiftCount, ShiftEnd},
};
use tillstream_domain::{
    Rejection,
    id::{MerchantId, RegisterId, ShiftId, StoreId},
    money::Amount,
    sale::{Books, Sale},
    shift::{Drawer, Target},
    tender,
    time::Timestamp,
};
use tillstream_store::{
    Error, PgConnection, catalog,
    shift::{self, Changes, DrawerKey},
};

/// What a batch needs to know.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    drawers: BTreeSet<DrawerKey>,
    shifts: BTreeSet<(MerchantId, ShiftId)>,
}

/// The drawers of a batch, and what it does to them.
#[derive(Debug, Default)]
pub(crate) struct State {
    drawers: BTreeMap<DrawerKey, Drawer>,
    closed: BTreeSet<(MerchantId, ShiftId)>,
    /// Those that have changed.
    touched: BTreeSet<DrawerKey>,
    changes: Changes,
}

impl Wanted {
    /// Adds the drawer of a register.
    pub(crate) fn at(
        &mut self,
        books: &mut catalog::Wanted,
        merchant: MerchantId,
        store: StoreId,
        register: RegisterId,
    ) {
        books.stores.insert((merchant, store));
        books.registers.insert((merchant, register));
        self.drawers.insert((merchant, register));
    }

    /// Adds what a command about a shift needs.
    pub(crate) fn about(&mut self, books: &mut catalog::Wanted, merchant: MerchantId, target: Target) {
        self.at(books, merchant, target.store, target.register);
        self.shifts.insert((merchant, target.shift));
    }

    /// Loads it. Of registers that do not exist there are no drawers.
    pub(crate) async fn load(
        mut self,
        conn: &mut PgConnection,
        books: &HashMap<MerchantId, Books>,
    ) -> Result<State, Error> {
        let exists = |(merchant, register): &DrawerKey| {
            books.get(merchant).is_some_and(|books| books.register(*register).is_some())
        };
        self.drawers.retain(exists);
        let drawers = shift::lock(conn, &self.drawers).await?;
        // After the lock: what another worker has closed is seen.
        let closed = shift::closed(conn, &self.shifts).await?;
        Ok(State { drawers, closed, ..State::default() })
    }
}

impl State {
    /// Counts a sale where it belongs.
    pub(crate) fn take(&mut self, sale: &mut Sale) {
        let key = (sale.seller.merchant, sale.seller.register);
        if let Some(drawer) = self.drawers.get_mut(&key) {
            drawer.take(sale);
            self.touched.insert(key);
        }
    }

    /// Counts what a customer pays of what they owe; returns the shift.
    pub(crate) fn receive(
        &mut self,
        key: DrawerKey,
        (tender, amount): (tender::Kind, Amount),
        at: Timestamp,
    ) -> Option<ShiftId> {
        self.touched.insert(key);
        self.drawers.get_mut(&key)?.receive(tender, amount, at)
    }

    /// The shift in which counts what happens at a register at a time.
    pub(crate) fn shift_at(&self, merchant: MerchantId, register: RegisterId, at: Timestamp) -> Option<ShiftId> {
        self.drawers.get(&(merchant, register))?.shift_at(at)
    }

    /// Opens a shift.
    pub(crate) fn open(&mut self, books: &Books, envelope: &Envelope, new: &NewShift) -> Result<Event, Rejection> {
        let key = (envelope.merchant, new.register);
        let drawer = self.drawers.get_mut(&key).ok_or(Rejection::UnknownRegister(new.register))?;
        let shift = drawer.open(books, new.opening(envelope))?;
        self.touched.insert(key);
        Ok(Event::ShiftOpened(ShiftChanged { shift }))
    }

    /// Enters what a drawer was opened for.
    pub(crate) fn enter(
        &mut self,
        envelope: &Envelope,
        new: &NewDrawerEvent,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        self.change(envelope.merchant, new.target(), |drawer, target| drawer.enter(target, new.entry()))?;
        let event = new.recorded(envelope, now);
        self.changes.events.push((envelope.merchant, event.clone()));
        Ok(Event::DrawerUsed(DrawerUsed { event }))
    }

    /// Ends a shift.
    pub(crate) fn end(&mut self, envelope: &Envelope, end: &ShiftEnd) -> Result<Event, Rejection> {
        let mark = end.mark(envelope);
        let shift = self.change(envelope.merchant, end.target(), |drawer, target| drawer.end(target, mark))?;
        Ok(Event::ShiftEnded(ShiftChanged { shift }))
    }

    /// Takes down what was found.
    pub(crate) fn count(&mut self, envelope: &Envelope, count: &ShiftCount) -> Result<Event, Rejection> {
        let counting = count.counting(envelope);
        let shift = self.change(envelope.merchant, count.target(), |drawer, target| drawer.count(target, counting))?;
        Ok(Event::ShiftCounted(ShiftChanged { shift }))
    }

    /// Closes a shift.
    pub(crate) fn close(&mut self, envelope: &Envelope, close: &ShiftClose) -> Result<Event, Rejection> {
        let closing = close.closing(envelope);
        let shift = self.change(envelope.merchant, close.target(), |drawer, target| drawer.close(target, closing))?;
        self.closed.insert((envelope.merchant, close.shift));
        self.changes.closed.push((envelope.merchant, shift.clone()));
        Ok(Event::ShiftClosed(ShiftChanged { shift }))
    }

    /// Stores what the batch leaves behind.
    pub(crate) async fn save(mut self, conn: &mut PgConnection, now: Timestamp) -> Result<(), Error> {
        self.drawers.retain(|key, _| self.touched.contains(key));
        self.changes.drawers = self.drawers;
        shift::save(conn, &self.changes, now).await
    }

    fn change<T>(
        &mut self,
        merchant: MerchantId,
        target: Target,
        act: impl FnOnce(&mut Drawer, Target) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let key = (merchant, target.register);
        let drawer = self.drawers.get_mut(&key).ok_or(Rejection::UnknownRegister(target.register))?;
        let closed = self.closed.contains(&(merchant, target.shift));
        let changed = act(drawer, target).map_err(|rejection| match rejection {
            Rejection::UnknownShift(shift) if closed => Rejection::ShiftClosed(shift),
            other => other,
        })?;
        self.touched.insert(key);
        Ok(changed)
    }
}
