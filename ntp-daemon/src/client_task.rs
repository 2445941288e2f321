//! The one owner of the client and of the clock.

use crate::alarm::{Alarm, SetNotice};
use crate::establish::{self, Established};
use crate::known_time::{built, unix_seconds};
use crate::network::{self, Network};
use crate::observe::{self, Facts};
use crate::open_ports::OpenPorts;
use crate::resolve::{self, Resolved};
use crate::rivals::Rivalry;
use crate::socket_pump::Inbound;
use crate::storage::Store;
use crate::{clock_choice, known_time, logging_of_events, nts_sessions};
use arc_swap::ArcSwap;
use ntp_observe::Document;
use ntp_os_clock::{Clock, ClockMonitor, ClockReader, monotonic_now};
use ntp_proto::association::{Accepted, Datagram};
use ntp_proto::client::{Client, ClientConfig, Event};
use ntp_proto::clock::{ClockAction, ClockChange, ClockEvent, Disturbance, LeapTable};
use ntp_proto::nts::MAX_PROTECTED_REQUEST;
use ntp_proto::server::ServedState;
use ntp_proto::time::{MonoTime, Now, NtpDuration, Seconds};
use ntp_udp::{BindOptions, Socket};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How often the files are written while nothing happens (the interval of chrony's drift file).
const KEEPING_INTERVAL: Duration = Duration::from_secs(3600);
/// The least error of the clock, from a rate that another program has set, that counts as a
/// disturbance.
const LEAST_HARM: NtpDuration = NtpDuration::from_bits((1 << 32) / 4000);
/// Answers of look-ups and the like that wait for the client.
const INBOX: usize = 64;

/// What others can ask of the owner.
pub(crate) type Question = oneshot::Sender<Document>;

/// What the task is made of.
pub(crate) struct Parts {
    pub(crate) client: ClientConfig,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) facts: Facts,
    pub(crate) served: Arc<ArcSwap<ServedState>>,
    /// The leap seconds whenever their file has been read.
    pub(crate) leap_tables: mpsc::Receiver<Arc<LeapTable>>,
}

/// The task, ready to run.
pub(crate) struct ClientTask {
    client: Client,
    clock: Clock,
    monitor: ClockMonitor,
    notice: SetNotice,
    reader: ClockReader,
    store: Store,
    facts: Facts,
    served: Arc<ArcSwap<ServedState>>,
    watching: logging_of_events::Watching,
    alarm: Alarm,
    ports: OpenPorts,
    network: Network,
    /// See [`keep_stamping`].
    _stamping: Option<Socket>,
    resolved: (mpsc::Sender<Resolved>, mpsc::Receiver<Resolved>),
    established: (mpsc::Sender<Established>, mpsc::Receiver<Established>),
    leap_tables: mpsc::Receiver<Arc<LeapTable>>,
    next_keeping: MonoTime,
    frequency_kept: bool,
    /// See [`KnownTime::set_forward`](known_time::KnownTime::set_forward).
    set_forward: Seconds,
}

impl ClientTask {
    /// Sets the clock to the last known time if it shows an earlier one, and makes the client.
    pub(crate) fn new(parts: Parts, seed: [u8; 32]) -> Self {
        let Parts {
            mut client,
            mut clock,
            mut store,
            facts,
            served,
            leap_tables,
        } = parts;
        let kept = store.state();
        // At the first start, and where the clock does not go on while the machine is off, it
        // cannot judge certificates.
        let known = known_time::at_start(&mut clock, kept.map(|kept| kept.last_known_unix_s));
        client.unproven_since = known.unproven_since;
        if let Some(path) = store.nts_sessions() {
            client.sessions = nts_sessions::take(path, &facts.sources);
        }
        let accumulated = kept.map(|kept| Seconds::new(kept.accumulated_steps_s));
        let initial = clock_choice::initial(&clock, store.frequency(), accumulated, known.assumed);
        let reader = clock.reader();
        let now = Now {
            mono: monotonic_now(),
            local: reader.now(),
        };
        let mut client = Client::new(client, &initial, seed, now);
        client.handle_own_servers(network::own_servers(&facts.servers));
        for (entry, addresses) in store.known_addresses(&facts.sources) {
            client.remember(entry, &addresses);
        }
        Self {
            client,
            monitor: ClockMonitor::new(&clock),
            notice: SetNotice::new(),
            clock,
            ports: OpenPorts::new(reader.clone()),
            network: Network::watch(),
            reader,
            store,
            facts,
            served,
            watching: logging_of_events::Watching::default(),
            alarm: Alarm::new(),
            _stamping: keep_stamping(),
            resolved: mpsc::channel(INBOX),
            established: mpsc::channel(INBOX),
            leap_tables,
            next_keeping: now.mono + KEEPING_INTERVAL,
            frequency_kept: false,
            set_forward: known.set_forward,
        }
    }

    fn now(&self) -> Now {
        Now {
            mono: monotonic_now(),
            local: self.reader.now(),
        }
    }

