//! The client: the configured entries, their associations and the clock process in one object,
//! which the daemon and simulators drive alike.
//!
//! The [crate's documentation](crate) has the contract with the driver and a client at work. The
//! driver also answers two events: it looks names up for [`Event::Resolve`] and reports with
//! [`handle_resolved`](Client::handle_resolved), and it establishes NTS keys for
//! [`Event::Establish`] and reports with [`handle_established`](Client::handle_established).

mod configuration;
mod decision;
mod entries;
pub mod entry;
mod event;
mod facts;
mod keys;
mod membership;
mod network;
mod quorum;
mod replacement;
mod state;
#[cfg(test)]
mod tests;
mod witnesses;

pub use configuration::ClientChange;
pub use event::{Event, Removal};
pub use state::AssociationState;

use crate::association::{
    Accepted, Association, AssociationId, Context, Datagram, Discard, Ourselves, OwnServers,
    Transmit, TransmitToken,
};
use crate::client::entry::{SourceEntry, SourceEntryConfig, SourceEntryId};
use crate::clock::{
    ClockAction, ClockChange, ClockConfig, ClockProcess, Disturbance, InitialClock, LeapTable,
    NotSteered,
};
use crate::nts::NtsGrant;
use crate::time::{LocalStamp, MonoTime, Now, Seconds};
use entries::Entries;
use network::Network;
use rand::SeedableRng;
use rand::rngs::ChaCha12Rng;
use state::StateClass;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Everything that a client needs to know from its configuration.
#[derive(Clone, Debug, Default)]
pub struct ClientConfig {
    /// The entries of `[[source]]`, which get the identifiers 0, 1, … in this order.
    pub entries: Vec<SourceEntryConfig>,
    /// The configuration of the clock process.
    pub clock: ClockConfig,
    /// NTS keys and cookies from an earlier run (see [`Client::sessions`]).
    pub sessions: Vec<(SourceEntryId, NtsGrant)>,
    /// If the clock has never been right as far as is known, a time in Unix seconds that has passed
    /// for sure.
    pub unproven_since: Option<i64>,
    /// A time in Unix seconds that has certainly passed, without regard to earlier runs: that of
    /// the build.
    pub certain_since: Option<i64>,
    /// The latest time, in Unix seconds, to which one source without NTS may set the clock alone.
    /// `None`: any.
    pub plausible_until: Option<i64>,
}

/// One association and what the client remembers about it.
#[derive(Debug)]
pub struct Member {
    association: Association,
    entry: SourceEntryId,
    /// The number of measurements in a row that did not count, as the majority disagreed or they
    /// were too vague.
    disagreements: u32,
    /// It counts as pending until this many polls were useless.
    hopeless_at: u32,
    /// The number of times that it was demobilized.
    denials: u32,
    revive_at: Option<MonoTime>,
    reported: Option<AssociationState>,
    /// The state that may be reported soon, and the number of requests when it began.
    pending_report: Option<(StateClass, u64)>,
}

impl Member {
    /// The association.
    #[must_use]
    pub fn association(&self) -> &Association {
        &self.association
    }

    /// The entry that it belongs to.
    #[must_use]
    pub fn entry(&self) -> SourceEntryId {
        self.entry
    }

    /// The time at which a demobilized association will be tried again.
    #[must_use]
    pub fn revive_at(&self) -> Option<MonoTime> {
        self.revive_at
    }
}

/// The whole client.
#[derive(Debug)]
pub struct Client {
    clock: ClockProcess,
    entries: Entries,
    members: BTreeMap<AssociationId, Member>,
    next_id: u32,
    rng: ChaCha12Rng,
    first_measured: Option<MonoTime>,
    /// The time at which all sources were last polled for their testimony.
    witnesses_called: Option<MonoTime>,
    events: VecDeque<Event>,
    /// See [`ClientConfig::unproven_since`].
    unproven_since: Option<i64>,
    /// See [`ClientConfig::certain_since`].
    certain_since: Option<i64>,
    /// See [`ClientConfig::plausible_until`].
    plausible_until: Option<i64>,
    /// True if the clock was synchronized in this run.
    confirmed: bool,
    own_servers: OwnServers,
    network: Network,
    /// The time was doubted in this run, see [`Event::TimeDoubted`].
    doubted: bool,
}

