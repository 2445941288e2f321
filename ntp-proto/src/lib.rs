//! The NTP and NTS state machines of Truechimer (RFC 5905, RFC 8915), free of any input or output.
//!
//! Nothing in this crate opens a socket, reads a clock, starts a thread, draws randomness of its
//! own or logs. Time, seeds and datagrams go in; datagrams, clock actions and events come out. So
//! the same objects run in the daemon, in the simulator and in tests, and an hour of the protocol
//! takes milliseconds.
//!
//! # Kinds of method
//!
//! | name | purpose |
//! |---|---|
//! | `handle_*` | an input: a datagram, a timestamp, an expired timer, the result of an action |
//! | `poll_transmit`, `poll_action`, `poll_event` | an output; call again until it returns `None` |
//! | `poll_timeout` | the next time at which `handle_timeout` has work to do |
//! | all others | getters on `&self`, without any effect |
//!
//! An `Err` of `handle_datagram` is a verdict on the datagram, not a failure of the client: it is
//! counted already, and a driver may ignore it.
//!
//! # A driver of the client
//!
//! After every input, a driver of [`Client`](client::Client)
//!
//! 1. carries out every [`poll_action`](client::Client::poll_action) and reports the result with
//!    [`handle_clock_change`](client::Client::handle_clock_change), then takes every
//!    [`poll_event`](client::Client::poll_event);
//! 2. sends every [`poll_transmit`](client::Client::poll_transmit) from a fresh random port, and
//!    redeems its token with [`handle_transmitted`](client::Client::handle_transmitted) as soon as
//!    the transmit timestamp is known, or with
//!    [`handle_send_failed`](client::Client::handle_send_failed). That is an input as well: step 1
//!    comes before the next request;
//! 3. arms one timer for [`poll_timeout`](client::Client::poll_timeout), and calls
//!    [`handle_timeout`](client::Client::handle_timeout) when it expires. A late timer delays
//!    requests; an early one has no effect.
//!
//! A driver must further
//!
//! - report every change of the clock that the client did not order, as
//!   [`ClockChange::Disturbed`](clock::ClockChange::Disturbed), before the next timestamp;
//!   [`Continuity`](clock::Continuity) finds them;
//! - give timestamps of requests and replies by the clock that the client disciplines, the kernel's
//!   or the network card's where there are any ([`LocalStamp`](time::LocalStamp));
//! - seed the client with 32 unpredictable octets. All randomness of an object comes from its seed:
//!   with the same seed and the same inputs it returns the same outputs.
//!
//! ```
//! use ntp_proto::association::{AssociationConfig, Datagram};
//! use ntp_proto::client::entry::{SourceEntryConfig, SourceEntryKind};
//! use ntp_proto::client::{Client, ClientConfig};
//! use ntp_proto::clock::{ClockAction, ClockChange, InitialClock};
//! use ntp_proto::packet::{LeapIndicator, ReferenceId, Stratum};
//! use ntp_proto::server::{Request, ServedState, Server, ServerConfig, Snapshots, Verdict};
//! use ntp_proto::time::{
//!     Frequency, LocalStamp, MonoTime, Now, NtpDuration, NtpTimestamp, Precision, Seconds,
//!     StampOrigin,
//! };
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! /// Virtual time: true time, and our clock, which runs at `rate` against it.
//! struct World {
//!     mono: MonoTime,
//!     truth: NtpTimestamp,
//!     local: NtpTimestamp,
//!     rate: f64,
//! }
//!
//! impl World {
//!     fn pass(&mut self, span: Duration) {
//!         self.mono = self.mono + span;
//!         self.truth = self.truth + NtpDuration::from(span);
//!         self.local =
//!             self.local + NtpDuration::from_seconds(span.as_secs_f64() * (1.0 + self.rate));
//!     }
//!     fn now(&self) -> Now {
//!         Now { mono: self.mono, local: self.local }
//!     }
//!     fn stamp(&self) -> LocalStamp {
//!         LocalStamp { at: self.local, origin: StampOrigin::Kernel }
//!     }
//!     /// Step 1 above.
//!     fn obey(&mut self, client: &mut Client) {
//!         while let Some(action) = client.poll_action() {
//!             let change = match action {
//!                 ClockAction::Step(step) => {
//!                     let before = self.local;
//!                     self.local = before + step;
//!                     ClockChange::Stepped { before, step }
//!                 }
//!                 ClockAction::SetFrequency(frequency) => {
//!                     self.rate = frequency.to_f64();
//!                     ClockChange::FrequencySet { at: self.local, frequency }
//!                 }
//!                 ClockAction::SetStatus(_) => continue,
//!             };
//!             client.handle_clock_change(self.mono, change);
//!         }
//!         while client.poll_event().is_some() {}
//!     }
//! }
//!
//! // Our clock is a quarter of a second behind.
//! let truth = NtpTimestamp::from_unix(1_800_000_000, 0);
//! let local = truth - NtpDuration::from_seconds(0.25);
//! let mut world = World { mono: MonoTime::ZERO, truth, local, rate: 0.0 };
//!
//! let entry = SourceEntryConfig {
//!     host: "192.0.2.1".into(),
//!     port: 123,
//!     kind: SourceEntryKind::Server,
//!     association: AssociationConfig::default(),
//! };
//! let config = ClientConfig { entries: vec![entry], ..ClientConfig::default() };
//! let initial = InitialClock {
//!     steers: true,
//!     applied: Frequency::ZERO,
//!     frequency: None,
//!     assumed_step: Seconds::ZERO,
//!     accumulated: None,
//!     precision: Precision::from_log2(-25),
//!     left_synchronized: false,
//! };
//! let mut client = Client::new(config, &initial, [7; 32], world.now());
//!
//! let mut server = Server::new(Arc::new(ServerConfig::default()), [8; 32]);
//! let state = ServedState {
//!     leap: LeapIndicator::NoWarning,
//!     stratum: Stratum::PRIMARY,
//!     root_dispersion: Seconds::new(1e-6),
//!     reference_id: ReferenceId::from_letters(*b"GPS\0"),
//!     is_own_reference: true,
//!     ..ServedState::UNSYNCHRONIZED
//! };
//!
//! let end = MonoTime::from_epoch(Duration::from_secs(60));
//! while world.mono < end {
//!     world.obey(&mut client);
//!     let (mut request, mut reply) = ([0; 1280], [0; 1280]);
//!     while let Some(transmit) = client.poll_transmit(world.now(), &mut request) {
//!         let stamp = world.stamp();
//!         client.handle_transmitted(world.now(), transmit.token, stamp).unwrap();
//!         world.obey(&mut client);
//!
//!         world.pass(Duration::from_millis(5));
//!         let request = Request {
//!             octets: &request[..transmit.length],
//!             from: "198.51.100.1:40000".parse().unwrap(),
//!             receive: world.truth,
//!             now: world.mono,
//!         };
//!         let snapshots = Snapshots { state: &state, keys: None };
//!         let Verdict::Reply(pending) = server.handle_request(request, snapshots) else {
//!             panic!("the server answers every client");
//!         };
//!         let length = pending.emit(world.truth, &mut reply).unwrap();
//!
//!         world.pass(Duration::from_millis(5));
//!         let datagram = Datagram {
//!             from: transmit.to,
//!             to: None,
//!             received: world.stamp(),
//!             bytes: &reply[..length],
//!         };
//!         client.handle_datagram(world.now(), transmit.association, &datagram).unwrap();
//!         world.obey(&mut client);
//!     }
//!     let due = client.poll_timeout(world.now()).unwrap_or(end).min(end);
//!     world.pass(due.since(world.mono));
//!     client.handle_timeout(world.now());
//! }
//!
//! let error = Seconds::from(world.local - world.truth).to_f64();
//! assert!(error.abs() < 1e-3, "{error}");
//! ```
//!
//! # A driver of the server
//!
//! A [`Server`](server::Server) has no timers and no queue. The driver hands over each request with
//! its receive timestamp and gets a [`Verdict`](server::Verdict); for a reply it reads the clock
//! last, and [`emit`](server::PendingReply::emit) writes that reading as the transmit timestamp and
//! seals the packet.
//!
//! ```
//! use ntp_proto::packet::{Header, Mode, Version};
//! use ntp_proto::server::{
//!     DropReason, Request, ServedState, Server, ServerConfig, Snapshots, Verdict,
//! };
//! use ntp_proto::time::{MonoTime, NtpDuration, NtpTimestamp, PollInterval};
//! use std::sync::Arc;
//!
//! let mut server = Server::new(Arc::new(ServerConfig::default()), [1; 32]);
//! let snapshots = Snapshots { state: &ServedState::UNSYNCHRONIZED, keys: None };
//!
//! let origin = NtpTimestamp::from_bits(0x0123_4567_89ab_cdef); // 64 random bits
//! let octets = Header::request(Version::V4, PollInterval::MIN, origin).encode();
//! let receive = NtpTimestamp::from_unix(1_800_000_000, 0);
//! let request = Request {
//!     octets: &octets,
//!     from: "198.51.100.1:40000".parse().unwrap(),
//!     receive,
//!     now: MonoTime::ZERO,
//! };
//! let Verdict::Reply(pending) = server.handle_request(request, snapshots) else {
//!     panic!("a request in mode 3 gets a reply");
//! };
//! let mut buffer = [0; 48];
//! let transmit = receive + NtpDuration::from_seconds(1e-5); // read now, by our clock
//! let length = pending.emit(transmit, &mut buffer).unwrap();
//!
//! let reply = Header::decode(&buffer[..length]).unwrap();
//! assert_eq!(reply.mode, Mode::Server);
//! assert_eq!((reply.origin, reply.receive, reply.transmit), (origin, receive, transmit));
//!
//! // A reply is never answered, so two servers cannot answer each other.
//! let echo = Request { octets: &buffer[..length], ..request };
//! let verdict = server.handle_request(echo, snapshots);
//! assert!(matches!(verdict, Verdict::Drop(DropReason::NotClientMode)));
//! assert_eq!(server.stats().received(), 2);
//! ```
//!
//! # Time
//!
//! - [`MonoTime`](time::MonoTime) drives all timers. It must go on during a suspend and never jump.
//! - [`NtpTimestamp`](time::NtpTimestamp) is a reading of a clock that may be stepped. It has no
//!   order, since it wraps every 2³² seconds; differences are [`NtpDuration`](time::NtpDuration)s.
//! - [`FreeTime`](clock::FreeTime) is a reading of our clock as if it had never been steered.
//!   Measurements are kept in it, so that steps and slews change no stored sample.
//! - [`Seconds`](time::Seconds) and [`Frequency`](time::Frequency) are for calculations.
//!
//! # Signs
//!
//! | quantity | sign |
//! |---|---|
//! | offset | server − client: positive if our clock is *behind* |
//! | step | *added* to our clock |
//! | rate of a clock | positive if the clock gains time |
//! | frequency that steers ([`ClockAction`](clock::ClockAction)) | *added* to the rate of our clock |
//!
//! # Modules
//!
//! | module | concept |
//! |---|---|
//! | [`time`] | points and spans of time, poll intervals, precision, stamps |
//! | [`packet`] | headers, extension fields and kiss codes (RFC 5905 §7, RFC 7822) |
//! | [`association`] | exchanges with one server address: requests, packet tests, reach, pace |
//! | [`clock`] | clock filter, selection, discipline, and the timescale of measurements |
//! | [`client`] | configured entries, their associations and the clock in one object |
//! | [`server`] | requests, access, rate limit, replies |
//! | [`nts`] | key establishment, cookies and protected packets (RFC 8915) |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod association;
pub mod client;
pub mod clock;
pub mod nts;
pub mod packet;
pub mod server;
mod stable_word;
pub mod time;

pub use stable_word::StableWord;
