//! What the tests of several packages share. No program depends on it.
//!
//! | module | concept |
//! |---|---|
//! | [`samples`] | documents of daemons in typical states |
#![forbid(unsafe_code)]

pub mod samples;