    /// Runs until `stop` says so; then leaves the plain frequency in force and the files written.
    pub(crate) async fn run(
        mut self,
        mut questions: mpsc::Receiver<Question>,
        mut stop: oneshot::Receiver<()>,
    ) {
        loop {
            self.look_at_the_clock();
            self.drain();
            let due = self.due();
            tokio::select! {
                biased;
                _ = &mut stop => break,
                // Before what comes in, so that no flood holds up what is due.
                () = self.alarm.reached(due) => self.handle_timeout(),
                // The clock is looked at first in every round, so nothing else is to be done here.
                () = self.notice.noticed() => {}
                inbound = self.ports.next() => self.take(inbound),
                () = self.network.changed() => self.handle_network_change(),
                Some(resolved) = self.resolved.1.recv() => {
                    let outcome = resolved.outcome.as_deref().map_err(Clone::clone);
                    if let (Ok(found), Some(source)) = (outcome.as_ref(), self.facts.sources.get(resolved.group.place())) {
                        self.store.note_addresses(source, found);
                    }
                    self.client.handle_resolved(self.now(), resolved.group, outcome);
                }
                Some(established) = self.established.1.recv() => {
                    self.client.handle_established(self.now(), established.group, established.outcome);
                }
                Some(table) = self.leap_tables.recv() => self.client.handle_leap_table(self.now(), Some(table)),
                Some(question) = questions.recv() => {
                    // Who asked may have gone meanwhile.
                    let _ = question.send(observe::document(&self.client, &self.clock, &self.facts, self.now()));
                }
            }
            self.keep_if_due();
        }
        // It may have been set in the same moment, and must not be kept as right.
        self.look_at_the_clock();
        self.client.handle_shutdown(self.now());
        self.obey();
        self.keep();
        if let Some(sessions) =
            nts_sessions::to_octets(&self.facts.sources, &self.client.sessions(monotonic_now()))
        {
            self.store.keep_nts_sessions(sessions);
        }
        // The clock is in order: from here on, a disk may take its time.
        self.store.finish();
    }

    /// When something is due.
    fn due(&self) -> MonoTime {
        let next = [
            self.client.poll_timeout(self.now()),
            self.ports.poll_timeout(),
        ];
        next.into_iter()
            .flatten()
            .fold(self.next_keeping, MonoTime::min)
    }

    /// Another program may have set the clock or its rate, or the machine may have been suspended.
    fn look_at_the_clock(&mut self) {
        self.look_for_rivals();
        if let Some(disturbance) = self.monitor.check(&self.clock) {
            self.client
                .handle_clock_change(monotonic_now(), ClockChange::Disturbed(disturbance));
        }
    }

    /// Checks for another program that steers the clock as well, and gives the client the error
    /// that it has made and the rate at which the clock runs in fact.
    fn look_for_rivals(&mut self) {
        let Ok(Some(found)) = self.clock.interference() else {
            return;
        };
        let (mono, at) = (monotonic_now(), self.clock.now());
        Rivalry::note(&mut self.facts.rivalry, mono, found);
        if found.moved.abs() >= LEAST_HARM {
            let disturbance = Disturbance {
                before: at - found.moved,
                step: found.moved,
                suspended: Duration::ZERO,
            };
            self.client
                .handle_clock_change(mono, ClockChange::Disturbed(disturbance));
        }
        self.client.handle_clock_change(
            mono,
            ClockChange::FrequencySet {
                at,
                frequency: found.found,
            },
        );
    }

    fn handle_timeout(&mut self) {
        self.look_at_the_clock();
        let now = self.now();
        self.client.handle_timeout(now);
        self.ports.handle_timeout(now.mono);
    }

    /// An interface, an address or a route has come up.
    fn handle_network_change(&mut self) {
        tracing::debug!("the network of this machine has changed");
        self.client
            .handle_own_servers(network::own_servers(&self.facts.servers));
        self.client.handle_network_change(self.now());
    }

    fn take(&mut self, inbound: Inbound) {
        // A measurement is of no use where the clock did not go as we think.
        self.look_at_the_clock();
        let now = self.now();
        let (source, outcome) = match inbound {
            Inbound::Unreachable(source, os_error) => {
                return self.client.handle_unreachable(source, os_error);
            }
            Inbound::Transmitted(token, stamp) => (
                token.association(),
                self.client.handle_transmitted(now, token, stamp),
            ),
            Inbound::Datagram {
                source,
                from,
                to,
                received,
                bytes,
            } => {
                let datagram = Datagram {
                    from,
                    to,
                    received,
                    bytes: &bytes,
                };
                (
                    source,
                    self.client
                        .handle_datagram(now, source, &datagram)
                        .map(Some),
                )
            }
        };
        match outcome {
            Ok(Some(Accepted::Measured)) => {
                // The request has its answer; its port is closed.
                self.ports.close(source);
                logging_of_events::log_exchange(source, &self.client, &self.facts, now);
            }
            Ok(_) => {}
            Err(discard) => {
                logging_of_events::log_discard(source, discard, &self.client, &self.facts);
            }
        }
    }

