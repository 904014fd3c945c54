//! The customers to whom is sold.

use std::collections::{BTreeSet, HashMap};

use tillstream_contract::sale::NewSale;
use tillstream_domain::{
    Rejection,
    customer::Clientele,
    id::MerchantId,
    sale::{Flag, Pasts, Submission},
};
use tillstream_store::{
    Error, PgConnection,
    customer::{self as stored, CustomerKey},
};

/// The customers that a batch names.
#[derive(Debug, Default)]
pub(crate) struct Wanted(BTreeSet<CustomerKey>);

/// Who they are.
#[derive(Debug, Default)]
pub(crate) struct State(HashMap<MerchantId, Clientele>);

impl Wanted {
    pub(crate) fn submit(&mut self, merchant: MerchantId, new: &NewSale) {
        self.0.extend(new.customer.map(|customer| (merchant, customer)));
    }

    /// Loads them, and those who bought what comes back; nobody merges or erases them until the transaction ends. After what
    /// comes back of sales is locked, and before accounts are.
    pub(crate) async fn load(
        mut self,
        conn: &mut PgConnection,
        pasts: &HashMap<MerchantId, Pasts>,
    ) -> Result<State, Error> {
        for (merchant, pasts) in pasts {
            self.0.extend(pasts.values().filter_map(|past| Some((*merchant, past.sale.customer?))));
        }
        Ok(State(stored::of(conn, &self.0).await?))
    }
}

impl State {
    /// Says in a submission who buys. Returns what somebody should look at.
    pub(crate) fn attend(
        &mut self,
        merchant: MerchantId,
        submission: &mut Submission,
        pasts: &Pasts,
    ) -> Result<Vec<Flag>, Rejection> {
        self.0.entry(merchant).or_default().attend(submission, pasts)
    }
}
