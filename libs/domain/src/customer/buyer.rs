//! Who buys.

use std::collections::HashMap;

use super::CustomerRejection;
use crate::{
    Rejection,
    id::{CustomerId, GroupId},
    sale::{Flag, Pasts, Submission},
    tender::{Kind, Payment},
};

/// Who a customer is by now, and the groups of theirs that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Themself, or the survivor.
    pub id: CustomerId,
    /// Whether they are not erased.
    pub active: bool,
    /// The groups that have not ended, in order.
    pub groups: Vec<GroupId>,
}

/// The customers that decisions on sales are about, by the id that names them.
#[derive(Debug, Clone, Default)]
pub struct Clientele(HashMap<CustomerId, Known>);

impl FromIterator<(CustomerId, Known)> for Clientele {
    fn from_iter<T: IntoIterator<Item = (CustomerId, Known)>>(customers: T) -> Self {
        let mut all = HashMap::new();
        for (id, known) in customers {
            // A survivor is looked up by their own id too.
            all.insert(known.id, known.clone());
            all.insert(id, known);
        }
        Self(all)
    }
}

impl Clientele {
    /// Who goes by this id by now: of one who was merged, the survivor. None if nobody is known by it.
    #[must_use]
    pub fn known(&self, id: CustomerId) -> Option<&Known> {
        self.0.get(&id)
    }

    /// Who goes by this id by now, if they are not erased.
    #[must_use]
    pub fn active(&self, id: CustomerId) -> Option<&Known> {
        self.known(id).filter(|known| known.active)
    }

    /// Says in a submission who buys, by the id by which they go now, and in which groups they are. Who brings something
    /// back is who bought it, unless somebody else is named. Returns what somebody should look at.
    ///
    /// # Errors
    /// With a connection [`CustomerRejection::Unknown`] for who is named and is not known, or erased, and
    /// [`CustomerRejection::NotTheBuyer`] where what one customer owes would be given back to another.
    pub fn attend(&self, submission: &mut Submission, pasts: &Pasts) -> Result<Vec<Flag>, Rejection> {
        let mut originals = submission.lines.iter().filter_map(|line| pasts.get(&line.original?.sale));
        let named = submission.customer;
        let Some(id) = named.or_else(|| originals.find_map(|past| past.sale.customer)) else { return Ok(Vec::new()) };
        let other = self.pays_another(id, submission, pasts);
        if other && !submission.offline {
            return Err(CustomerRejection::NotTheBuyer.into());
        }
        let mut flags: Vec<_> = other.then_some(Flag::AccountUnknown).into_iter().collect();
        if let Some(known) = self.active(id) {
            submission.customer = Some(known.id);
            submission.asked.groups.clone_from(&known.groups);
            return Ok(flags);
        }
        if named.is_some() && !submission.offline {
            return Err(CustomerRejection::Unknown(id).into());
        }
        // It stays with the sale: a till may have added the customer while it had no connection too.
        submission.customer = Some(self.now(id));
        flags.extend(named.map(|_| Flag::CustomerUnknown));
        Ok(flags)
    }

    /// Whether something goes back to the house account of `id` that somebody else had put on theirs.
    fn pays_another(&self, id: CustomerId, submission: &Submission, pasts: &Pasts) -> bool {
        let on_account = |payment: &Payment| payment.kind() == Kind::OnAccount;
        let back = submission.payments.iter().any(|payment| on_account(payment) && payment.amount().is_negative());
        let originals = submission.lines.iter().filter_map(|line| pasts.get(&line.original?.sale));
        let mut owed = originals.filter(|past| {
            past.sale.payments.iter().any(on_account) || past.reversal.inherited.contains_key(&Kind::OnAccount)
        });
        back && owed.any(|past| past.sale.customer.map(|buyer| self.now(buyer)) != Some(self.now(id)))
    }

    fn now(&self, id: CustomerId) -> CustomerId {
        self.known(id).map_or(id, |known| known.id)
    }
}