    /// Does all that the client wants done.
    fn drain(&mut self) {
        let mut buffer = [0; MAX_PROTECTED_REQUEST];
        self.obey();
        while let Some(transmit) = self.client.poll_transmit(self.now(), &mut buffer) {
            let bytes = buffer.get(..transmit.length).unwrap_or_default();
            match self.ports.launch(transmit, bytes) {
                Ok(told) => told.into_iter().for_each(|inbound| self.take(inbound)),
                Err(failure) => {
                    self.client
                        .handle_send_failed(self.now(), failure.token, failure.os_error);
                }
            }
            self.obey();
        }
        self.served
            .store(Arc::new(self.client.served_state(self.now())));
    }

    fn obey(&mut self) {
        while let Some(action) = self.client.poll_action() {
            if let Some(change) = self.act(action) {
                self.client.handle_clock_change(monotonic_now(), change);
            }
        }
        while let Some(event) = self.client.poll_event() {
            logging_of_events::log(&event, &self.client, &self.facts, self.now());
            match event {
                Event::Resolve { entry, host, port } => {
                    resolve::start(entry, host, port, self.resolved.0.clone());
                }
                Event::Establish { entry, since, .. } => {
                    let local = self.reader.now();
                    let moved = self.set_forward + self.client.clock().unauthenticated_steps();
                    let unmoved = unix_seconds(local - NtpDuration::from(moved));
                    let time = establish::Time {
                        now: unix_seconds(local),
                        unmoved,
                        since,
                    };
                    if let Some(source) = self.facts.sources.get(entry.place()) {
                        establish::start(entry, &source.kind, time, self.established.0.clone());
                    }
                }
                Event::AssociationRemoved { id, .. } => self.ports.close(id),
                Event::Clock(ClockEvent::Stepped(_) | ClockEvent::Synchronized) => self.keep(),
                Event::Clock(_)
                | Event::Unresolved { .. }
                | Event::LastKnownAddresses { .. }
                | Event::AddressesRefused { .. }
                | Event::Established { .. }
                | Event::NotEstablished { .. }
                | Event::SameServer { .. }
                | Event::TimeDoubted
                | Event::AssociationAdded { .. }
                | Event::AssociationChanged { .. } => {}
            }
        }
        self.watching.log(&self.client, self.now());
    }

    fn act(&mut self, action: ClockAction) -> Option<ClockChange> {
        let outcome = match action {
            ClockAction::Step(step) => {
                let before = self.clock.now();
                self.clock.step_near(step, built()).map(|()| {
                    self.monitor.handle_step(step);
                    Some(ClockChange::Stepped { before, step })
                })
            }
            ClockAction::SetFrequency(frequency) => {
                self.look_for_rivals();
                let applied = self.clock.set_frequency(frequency);
                applied.map(|frequency| {
                    Some(ClockChange::FrequencySet {
                        at: self.clock.now(),
                        frequency,
                    })
                })
            }
            ClockAction::SetStatus(status) => self.clock.set_status(&status).map(|()| None),
        };
        match outcome {
            Ok(change) => {
                self.facts.clock_error = None;
                change
            }
            Err(error) => {
                if self.facts.clock_error.is_none() {
                    tracing::error!("{error}");
                }
                self.facts.clock_error = Some(error.to_string());
                Some(ClockChange::Failed)
            }
        }
    }

    fn keep_if_due(&mut self) {
        let learned =
            !self.frequency_kept && self.client.clock().frequency_worth_keeping().is_some();
        if learned || monotonic_now() >= self.next_keeping {
            self.look_at_the_clock();
            self.keep();
        }
    }

    /// Hands over what is to be in the files.
    fn keep(&mut self) {
        self.next_keeping = monotonic_now() + KEEPING_INTERVAL;
        let clock = self.client.clock();
        if let Some(frequency) = clock.frequency_worth_keeping() {
            self.store.keep_frequency(frequency);
            self.frequency_kept = true;
        }
        self.store.keep_addresses();
        let free = clock.timescale().to_free(self.reader.now());
        // A time that nobody has confirmed must not become the lower limit of the next start.
        if let Some(accumulated) = clock
            .accumulated_steps()
            .filter(|_| clock.is_synchronized(free))
        {
            self.store
                .keep_state(unix_seconds(self.reader.now()), accumulated);
        }
    }
}

/// An idle socket that asks for timestamps. The kernel begins to stamp a moment after the first
/// socket has asked, and ends with the last: without this one, the first reply to each request
/// could lack its timestamp.
fn keep_stamping() -> Option<Socket> {
    Socket::bind(&BindOptions::client(SocketAddr::from((
        Ipv4Addr::LOCALHOST,
        0,
    ))))
    .ok()
}
