//! The client: asks a server for keys and cookies, once (RFC 8915 §4).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ntp_ke::client::{CertificateTime, Connector, establish};
//! use std::time::Duration;
//!
//! let target = ntp_config::HostPort { host: "time.example.org".into(), port: ntp_config::NTS_KE_PORT };
//! let connector = Connector::new(&ntp_config::Trust::default())?;
//! let time = CertificateTime::At(1_790_000_000);
//! let established = establish(&target, &connector, time, Duration::from_secs(10)).await?;
//! println!("{} cookies for {:?}", established.reply.cookies.len(), established.addresses);
//! # Ok(())
//! # }
//! ```
//!
//! **Build a [`Connector`] anew for each establishment.** It reads the files of authorities when it
//! is made, so one that is made anew sees what has changed in them; the authorities of the system
//! are shared within the process and read again after an hour. Making one reads files, and for the
//! first time takes some milliseconds: on a runtime that has other things to do, make it in
//! `spawn_blocking`. It can also be kept and used many times, and then knows what it read once.
//!
//! **A failure is a value** that names its stage, has a word for machines and a sentence for people
//! ([`Failure`]). Nothing is logged. Dropping the future of [`establish`] closes everything.
//!
//! | bound | value |
//! |---|---|
//! | time | the one deadline, over look-ups, connections, TLS and records |
//! | addresses | the first [`MAX_ATTEMPTS`] are tried, each with its share of the time |
//! | memory | a message of [`MAX_KE_REPLY`](ntp_proto::nts::MAX_KE_REPLY), a certificate message of 64 KiB |

mod attempt;
mod authorities;
mod certificate_reason;
mod connector;
mod establish;
mod failure;
mod failure_reason;
mod look_up;
mod tls_failure;
mod verifier;

pub use attempt::MAX_ATTEMPTS;
pub use authorities::TrustError;
pub use certificate_reason::CertificateFault;
pub use connector::Connector;
pub use establish::{Established, TlsFacts, establish};
pub use failure::{Failure, Stage};
pub use failure_reason::Cause;
pub use look_up::{Family, MAX_ADDRESSES, in_turns, look_up};
pub use verifier::CertificateTime;

#[cfg(test)]
mod tests;