impl Client {
    /// A client that starts at `now`; `seed` must be unpredictable, since all its randomness comes
    /// from it.
    #[must_use]
    pub fn new(config: ClientConfig, initial: &InitialClock, seed: [u8; 32], now: Now) -> Self {
        let entries = config
            .entries
            .into_iter()
            .enumerate()
            .map(|(place, entry)| SourceEntry::new(SourceEntryId::new(place), entry));
        let mut client = Self {
            clock: ClockProcess::new(config.clock, initial, now),
            entries: entries.collect(),
            members: BTreeMap::new(),
            next_id: 1,
            rng: ChaCha12Rng::from_seed(seed),
            first_measured: None,
            witnesses_called: None,
            events: VecDeque::new(),
            unproven_since: config.unproven_since,
            certain_since: config.certain_since,
            plausible_until: config.plausible_until,
            confirmed: false,
            own_servers: OwnServers::NONE,
            network: Network::default(),
            doubted: false,
        };
        for (entry, granted) in config.sessions {
            client.hand_out(now.mono, entry, granted);
        }
        client.maintain(now.mono);
        client
    }

    /// Writes the next datagram to send into `buffer`, which should hold at least 1 kB.
    pub fn poll_transmit(&mut self, now: Now, buffer: &mut [u8]) -> Option<Transmit> {
        self.members.values_mut().find_map(|member| {
            member
                .association
                .poll_transmit(now.mono, &mut self.rng, buffer)
        })
    }

    /// Handles the transmit timestamp of a request. Returns the result of a reply that was waiting
    /// for it, if there was one.
    ///
    /// # Errors
    /// The reason to discard the waiting reply; it has been counted.
    pub fn handle_transmitted(
        &mut self,
        now: Now,
        token: TransmitToken,
        stamp: LocalStamp,
    ) -> Result<Option<Accepted>, Discard> {
        let id = token.association();
        let Some(member) = self.members.get_mut(&id) else {
            return Ok(None);
        };
        let outcome = member.association.handle_transmitted(
            token,
            stamp,
            &context(&self.clock, &self.own_servers, now.mono),
        );
        self.conclude(
            now,
            id,
            outcome.map(|accepted| accepted.unwrap_or(Accepted::Parked)),
        )?;
        outcome
    }

    /// A request could not be sent; `os_error` is the operating system's error number.
    pub fn handle_send_failed(&mut self, now: Now, token: TransmitToken, os_error: i32) {
        let id = token.association();
        if let Some(member) = self.members.get_mut(&id) {
            member.association.handle_send_failed(token, os_error);
        }
        self.note_send_failure(id, now.mono);
        self.maintain(now.mono);
        self.report_transitions();
    }

    /// The network says that a request did not arrive; `os_error` is the operating system's error
    /// number, `ECONNREFUSED` where nothing listens at the server's port. It is shown and otherwise
    /// ignored, since such a message is easily forged.
    pub fn handle_unreachable(&mut self, id: AssociationId, os_error: i32) {
        if let Some(member) = self.members.get_mut(&id) {
            member.association.handle_unreachable(os_error);
        }
    }

    /// Handles a datagram that arrived at the port of a request of `id`.
    ///
    /// # Errors
    /// The reason to discard it; it has been counted.
    pub fn handle_datagram(
        &mut self,
        now: Now,
        id: AssociationId,
        datagram: &Datagram<'_>,
    ) -> Result<Accepted, Discard> {
        let Some(member) = self.members.get_mut(&id) else {
            return Err(Discard::TooLate);
        };
        let outcome = member
            .association
            .handle_datagram(datagram, &context(&self.clock, &self.own_servers, now.mono));
        self.conclude(now, id, outcome)
    }

    fn conclude(
        &mut self,
        now: Now,
        id: AssociationId,
        outcome: Result<Accepted, Discard>,
    ) -> Result<Accepted, Discard> {
        match outcome {
            Ok(Accepted::Measured) => {
                self.displace_plain(id, now.mono);
                self.on_first_measurement(now.mono, id);
                self.check_certificate_time(now, id);
                self.decide(now, Some(id));
            }
            Ok(Accepted::Parked) => {}
            Err(_) => {
                self.maintain(now.mono);
                self.report_transitions();
            }
        }
        outcome
    }

