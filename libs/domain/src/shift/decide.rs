//! What becomes of a drawer.

use super::{
    Cash, CashRejection, Count, Counted, Drawer, Grand, Mark, Movements, Report, Shift, Spot, State, Tickets, Totals,
    Use,
};
use crate::{
    Rejection,
    id::{RegisterId, ShiftId, StoreId},
    money::Amount,
    sale::{Books, Flag, Kind, Sale, Ticket},
    tender,
    time::Timestamp,
};

/// A shift to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The id of the command.
    pub id: ShiftId,
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// Who opens it, and when.
    pub mark: Mark,
    /// What is in the drawer.
    pub float: Cash,
    /// Whether whoever counts shall not be told what is expected.
    pub blind: bool,
}

/// Which shift a command is about. One of another register counts as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The store.
    pub store: StoreId,
    /// The register.
    pub register: RegisterId,
    /// The shift.
    pub shift: ShiftId,
}

/// Something that the drawer is opened for besides sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What for.
    pub what: Use,
    /// What moves: above zero, and nothing if nothing is sold.
    pub amount: Amount,
}

/// What was found when the drawer was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counting {
    /// Who counted, and when.
    pub mark: Mark,
    /// What there is of each tender.
    pub tenders: Vec<Counted>,
}

/// A shift to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Who closes it, and when.
    pub mark: Mark,
    /// How many documents the till made in it, if it says so.
    pub documents: Option<u64>,
    /// The last ticket that the till made in it, if it says so.
    pub last_ticket: Option<Ticket>,
    /// To close it even if some of these are not here yet.
    pub force: bool,
}

impl Drawer {
    /// Opens a shift. What was sold in no shift is in it, as late.
    ///
    /// # Errors
    /// An unknown store or register; [`Rejection::ShiftOpen`] if there is a shift that is not closed; what
    /// [`Cash::total`] refuses.
    pub fn open(&mut self, books: &Books, opening: Opening) -> Result<Report, Rejection> {
        let Opening { id, store, register, mark, float, blind } = opening;
        let spot = spot(books, store, register)?;
        if let Some(open) = &self.shift {
            return Err(Rejection::ShiftOpen(open.id));
        }
        float.total()?;
        let shift = Shift {
            id,
            spot,
            currency: books.merchant().currency,
            blind,
            opened: mark,
            ended: None,
            float,
            drawer: Movements::default(),
            counted: None,
            totals: Totals::default(),
            late: std::mem::take(&mut self.waiting),
            tickets: Tickets::default(),
        };
        Ok(self.shift.insert(shift).report())
    }

    /// Enters what the drawer was opened for, until the shift is closed.
    ///
    /// # Errors
    /// [`Rejection::UnknownShift`]; [`CashRejection::DrawerAmount`] for an amount that does not go with it.
    pub fn enter(&mut self, target: Target, entry: Entry) -> Result<(), Rejection> {
        let drawer = &mut self.current(target)?.drawer;
        let Entry { what, amount } = entry;
        if amount.is_negative() || amount.is_zero() != (what == Use::NoSale) {
            return Err(CashRejection::DrawerAmount.into());
        }
        match what {
            Use::CashIn => drawer.cash_in += amount,
            Use::CashOut => drawer.cash_out += amount,
            Use::Drop => drawer.drops += amount,
            Use::NoSale => drawer.no_sales += 1,
        }
        Ok(())
    }

    /// Ends the shift: what is sold from then on counts in the next. It does not end before it began, whatever the clock
    /// says.
    ///
    /// # Errors
    /// [`Rejection::UnknownShift`]; [`Rejection::ShiftEnded`] if it has ended.
    pub fn end(&mut self, target: Target, mark: Mark) -> Result<Report, Rejection> {
        let shift = self.current(target)?;
        if shift.ended.is_some() {
            return Err(Rejection::ShiftEnded(shift.id));
        }
        shift.ended = Some(Mark { at: mark.at.max(shift.opened.at), ..mark });
        Ok(shift.report())
    }

    /// Takes down what was found. Counting again replaces it, unless the shift is blind: then expectations are known.
    ///
    /// # Errors
    /// [`Rejection::UnknownShift`]; [`Rejection::ShiftNotEnded`]; [`Rejection::ShiftCounted`] for a second blind count;
    /// [`CashRejection::TenderRepeated`]; what [`Cash::total`] refuses.
    pub fn count(&mut self, target: Target, counting: Counting) -> Result<Report, Rejection> {
        let shift = self.current(target)?;
        if shift.ended.is_none() {
            return Err(Rejection::ShiftNotEnded(shift.id));
        }
        if shift.blind && shift.counted.is_some() {
            return Err(Rejection::ShiftCounted(shift.id));
        }
        let Counting { mark, tenders } = counting;
        for (at, counted) in tenders.iter().enumerate() {
            counted.amount.total()?;
            if tenders[..at].iter().any(|other| other.tender == counted.tender) {
                return Err(CashRejection::TenderRepeated(counted.tender).into());
            }
        }
        shift.counted = Some(Count { mark, tenders });
        Ok(shift.report())
    }

