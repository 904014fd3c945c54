//! The system as its users and its faults meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod accounts;
mod audit;
mod bad_input;
mod baskets;
mod card_payments;
mod customers;
mod events;
mod extremes;
mod forbidden;
mod front;
mod invitations;
mod keys;
mod limits;
mod loyalty;
mod migrations;
mod outages;
mod people;
mod permissions;
mod pins;
mod poison;
mod prices;
mod privacy;
mod privilege;
mod redelivery;
mod reports;
mod returns;
mod role;
mod sales;
mod sessions;
mod shifts;
mod signatures;
mod stock;
mod tills;
mod tls;
mod topology;
mod traces;
mod trading_day;
mod watch;
