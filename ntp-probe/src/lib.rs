//! One measurement of a server without a daemon: the offset, or the stage at which it failed.
//!
//! * [`query`] sends plain NTP requests.
//! * [`nts`] performs NTS-KE (RFC 8915) and then sends authenticated requests. The report contains
//!   the stages that succeeded before the failure.
//!
//! Both return plain facts for programs ([`QueryReport`], [`NtsReport`]) under the rules of the
//! documents of `ntp-observe`: names end in their unit, dates are RFC 3339 in UTC, what is not
//! known is `null`, words never change, and [`SCHEMA`] rises only when a field changes its meaning
//! or goes away. An offset is positive when our clock is *behind*. A [`Failure`] has a word for
//! programs and a sentence with a remedy for people.
//!
//! This crate keeps TLS and packets out of `ntp-ctl`. Requests and the tests of replies are those
//! of an [`Association`](ntp_proto::association::Association), the same as in the daemon. It sets
//! no clock: it only reads the system clock, against which certificates are checked as well. Each
//! request leaves from a port of its own (RFC 9109) with a random number as its transmit timestamp,
//! and so discloses nothing about this machine's clock.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `options` | number of samples, interval, timeouts |
//! | `query`, `nts` | the two measurements, from a name to a report |
//! | `exchanges` | several exchanges, until one address has given enough samples |
//! | `wait` | the wait for one reply, and what came instead |
//! | `facts`, `key_facts` | the parts of a report |
//! | `ntp_failure` | failures of the NTP exchange, in words |
//! | `failure` | a failure with its stage |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod exchanges;
mod facts;
mod failure;
mod key_facts;
mod ntp_failure;
mod nts;
mod options;
mod query;
mod wait;

pub use facts::{Measured, SCHEMA, Sample, ServerFacts};
pub use failure::{Failure, Stage};
pub use key_facts::{Certificate, KeyFacts};
pub use ntp_ke::client::Family;
pub use nts::{NtsReport, nts};
pub use options::{MAX_SAMPLES, Options};
pub use query::{QueryReport, query};
