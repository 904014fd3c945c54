//! Tests of the workspace itself: which crate may use which, how long a file may be, that versions agree and links lead
//! somewhere. There is nothing here but the tests.
