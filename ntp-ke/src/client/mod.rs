//! The NTS-KE client: requests keys and cookies from a server (RFC 8915 §4).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ntp_ke::client::{CertificateTime, Connector, establish};
//! use std::time::Duration;
//!
//! let target = ntp_config::text::host("time.example.org", ntp_config::NTS_KE_PORT)?;
//! let connector = Connector::new(&ntp_config::Trust::default())?;
//! let time = CertificateTime::At(1_790_000_000);
//! let established = establish(&target, &connector, time, Duration::from_secs(10)).await?;
//! println!("{} cookies for {:?}", established.reply.cookies.len(), established.addresses);
//! # Ok(())
//! # }
//! ```
//!
//! **Build a new [`Connector`] for each establishment.** It reads the files of authorities when it
//! is built, so a new one sees their changes; the authorities of the system are shared within the
//! process and read again after an hour. Building one reads files, and takes some milliseconds the
//! first time: on a busy runtime, build it in `spawn_blocking`. A connector can also be reused, and
//! then keeps the authorities that it has read.
//!
//! **A failure is a value** with its stage, a stable word for programs and a sentence for people
//! ([`Failure`]). Nothing is logged. Dropping the future of [`establish`] closes the connection.
//!
//! | bound | value |
//! |---|---|
//! | time | one deadline for look-ups, connections, TLS and records |
//! | addresses | the first [`MAX_ATTEMPTS`], each with its share of the time |
//! | memory | [`MAX_KE_REPLY`](ntp_proto::nts::MAX_KE_REPLY), certificates of 64 KiB |

mod attempt;
mod authorities;
mod certificate_reason;
mod connector;
mod establish;
mod failure;
mod failure_reason;
mod family;
mod look_up;
mod presented;
mod tls_failure;
mod verifier;

pub use attempt::MAX_ATTEMPTS;
pub use authorities::TrustError;
pub use certificate_reason::CertificateReason;
pub use connector::Connector;
pub use establish::{Established, TlsFacts, establish};
pub use failure::{Failure, Stage};
pub use failure_reason::FailureReason;
pub use family::Family;
pub use look_up::{MAX_ADDRESSES, in_turns, look_up, resolve};
pub use verifier::CertificateTime;

#[cfg(test)]
mod tests;
