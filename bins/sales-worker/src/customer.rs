//! The customers to whom is sold.

use std::collections::{BTreeSet, HashMap};

use tillstream_contract::sale::NewSale;
use tillstream_domain::{
    Rejection,
    customer::{Clientele, CustomerRejection, Known},
    id::{CustomerId, MerchantId},
    sale::{Flag, Pasts, Submission},
};
use tillstream_store::{
    Error, PgConnection,
    customer::{self as stored, CustomerKey},
};

/// The customers that a batch names.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    customers: BTreeSet<CustomerKey>,
    /// Merchants whose rule of points it changes.
    ruled: BTreeSet<MerchantId>,
}

/// Who they are.
#[derive(Debug, Default)]
pub(crate) struct State {
    clientele: HashMap<MerchantId, Clientele>,
    named: BTreeSet<CustomerKey>,
    /// The merchants of whom it is about customers, or what they collect points by.
    pub(crate) merchants: BTreeSet<MerchantId>,
}

impl Wanted {
    pub(crate) fn submit(&mut self, merchant: MerchantId, new: &NewSale) {
        self.customers.extend(new.customer.map(|customer| (merchant, customer)));
    }

    pub(crate) fn one(&mut self, merchant: MerchantId, customer: CustomerId) {
        self.customers.insert((merchant, customer));
    }

    pub(crate) fn rule(&mut self, merchant: MerchantId) {
        self.ruled.insert(merchant);
    }

    /// Loads them, and those who bought what comes back; nobody merges or erases them until the transaction ends. After what
    /// comes back of sales is locked, and before accounts are.
    pub(crate) async fn load(
        self,
        conn: &mut PgConnection,
        pasts: &HashMap<MerchantId, Pasts>,
    ) -> Result<State, Error> {
        let Self { customers: mut named, ruled } = self;
        for (merchant, pasts) in pasts {
            named.extend(pasts.values().filter_map(|past| Some((*merchant, past.sale.customer?))));
        }
        // Before the statement that looks who they are, so that it sees what those have done who had the locks.
        stored::lock_books(conn, &ruled, &named.iter().map(|(merchant, _)| *merchant).collect()).await?;
        let clientele = stored::of(conn, &named).await?;
        let merchants = ruled.into_iter().chain(named.iter().map(|(merchant, _)| *merchant)).collect();
        Ok(State { clientele, named, merchants })
    }
}

impl State {
    /// The customers of a merchant.
    pub(crate) fn of(&mut self, merchant: MerchantId) -> &Clientele {
        self.clientele.entry(merchant).or_default()
    }

    /// Everybody that the batch is about, by the ids by which they go now.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = CustomerKey> {
        self.named.iter().map(|(merchant, id)| {
            let known = self.clientele.get(merchant).and_then(|clientele| clientele.known(*id));
            (*merchant, known.map_or(*id, |known| known.id))
        })
    }

    /// Who goes by an id, if they are not erased.
    pub(crate) fn active(&mut self, merchant: MerchantId, id: CustomerId) -> Result<&Known, Rejection> {
        Ok(self.of(merchant).active(id).ok_or(CustomerRejection::Unknown(id))?)
    }

    /// Says in a submission who buys. Returns what somebody should look at.
    pub(crate) fn attend(
        &mut self,
        merchant: MerchantId,
        submission: &mut Submission,
        pasts: &Pasts,
    ) -> Result<Vec<Flag>, Rejection> {
        self.of(merchant).attend(submission, pasts)
    }
}
