//! Tests of the JSON interface.

mod vectors;