    /// Closes the shift, and gives its Z report. What was not counted has no difference.
    ///
    /// # Errors
    /// [`Rejection::UnknownShift`]; [`Rejection::ShiftNotEnded`]; [`Rejection::SalesUnderWay`] if the till has made more than
    /// is here, unless it is forced.
    pub fn close(&mut self, target: Target, closing: Closing) -> Result<Report, Rejection> {
        let shift = self.current(target)?;
        if shift.ended.is_none() {
            return Err(Rejection::ShiftNotEnded(shift.id));
        }
        let under_way = under_way(shift, closing);
        let forced = under_way.is_some();
        if let Some(rejection) = under_way.filter(|_| !closing.force) {
            return Err(rejection);
        }
        // Nothing is hidden of what is closed.
        let (totals, late, tenders) = (shift.totals.clone(), shift.late.clone(), shift.reckon());
        let report = shift.report();
        self.shift = None;
        self.grand = self.grand.with(&totals).with(&late);
        self.number += 1;
        Ok(Report {
            state: State::Closed,
            number: Some(self.number),
            closed: Some(closing.mark),
            forced,
            totals: Some(totals),
            late: Some(late),
            tenders,
            grand: Some(self.grand),
            ..report
        })
    }

    /// What all documents of the register come to that were ever counted: in Z reports, in the shift at hand, or waiting.
    #[must_use]
    pub fn all(&self) -> Grand {
        let grand = self.grand.with(&self.waiting);
        self.shift.as_ref().map_or(grand, |shift| grand.with(&shift.totals).with(&shift.late))
    }

    /// The shift in which counts what happens at a time: the one at hand, unless it has ended before.
    #[must_use]
    pub fn shift_at(&self, at: Timestamp) -> Option<ShiftId> {
        let shift = self.shift.as_ref()?;
        shift.ended.is_none_or(|ended| at <= ended.at).then_some(shift.id)
    }

    /// Counts a document where it belongs: in the shift at hand if it was sold in it; as late in it if it was sold before;
    /// as late in the next one if it was sold after the end, or if there is none. Practice counts nowhere, but its ticket
    /// is not missing.
    pub fn take(&mut self, sale: &mut Sale) {
        let practice = sale.kind == Kind::Training;
        let counts = self.shift_at(sale.sold_at);
        sale.shift = counts.filter(|_| !practice);
        let flag = match &mut self.shift {
            Some(shift) if counts.is_some() && sale.sold_at >= shift.opened.at => {
                if let Some(ticket) = sale.ticket {
                    shift.tickets.add(ticket);
                }
                shift.totals.add(sale);
                return;
            }
            Some(shift) if counts.is_some() => {
                shift.late.add(sale);
                Flag::Late
            }
            after_or_without => {
                self.waiting.add(sale);
                if after_or_without.is_some() { Flag::Late } else { Flag::NoShift }
            }
        };
        if !practice {
            sale.flags.push(flag);
            sale.flags.sort_unstable();
            sale.flags.dedup();
        }
    }

    /// Counts what a customer pays of what they owe, as [`Drawer::take`] counts documents; returns the shift.
    pub fn receive(&mut self, tender: tender::Kind, amount: Amount, at: Timestamp) -> Option<ShiftId> {
        let counts = self.shift_at(at);
        match &mut self.shift {
            Some(shift) if counts.is_some() && at >= shift.opened.at => shift.totals.receive(tender, amount),
            Some(shift) if counts.is_some() => shift.late.receive(tender, amount),
            _ => self.waiting.receive(tender, amount),
        }
        counts
    }

    fn current(&mut self, target: Target) -> Result<&mut Shift, Rejection> {
        let Target { store, register, shift } = target;
        let is_it = |open: &&mut Shift| open.id == shift && open.spot.store == store && open.spot.register == register;
        self.shift.as_mut().filter(is_it).ok_or(Rejection::UnknownShift(shift))
    }
}

fn spot(books: &Books, store: StoreId, register: RegisterId) -> Result<Spot, Rejection> {
    let store = books.store(store).ok_or(Rejection::UnknownStore(store))?;
    let found = books.register(register).filter(|found| found.store.id == store.id);
    let found = found.ok_or(Rejection::UnknownRegister(register))?;
    Ok(Spot { store: store.id, store_name: store.name.clone(), register: found.id, register_code: found.code.clone() })
}

/// What the till has made and is not here, if it says so.
fn under_way(shift: &Shift, closing: Closing) -> Option<Rejection> {
    let here = shift.totals.documents.all();
    let missing = closing.last_ticket.map(|last| shift.tickets.missing(last)).unwrap_or_default();
    let fewer = closing.documents.is_some_and(|made| made > here);
    (fewer || !missing.is_empty()).then_some(Rejection::SalesUnderWay { here, made: closing.documents, missing })
}
