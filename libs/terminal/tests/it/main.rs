//! The protocol's client and server, and the simulator.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod protocol;
mod simulator;

use tillstream_domain::{
    id::{CardPaymentId, MerchantId, RegisterId, StoreId},
    money::{Amount, Currency},
};
use tillstream_terminal::{Key, Order};
use uuid::Uuid;

fn key(payment: u128) -> Key {
    Key { merchant: MerchantId::new(Uuid::from_u128(1)), payment: CardPaymentId::new(Uuid::from_u128(payment)) }
}

fn order(units: i64) -> Order {
    Order {
        terminal: "T1".to_owned(),
        amount: Amount::try_new(units).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        store: StoreId::new(Uuid::from_u128(2)),
        register: RegisterId::new(Uuid::from_u128(3)),
    }
}
