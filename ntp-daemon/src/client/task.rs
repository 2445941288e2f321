//! The client task: the one owner of the associations and of the clock.

use super::command::ClientCommand;
use super::key_establishment::{self, Established};
use super::known_time::{built, unix_seconds};
use super::network::{self, Network};
use super::open_clock::OpenClock;
use super::request_ports::RequestPorts;
use super::resolve::{self, Resolved};
use super::rivals::Rivalry;
use super::timer::{SetNotice, WakeTimer};
use super::{event_log, known_time, open_clock};
use crate::context::DaemonContext;
use crate::lifecycle::StopSignal;
use crate::nts::session_file;
use crate::observe::{self, DocumentRequest};
use crate::state::Store;
use crate::state::lock::Lock;
use arc_swap::ArcSwap;
use ntp_exchange::{Inbound, keep_stamping};
use ntp_os_clock::{Clock, ClockMonitor, ClockReader, monotonic_now};
use ntp_proto::association::{Accepted, Datagram};
use ntp_proto::client::{Client, ClientConfig, Event};
use ntp_proto::clock::{ClockAction, ClockChange, ClockEvent, Disturbance, LeapTable};
use ntp_proto::nts::MAX_PROTECTED_REQUEST;
use ntp_proto::server::ServedState;
use ntp_proto::time::{MonoTime, Now, NtpDuration, Seconds};
use ntp_udp::Socket;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The interval at which the files are written while nothing happens (that of chrony's drift file).
const SAVE_INTERVAL: Duration = Duration::from_secs(3600);
/// The least error of the clock, from a rate that another program has set, that counts as a
/// disturbance: 1/4000 s.
const LEAST_DISTURBANCE: NtpDuration = NtpDuration::from_bits((1 << 32) / 4000);
/// The limit of results of one kind that wait for the task.
const WAITING_RESULTS: usize = 64;

/// The parts that the task takes over.
pub(crate) struct Parts {
    pub(crate) client: ClientConfig,
    pub(crate) clock: OpenClock,
    pub(crate) store: Store,
    pub(crate) context: DaemonContext,
    pub(crate) served: Arc<ArcSwap<ServedState>>,
    /// The leap seconds, each time their file has been read.
    pub(crate) leap_tables: mpsc::Receiver<Arc<LeapTable>>,
}

/// Results that tasks in the background send to the client task.
struct Results<T> {
    sender: mpsc::Sender<T>,
    receiver: mpsc::Receiver<T>,
}

impl<T> Results<T> {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_RESULTS);
        Self { sender, receiver }
    }
}

/// The task, ready to run.
pub(crate) struct ClientTask {
    client: Client,
    clock: Clock,
    /// Released when the clock has been left in order.
    _clock_lock: Option<Lock>,
    monitor: ClockMonitor,
    notice: SetNotice,
    reader: ClockReader,
    store: Store,
    context: DaemonContext,
    served: Arc<ArcSwap<ServedState>>,
    watching: event_log::Watching,
    timer: WakeTimer,
    ports: RequestPorts,
    network: Network,
    /// See [`keep_stamping`].
    _stamping: Option<Socket>,
    resolved: Results<Resolved>,
    established: Results<Established>,
    leap_tables: mpsc::Receiver<Arc<LeapTable>>,
    next_save: MonoTime,
    frequency_saved: bool,
    /// See [`KnownTime::set_forward`](known_time::KnownTime::set_forward).
    set_forward: Seconds,
}

impl ClientTask {
    /// Sets the clock to the last known time if it shows an earlier one, and makes the client.
    pub(crate) fn new(parts: Parts, seed: [u8; 32]) -> Self {
        let Parts {
            mut client,
            clock: OpenClock { mut clock, lock },
            mut store,
            context,
            served,
            leap_tables,
        } = parts;
        let kept = store.state();
        // At the first start, and where the clock does not go on while the machine is off, it
        // cannot judge certificates.
        let known = known_time::at_start(&mut clock, kept.map(|kept| kept.last_known_unix_s));
        client.unproven_since = known.unproven_since;
        if let Some(path) = store.nts_sessions() {
            client.sessions = session_file::take(path, &context.sources);
        }
        let accumulated = kept.map(|kept| Seconds::new(kept.accumulated_steps_s));
        let initial = open_clock::initial(&clock, store.frequency(), accumulated, known.assumed);
        let reader = clock.reader();
        let now = Now {
            mono: monotonic_now(),
            local: reader.now(),
        };
        let mut client = Client::new(client, &initial, seed, now);
        client.handle_own_servers(network::own_servers(&context.servers.load()));
        for (entry, addresses) in store.known_addresses(&context.sources) {
            client.remember(entry, &addresses);
        }
        Self {
            client,
            monitor: ClockMonitor::new(&clock),
            notice: SetNotice::new(),
            clock,
            _clock_lock: lock,
            ports: RequestPorts::new(reader.clone()),
            network: Network::watch(),
            reader,
            store,
            context,
            served,
            watching: event_log::Watching::default(),
            timer: WakeTimer::new(),
            _stamping: keep_stamping(),
            resolved: Results::new(),
            established: Results::new(),
            leap_tables,
            next_save: now.mono + SAVE_INTERVAL,
            frequency_saved: false,
            set_forward: known.set_forward,
        }
    }

