//! Card terminals: what a provider must be able to do, a small HTTP protocol by which it is reached, and a simulator.
//!
//! A provider is reached through [`Http`]. Whoever adds one implements [`Provider`] for it and serves that with
//! [`serve`], or speaks the protocol in another language: `docs/terminals.md` has it.

mod http;
mod protocol;
mod serve;
mod simulator;

pub use http::{Http, HttpError};
pub use protocol::{Key, KeyError, Money, Order, Page, Payment, Status};
pub use serve::serve;
pub use simulator::Simulator;

/// Why a provider did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It has not done it, and will not. Told to start a payment, it has taken no money for it.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// It may have done it, or not.
    #[error("the provider gives no answer: {0}")]
    NoAnswer(String),
}

/// Takes money from cards.
///
/// A payment is known by its [`Key`] alone, whatever is asked of it and however often: money is taken at most once for it.
pub trait Provider: Send + Sync + 'static {
    /// Has a terminal take money. It answers at once with what is known by then. A key that it has seen is not started
    /// again: it answers what became of it.
    fn start(&self, key: Key, order: &Order) -> impl Future<Output = Result<Payment, Failure>> + Send;

    /// What became of a payment; none if it has never heard of it.
    fn ask(&self, key: Key) -> impl Future<Output = Result<Option<Payment>, Failure>> + Send;

    /// Cancels a payment before money is taken; one that has taken money, or is over, stays as it is. A key that it has
    /// never heard of is cancelled too, so that a start on its way comes to nothing.
    fn cancel(&self, key: Key) -> impl Future<Output = Result<Payment, Failure>> + Send;

    /// Gives back what was taken, all of it, once.
    fn refund(&self, key: Key) -> impl Future<Output = Result<Payment, Failure>> + Send;

    /// What was taken after `cursor`, in the order in which it was; without one, from as far back as it keeps, two days at
    /// least.
    fn captured_since(&self, cursor: Option<&str>) -> impl Future<Output = Result<Page, Failure>> + Send;
}
