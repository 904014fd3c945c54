//! The system as its users and its faults meet it.

mod access;
mod bad_input;
mod events;
mod outages;
mod poison;
mod redelivery;
mod sales;
mod stock;
mod topology;