    fn now(&self) -> Now {
        Now {
            mono: monotonic_now(),
            local: self.reader.now(),
        }
    }

    /// Runs until `stop` resolves; then leaves the plain frequency in force and the files written.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<DocumentRequest>,
        mut orders: mpsc::Receiver<ClientCommand>,
        mut stop: StopSignal,
    ) {
        loop {
            self.check_clock();
            self.process_output();
            let due = self.due();
            tokio::select! {
                biased;
                _ = &mut stop => break,
                // Before incoming datagrams, so that no flood holds up what is due.
                () = self.timer.reached(due) => self.handle_timeout(),
                // The next round begins with a check of the clock.
                () = self.notice.noticed() => {}
                inbound = self.ports.next() => self.handle_inbound(inbound),
                () = self.network.changed() => self.handle_network_change(),
                Some(resolved) = self.resolved.receiver.recv() => self.handle_resolved(&resolved),
                Some(established) = self.established.receiver.recv() => {
                    self.client.handle_established(self.now(), established.entry, established.outcome);
                }
                Some(table) = self.leap_tables.recv() => self.client.handle_leap_table(self.now(), Some(table)),
                Some(order) = orders.recv() => {
                    let now = self.now();
                    order.apply(&mut self.client, &mut self.context, now);
                }
                Some(request) = requests.recv() => {
                    let document = observe::document(&self.client, &self.clock, &self.context, self.now());
                    // The reader may have gone.
                    let _ = request.send(document);
                }
            }
            self.save_if_due();
        }
        // It may have been set in this moment, and must not be saved as right.
        self.check_clock();
        self.client.handle_shutdown(self.now());
        self.process_actions();
        self.save();
        if let Some(sessions) = session_file::to_octets(
            &self.context.sources,
            &self.client.sessions(monotonic_now()),
        ) {
            self.store.keep_nts_sessions(sessions);
        }
        // The clock is in order: from here on, a disk may take its time.
        self.store.finish();
    }

    /// The next time at which something is due.
    fn due(&self) -> MonoTime {
        let next = [
            self.client.poll_timeout(self.now()),
            self.ports.poll_timeout(),
        ];
        next.into_iter()
            .flatten()
            .fold(self.next_save, MonoTime::min)
    }

    /// Checks whether another program has set the clock or its rate, or the machine was suspended.
    fn check_clock(&mut self) {
        self.check_interference();
        if let Some(disturbance) = self.monitor.check(&self.clock) {
            self.client
                .handle_clock_change(monotonic_now(), ClockChange::Disturbed(disturbance));
        }
    }

    /// Checks whether another program steers the clock as well. If so, the client learns the error
    /// that it has caused and the rate at which the clock runs.
    fn check_interference(&mut self) {
        let Ok(Some(found)) = self.clock.interference() else {
            return;
        };
        let (mono, at) = (monotonic_now(), self.clock.now());
        Rivalry::note(&mut self.context.rivalry, mono, found);
        if found.moved.abs() >= LEAST_DISTURBANCE {
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

    fn handle_resolved(&mut self, resolved: &Resolved) {
        let outcome = resolved.outcome.as_deref().map_err(Clone::clone);
        let source = self.context.sources.get(resolved.entry);
        if let (Ok(found), Some(source)) = (outcome.as_ref(), source) {
            self.store.note_addresses(source, found);
        }
        self.client
            .handle_resolved(self.now(), resolved.entry, outcome);
    }

    fn handle_timeout(&mut self) {
        self.check_clock();
        let now = self.now();
        self.client.handle_timeout(now);
        self.ports.handle_timeout(now.mono);
    }

    /// An interface, an address or a route has come up.
    fn handle_network_change(&mut self) {
        tracing::debug!("the network of this machine has changed");
        self.client
            .handle_own_servers(network::own_servers(&self.context.servers.load()));
        self.client.handle_network_change(self.now());
    }

    fn handle_inbound(&mut self, inbound: Inbound) {
        // A measurement is of no use if the clock did not run as we think.
        self.check_clock();
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
                // The request has been answered.
                self.ports.close(source);
                event_log::log_exchange(source, &self.client, &self.context, now);
            }
            Ok(_) => {}
            Err(discard) => {
                event_log::log_discard(source, discard, &self.client, &self.context);
            }
        }
    }

    /// Carries out what the client has queued: clock actions, events, requests.
    fn process_output(&mut self) {
        let mut buffer = [0; MAX_PROTECTED_REQUEST];
        self.process_actions();
        while let Some(transmit) = self.client.poll_transmit(self.now(), &mut buffer) {
            let bytes = buffer.get(..transmit.length).unwrap_or_default();
            match self.ports.send(transmit, bytes) {
                Ok(reported) => reported
                    .into_iter()
                    .for_each(|inbound| self.handle_inbound(inbound)),
                Err(failure) => {
                    let os_error = failure.os_error();
                    self.client
                        .handle_send_failed(self.now(), failure.token, os_error);
                }
            }
            self.process_actions();
        }
        self.served
            .store(Arc::new(self.client.served_state(self.now())));
    }

    fn process_actions(&mut self) {
        while let Some(action) = self.client.poll_action() {
            if let Some(change) = self.apply(action) {
                self.client.handle_clock_change(monotonic_now(), change);
            }
        }
        while let Some(event) = self.client.poll_event() {
            event_log::log(&event, &self.client, &self.context, self.now());
            match event {
                Event::Resolve { entry, host, port } => {
                    resolve::start(entry, host, port, self.resolved.sender.clone());
                }
                Event::Establish { entry, since, .. } => {
                    let local = self.reader.now();
                    let moved = self.set_forward + self.client.clock().unauthenticated_steps();
                    let unmoved = unix_seconds(local - NtpDuration::from(moved));
                    let time = key_establishment::Time {
                        now: unix_seconds(local),
                        unmoved,
                        since,
                    };
                    if let Some(source) = self.context.sources.get(entry) {
                        key_establishment::start(
                            entry,
                            &source.kind,
                            time,
                            self.established.sender.clone(),
                        );
                    }
                }
                Event::AssociationRemoved { id, .. } => self.ports.close(id),
                Event::Clock(ClockEvent::Stepped(_) | ClockEvent::Synchronized) => self.save(),
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

    fn apply(&mut self, action: ClockAction) -> Option<ClockChange> {
        let outcome = match action {
            ClockAction::Step(step) => {
                let before = self.clock.now();
                self.clock.step_near(step, built()).map(|()| {
                    self.monitor.handle_step(step);
                    Some(ClockChange::Stepped { before, step })
                })
            }
            ClockAction::SetFrequency(frequency) => {
                self.check_interference();
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
                self.context.clock_error = None;
                change
            }
            Err(error) => {
                if self.context.clock_error.is_none() {
                    tracing::error!("{error}");
                }
                self.context.clock_error = Some(error.to_string());
                Some(ClockChange::Failed)
            }
        }
    }

    fn save_if_due(&mut self) {
        let worth_saving =
            !self.frequency_saved && self.client.clock().frequency_worth_keeping().is_some();
        if worth_saving || monotonic_now() >= self.next_save {
            self.check_clock();
            self.save();
        }
    }

    /// Hands the content of the files to the writer.
    fn save(&mut self) {
        self.next_save = monotonic_now() + SAVE_INTERVAL;
        let clock = self.client.clock();
        if let Some(frequency) = clock.frequency_worth_keeping() {
            self.store.keep_frequency(frequency);
            self.frequency_saved = true;
        }
        self.store.keep_addresses();
        let free = clock.timescale().to_free(self.reader.now());
        // An unconfirmed time must not become the lower limit of the next start.
        if let Some(accumulated) = clock
            .accumulated_steps()
            .filter(|_| clock.is_synchronized(free))
        {
            self.store
                .keep_state(unix_seconds(self.reader.now()), accumulated);
        }
    }
}
