//! The system as its users and its faults meet it.

mod sales;
