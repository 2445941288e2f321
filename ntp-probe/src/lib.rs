//! One measurement of a server, without a daemon: is it there, does it tell the time, and if not,
//! what has failed?
//!
//! * [`query`] asks with plain NTP.
//! * [`nts`] establishes keys (RFC 8915) and then asks with authentication. What has worked before
//!   something failed is in the report as well.
//!
//! Both return plain facts for programs ([`QueryReport`], [`NtsReport`]) under the rules of the
//! documents of `ntp-observe`: names end in their unit, dates are RFC 3339 in UTC, what is not
//! known is `null`, words never change, and [`SCHEMA`] rises only when a field changes its meaning
//! or goes away. An offset is positive when our clock is *behind*. A [`Failure`] has a word for
//! programs, and a sentence with a remedy for people.
//!
//! This crate exists so that `ntp-ctl` needs to know neither TLS nor packets. It sets no clock: it
//! only reads that of the system, by which certificates are judged, too. Each request leaves from a
//! port of its own, with a random number in place of its transmit timestamp, and tells nothing
//! about this machine's clock.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `options` | how much is asked, and how long we wait |
//! | `query`, `nts` | the two measurements, from a name to a report |
//! | `series` | several exchanges, until one address has told enough |
//! | `manner` | a request, plain or with NTS, and whether a datagram is its reply |
//! | `wire` | one request, one socket, and the timestamps of both ways |
//! | `facts`, `key_facts` | what a report consists of |
//! | `trouble` | what can go wrong with NTP, in words |
//! | `failure` | what has failed, and at which stage |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod facts;
mod failure;
mod key_facts;
mod manner;
mod nts;
mod options;
mod query;
mod series;
mod trouble;
mod wire;

pub use facts::{Measured, Sample, ServerFacts};
pub use failure::{Failure, Stage};
pub use key_facts::{Certificate, KeyFacts};
pub use ntp_ke::client::Family;
pub use nts::{NtsReport, nts};
pub use options::{MAX_SAMPLES, Options};
pub use query::{QueryReport, query};

/// The version of both reports.
pub const SCHEMA: u32 = 1;
