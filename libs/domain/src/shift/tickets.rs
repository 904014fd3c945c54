//! The numbers that a till gave its sales, and which of them are missing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sale::Ticket;

/// The most gaps that a shift remembers.
pub const MAX_GAPS: usize = 50;

/// The tickets of a shift: from `first` to `last` but for the gaps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ShiftTickets))]
pub struct Tickets {
    /// The lowest; none if no sale had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Ticket>,
    /// The highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Ticket>,
    /// How many different ones there are.
    pub count: u64,
    /// How often a number came again, as from a cloned till.
    pub repeated: u64,
    /// Those between that are missing, ascending.
    #[cfg_attr(feature = "schema", schema(max_items = 50))]
    pub gaps: Vec<Gap>,
    /// Whether there were more gaps at a time than are kept; the lowest were forgotten, and what fills them counts as
    /// repeated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gaps_forgotten: bool,
}

/// Numbers that are missing, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = TicketGap))]
pub struct Gap {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        if from == to { write!(f, "{from}") } else { write!(f, "{from} to {to}") }
    }
}

impl Tickets {
    /// Takes one more, in whatever order they come.
    pub fn add(&mut self, ticket: Ticket) {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            (self.first, self.last, self.count) = (Some(ticket), Some(ticket), 1);
            return;
        };
        let number = ticket.get();
        if ticket > last {
            self.last = Some(ticket);
            self.gaps.extend(gap(last.get() + 1, number - 1));
        } else if ticket < first {
            self.first = Some(ticket);
            self.gaps.splice(0..0, gap(number + 1, first.get() - 1));
        } else if let Some(at) = self.gaps.iter().position(|gap| gap.from <= number && number <= gap.to) {
            let Gap { from, to } = self.gaps[at];
            self.gaps.splice(at..=at, gap(from, number - 1).into_iter().chain(gap(number + 1, to)));
        } else {
            self.repeated += 1;
            return;
        }
        self.count += 1;
        if self.gaps.len() > MAX_GAPS {
            self.gaps.remove(0);
            self.gaps_forgotten = true;
        }
    }

    /// Those up to `last` that have not come.
    #[must_use]
    pub fn missing(&self, last: Ticket) -> Vec<Gap> {
        let mut missing = self.gaps.clone();
        let after = self.last.map_or(last.get(), |known| known.get() + 1);
        missing.extend(gap(after, last.get()));
        missing
    }
}

fn gap(from: u64, to: u64) -> Option<Gap> {
    (from <= to).then_some(Gap { from, to })
}

/// What a close says that is refused for what is under way: how many documents are here, how many the till has made, and
/// which tickets are missing.
pub(crate) fn under_way(here: u64, made: Option<u64>, missing: &[Gap]) -> String {
    // Enough to see what is wrong; a till knows what it has not sent.
    const SHOWN: usize = 10;
    let made = made.map_or(String::new(), |made| format!(" of {made}"));
    let tickets: Vec<_> = missing.iter().take(SHOWN).map(Gap::to_string).collect();
    let more = if missing.len() > SHOWN { " and more" } else { "" };
    let tickets =
        if missing.is_empty() { String::new() } else { format!("; tickets {}{more} are missing", tickets.join(", ")) };
    format!("{here}{made} sales of the shift are here{tickets}; send them and close again, or force it")
}