    /// The time of [`Client::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        for member in self.members.values_mut() {
            member.association.handle_timeout(now.mono);
        }
        self.handle_network_timeout(now.mono);
        self.maintain(now.mono);
        self.decide(now, None);
        self.clock.handle_timeout(now);
        self.collect_clock_events();
    }

    /// Handles the result of a [`ClockAction`], or another change of the clock.
    pub fn handle_clock_change(&mut self, now: MonoTime, change: ClockChange) {
        self.clock.handle_clock_change(change);
        match change {
            ClockChange::Stepped { .. } => self
                .members
                .values_mut()
                .for_each(|member| member.association.handle_step()),
            ClockChange::Disturbed(disturbance)
                if self.clock.disturbance() == Some(&disturbance) =>
            {
                self.confirm_again(now, &disturbance);
            }
            ClockChange::Disturbed(_) | ClockChange::FrequencySet { .. } | ClockChange::Failed => {}
        }
        self.collect_clock_events();
    }

    /// The clock was changed by something else: all sources are polled at once. If it is not known
    /// how far it was changed, no source decides alone, as at the start.
    fn confirm_again(&mut self, now: MonoTime, disturbance: &Disturbance) {
        let samples_hold = disturbance.suspended.is_zero();
        for member in self.members.values_mut() {
            member.association.handle_disturbance(now, samples_hold);
            member.hopeless_at = u32::MAX;
        }
        if !samples_hold {
            self.first_measured = None;
        }
    }

    /// From now on, this table says which leap seconds there are; `None`: the sources do.
    pub fn handle_leap_table(&mut self, now: Now, table: Option<Arc<LeapTable>>) {
        self.clock.handle_leap_table(now, table);
    }

    /// Asks all servers several times soon, as at a start, but no more often than each half minute;
    /// returns their number.
    pub fn handle_burst(&mut self, now: MonoTime) -> usize {
        let able = self
            .members
            .values_mut()
            .filter(|member| member.association.demobilized().is_none());
        able.map(|member| member.association.handle_burst(now))
            .count()
    }

    /// The administrator orders a step, see [`ClockProcess::handle_step_order`]; all servers are
    /// asked at once.
    ///
    /// # Errors
    /// If the clock is not steered.
    pub fn handle_step_order(&mut self, now: Now) -> Result<Option<Seconds>, NotSteered> {
        let offset = self.clock.handle_step_order(now)?;
        self.handle_burst(now.mono);
        Ok(offset)
    }

    /// Prepares for the end: the plain frequency stays in force. Drain [`Client::poll_action`]
    /// afterwards.
    pub fn handle_shutdown(&mut self, now: Now) {
        self.clock.handle_shutdown(now);
    }

    /// The next thing to do to our clock; report it with [`Client::handle_clock_change`].
    pub fn poll_action(&mut self) -> Option<ClockAction> {
        self.clock.poll_action()
    }

    /// The next event: a request to the driver, or a report for its log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next time at which [`Client::handle_timeout`] and [`Client::poll_transmit`] have work to
    /// do.
    #[must_use]
    pub fn poll_timeout(&self, now: Now) -> Option<MonoTime> {
        let sources = self
            .members
            .values()
            .filter_map(|member| member.association.poll_timeout());
        let revivals = self.members.values().filter_map(Member::revive_at);
        let entries = self.entries.iter().filter_map(SourceEntry::poll_timeout);
        let quorum = self.quorum_ends().filter(|end| now.mono < *end);
        let own = [self.clock.poll_timeout(now), self.network.timeout()]
            .into_iter()
            .flatten();
        sources
            .chain(revivals)
            .chain(entries)
            .chain(own)
            .chain(quorum)
            .min()
    }

    fn collect_clock_events(&mut self) {
        while let Some(event) = self.clock.poll_event() {
            self.events.push_back(Event::Clock(event));
        }
    }
}

fn context<'a>(clock: &'a ClockProcess, own_servers: &'a OwnServers, now: MonoTime) -> Context<'a> {
    let ourselves = Ourselves {
        address: None,
        system: clock.system(),
        server: None,
        own_servers,
    };
    Context {
        now,
        timescale: clock.timescale(),
        precision: clock.precision(),
        drift: clock.drift(),
        ourselves,
    }
}
