//! A deterministic world in which the client and the server of `ntp-proto` are measured, the very
//! objects that the daemon ships.
//!
//! The clock and the network follow docs/design/clock.md, section "The simulated world". Nothing in
//! here reads a clock: the same scenario, discipline and seed give the same numbers on every
//! machine.
//!
//! A [`World`](world::World) is built from a [`Scenario`](scenario::Scenario), a discipline and a
//! seed. [`World::run`](world::World::run) goes to the end and returns the
//! [`Outcome`](outcome::Outcome); [`go`](world::World::go) also shows every second on the way.
//! Times and errors are in seconds; an error is clock − UTC, so it is positive if the clock is
//! *ahead*.
//!
//! ```
//! use ntp_proto::clock::DisciplineKind;
//! use ntp_sim::scenario::Scenario;
//! use ntp_sim::world::World;
//!
//! // One server behind the usual link, for an hour, of which the first ten minutes do not count.
//! let scenario = Scenario { duration: 3600.0, skip: 600.0, ..Scenario::usual() };
//! let outcome = World::run(&scenario, DisciplineKind::Estimate, 1);
//!
//! assert!(outcome.rms < 1e-3, "root mean square of the error: {} s", outcome.rms);
//! assert!(outcome.coverage > 0.99, "the error is within the claimed bound");
//! assert_eq!(outcome, World::run(&scenario, DisciplineKind::Estimate, 1));
//! ```
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `random` | streams of random numbers and the laws that are drawn from them |
//! | `scenario` | what a file in `scenarios/` says, and the catalogue of them |
//! | `clock` | an oscillator with wander, and the clock that is steered on top of it |
//! | `network` | delays, loss, duplication, drawn when a packet is sent |
//! | `server` | a server with the right time, or a falseticker |
//! | `client` | the driver of the client: what the daemon's client task does |
//! | `world` | true time and what happens in it |
//! | `midpoint` | the plain filter that ours is measured against, on the same exchanges |
//! | `outcome` | what one run comes to: errors, packets, coverage of the claimed bound |
//! | `weather` | worlds that are drawn from a seed, to find those in which the client is weak |
//! | `batch` | many runs at once |
//! | `yardstick` | filters that know the noise beforehand: how good a clock can be at all |
#![forbid(unsafe_code)]

pub mod batch;
mod client;
mod clock;
mod midpoint;
mod network;
pub mod outcome;
pub mod random;
pub mod scenario;
mod server;
pub mod weather;
pub mod world;
pub mod yardstick;
