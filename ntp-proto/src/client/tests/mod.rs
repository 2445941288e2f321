//! The client against small worlds: servers on a network with fixed delays, and a clock that obeys.

mod authentication;
mod configuration;
mod disturbances;
mod limits;
mod network;
mod nts;
mod served;
mod servers;
mod start;
mod truth;

use super::*;
use crate::association::AssociationConfig;
use crate::client::entry::SourceEntryKind;
use crate::clock::{
    Authentication, ClockEvent, ClockStatus, Doubt, FirstTime, Halt, KnownFrequency, Outcome,
    Standing, StepLimits,
};
use crate::packet::{Header, KissCode, LeapIndicator, Mode, ReferenceId, Stratum};
use crate::time::{Frequency, NtpDuration, NtpTimestamp, Precision, Seconds, StampOrigin};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
enum Server {
    Honest,
    Lying(f64),
    Dead,
    Unsynchronized,
    Kiss(&'static [u8; 4]),
    /// Requests to it cannot be sent, with this error number.
    Unsendable(i32),
    /// It is our own server.
    Ourselves,
    /// Its replies arrive behind a forged one without time, with this kiss code.
    Raced(&'static [u8; 4]),
}

/// A world in steps of events: its truth, our clock in it, and its servers, 1 ms away each.
struct World {
    client: Client,
    mono: MonoTime,
    local: NtpTimestamp,
    rate: f64,
    error: f64,
    servers: HashMap<SocketAddr, Server>,
    names: HashMap<String, Vec<SocketAddr>>,
    events: Vec<Event>,
    sent: usize,
    /// The delay in each direction, in seconds.
    one_way: f64,
    /// The next reply of a server takes so many seconds longer.
    held_up: Option<(SocketAddr, f64)>,
    /// Whether our clock refuses to be set.
    refuses: bool,
    /// The statuses that the operating system was given, with their times.
    statuses: Vec<(MonoTime, ClockStatus)>,
    /// What servers with NTS know and do.
    nts: nts::Servers,
    /// True if the resolver never answers.
    resolver_hangs: bool,
    /// By how much the clock of timers is fast, in seconds.
    timers_fast: f64,
}

/// The reason why a clock is not right after a suspend.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Resume {
    /// The hardware clock, which the kernel has counted the span by, for the clock and for timers
    /// alike.
    Counted,
    /// Another program has set the clock at the resume.
    Set,
}

fn truth(mono: MonoTime) -> NtpTimestamp {
    NtpTimestamp::from_unix(START, 0) + NtpDuration::from(mono.since_epoch())
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 123))
}

fn server(host: &str) -> SourceEntryConfig {
    SourceEntryConfig {
        host: host.into(),
        port: 123,
        kind: SourceEntryKind::Server,
        association: AssociationConfig::default(),
    }
}

fn pool(count: usize) -> SourceEntryConfig {
    SourceEntryConfig {
        kind: SourceEntryKind::Pool {
            count,
            ignore: Vec::new(),
        },
        ..server("pool.example")
    }
}

fn config(entries: Vec<SourceEntryConfig>, clock: ClockConfig) -> ClientConfig {
    ClientConfig {
        entries,
        clock,
        sessions: Vec::new(),
        unproven_since: None,
        certain_since: Some(BUILT),
        plausible_until: Some(BUILT + 15 * 31_557_600),
    }
}

/// The time of the build, in Unix seconds; the truth of a world begins a year and a half later.
const BUILT: i64 = 1_750_000_000;

/// The truth at the start of a world, in Unix seconds.
const START: i64 = 1_800_000_000;

/// In seconds.
const YEAR: f64 = 31_557_600.0;

fn initial() -> InitialClock {
    InitialClock {
        steers: true,
        applied: Frequency::ZERO,
        frequency: None,
        assumed_step: Seconds::ZERO,
        accumulated: None,
        precision: Precision::from_log2(-25),
        left_synchronized: false,
    }
}

impl World {
    /// A clock that is `offset` seconds behind and loses `drift` seconds per second.
    fn new(entries: Vec<SourceEntryConfig>, offset: f64, drift: f64) -> Self {
        Self::with(entries, ClockConfig::default(), &initial(), (offset, drift))
    }

    fn with(
        entries: Vec<SourceEntryConfig>,
        clock: ClockConfig,
        initial: &InitialClock,
        (offset, drift): (f64, f64),
    ) -> Self {
        let local = truth(MonoTime::ZERO) - NtpDuration::from_seconds(offset);
        let now = Now {
            mono: MonoTime::ZERO,
            local,
        };
        Self {
            client: Client::new(config(entries, clock), initial, [7; 32], now),
            mono: MonoTime::ZERO,
            local,
            rate: 0.0,
            error: -drift,
            servers: HashMap::new(),
            names: HashMap::new(),
            events: Vec::new(),
            sent: 0,
            one_way: 0.001,
            held_up: None,
            refuses: false,
            statuses: Vec::new(),
            nts: nts::Servers::new(),
            resolver_hangs: false,
            timers_fast: 0.0,
        }
    }

    fn serve(mut self, servers: &[(u8, Server)]) -> Self {
        self.servers = servers
            .iter()
            .map(|(last, server)| (address(*last), *server))
            .collect();
        self.names.insert(
            "pool.example".into(),
            servers.iter().map(|(last, _)| address(*last)).collect(),
        );
        self
    }

    fn now(&self) -> Now {
        Now {
            mono: self.mono,
            local: self.local,
        }
    }

    fn truth(&self) -> NtpTimestamp {
        truth(self.mono) - NtpDuration::from_seconds(self.timers_fast)
    }

    /// Truth minus our clock.
    fn offset(&self) -> f64 {
        (self.truth() - self.local).to_seconds()
    }

    fn pass(&mut self, seconds: f64) {
        self.mono = self.mono + Duration::from_secs_f64(seconds);
        self.local = self.local
            + NtpDuration::from_seconds(seconds * (1.0 + self.error) * (1.0 + self.rate));
    }

    /// Another program adds `by` seconds to the clock, and the driver notices.
    fn disturb(&mut self, by: f64) {
        let (before, step) = (self.local, NtpDuration::from_seconds(by));
        self.local = before + step;
        let change = ClockChange::Disturbed(Disturbance {
            before,
            step,
            suspended: Duration::ZERO,
        });
        self.client.handle_clock_change(self.mono, change);
    }

    /// The machine sleeps for `span` seconds, after which its clock is fast by `gained`. The driver
    /// reports what it can see.
    fn suspend(&mut self, span: f64, gained: f64, why: Resume) {
        let counted = if why == Resume::Counted { gained } else { 0.0 };
        self.pass(span);
        self.timers_fast += counted;
        self.mono = MonoTime::from_epoch(Duration::from_secs_f64(
            self.mono.since_epoch().as_secs_f64() + counted,
        ));
        let before = self.local + NtpDuration::from_seconds(counted);
        self.local = self.local + NtpDuration::from_seconds(gained);
        let suspended = Duration::from_secs_f64(span + counted);
        let change = ClockChange::Disturbed(Disturbance {
            before,
            step: self.local - before,
            suspended,
        });
        self.client.handle_clock_change(self.mono, change);
    }

    /// Lives until `end` seconds after the start.
    fn run(&mut self, end: f64) {
        let end = MonoTime::from_epoch(Duration::from_secs_f64(end));
        while self.mono < end {
            self.drain();
            let wake = self.client.poll_timeout(self.now()).unwrap_or(end).min(end);
            self.pass(wake.since(self.mono).as_secs_f64().max(0.000_1));
            self.client.handle_timeout(self.now());
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut buffer = [0; 1024];
        while let Some(transmit) = self.client.poll_transmit(self.now(), &mut buffer) {
            self.sent += 1;
            if let Some(Server::Unsendable(error)) = self.servers.get(&transmit.to) {
                self.client
                    .handle_send_failed(self.now(), transmit.token, *error);
                continue;
            }
            let stamp = LocalStamp {
                at: self.local,
                origin: StampOrigin::Kernel,
            };
            self.client
                .handle_transmitted(self.now(), transmit.token, stamp)
                .unwrap();
            self.answer(
                &buffer[..transmit.length],
                transmit.association,
                transmit.to,
            );
            self.obey();
        }
        self.obey();
    }

    fn answer(&mut self, octets: &[u8], association: AssociationId, to: SocketAddr) {
        let request = &Header::decode(octets).unwrap();
        let behavior = self.servers.get(&to).copied().unwrap_or(Server::Dead);
        let lie = if let Server::Lying(lie) = behavior {
            lie
        } else {
            0.0
        };
        self.pass(self.one_way);
        let at = self.truth() + NtpDuration::from_seconds(lie);
        let honest = Header {
            mode: Mode::Server,
            stratum: Stratum::from_bits(1),
            reference_id: ReferenceId::from_letters(*b"GPS\0"),
            precision: Precision::from_log2(-25),
            origin: request.transmit,
            receive: at,
            transmit: at,
            ..*request
        };
        let held_up = self
            .held_up
            .take_if(|(server, _)| *server == to)
            .map_or(0.0, |(_, by)| by);
        self.pass(self.one_way + held_up);
        let kiss = |code| Header {
            leap: LeapIndicator::Unsynchronized,
            stratum: Stratum::UNSPECIFIED,
            reference_id: ReferenceId::from_letters(code),
            ..honest
        };
        let reply = match behavior {
            Server::Dead | Server::Unsendable(_) => return,
            Server::Kiss(code) => kiss(*code),
            Server::Unsynchronized => Header {
                leap: LeapIndicator::Unsynchronized,
                ..honest
            },
            Server::Ourselves => self.our_own(&honest),
            Server::Raced(code) => {
                let received = LocalStamp {
                    at: self.local,
                    origin: StampOrigin::Kernel,
                };
                let datagram = Datagram {
                    from: to,
                    to: None,
                    received,
                    bytes: &kiss(*code).encode(),
                };
                assert!(
                    self.client
                        .handle_datagram(self.now(), association, &datagram)
                        .is_err()
                );
                self.pass(0.02);
                honest
            }
            Server::Honest | Server::Lying(_) => honest,
        };
        let received = LocalStamp {
            at: self.local,
            origin: StampOrigin::Kernel,
        };
        let replies = self
            .nts
            .replies(octets, &reply)
            .unwrap_or_else(|| vec![reply.encode().to_vec()]);
        for bytes in replies {
            let datagram = Datagram {
                from: to,
                to: None,
                received,
                bytes: &bytes,
            };
            let _ = self
                .client
                .handle_datagram(self.now(), association, &datagram);
        }
    }

    /// A reply of our own server.
    fn our_own(&self, reply: &Header) -> Header {
        let state = self.client.served_state(self.now());
        Header {
            leap: state.leap,
            stratum: state.stratum,
            reference_id: state.reference_id,
            reference_time: state.reference_time,
            receive: self.local,
            transmit: self.local,
            ..*reply
        }
    }

    fn obey(&mut self) {
        while let Some(action) = self.client.poll_action() {
            match action {
                ClockAction::SetStatus(status) => self.statuses.push((self.mono, status)),
                _ if self.refuses => self
                    .client
                    .handle_clock_change(self.mono, ClockChange::Failed),
                ClockAction::Step(step) => {
                    let before = self.local;
                    self.local = before + step;
                    self.client
                        .handle_clock_change(self.mono, ClockChange::Stepped { before, step });
                }
                ClockAction::SetFrequency(frequency) => {
                    self.rate = frequency.to_f64();
                    let change = ClockChange::FrequencySet {
                        at: self.local,
                        frequency,
                    };
                    self.client.handle_clock_change(self.mono, change);
                }
            }
        }
        while let Some(event) = self.client.poll_event() {
            if let Event::Resolve { entry, host, .. } = &event
                && !self.resolver_hangs
            {
                let found = self
                    .names
                    .get(host)
                    .cloned()
                    .ok_or_else(|| "no such host".to_owned());
                let found = found.as_deref().map_err(Clone::clone);
                self.client.handle_resolved(
                    Now {
                        mono: self.mono,
                        local: self.local,
                    },
                    *entry,
                    found,
                );
            }
            if let Event::Establish {
                entry, host, since, ..
            } = &event
            {
                let granted = self
                    .nts
                    .establish(host, *since, self.local.to_unix_near(START).0);
                self.client.handle_established(
                    Now {
                        mono: self.mono,
                        local: self.local,
                    },
                    *entry,
                    granted,
                );
            }
            self.events.push(event);
        }
    }

    fn synchronized(&self) -> bool {
        let free = self.client.clock().timescale().to_free(self.local);
        self.client.clock().is_synchronized(free)
    }

    fn states(&self) -> HashMap<SocketAddr, AssociationState> {
        self.client
            .members()
            .map(|member| (member.association().address(), self.client.state_of(member)))
            .collect()
    }

    fn steps(&self) -> Vec<f64> {
        let step = |event: &Event| match event {
            Event::Clock(ClockEvent::Stepped(step)) => Some(step.to_f64()),
            _ => None,
        };
        self.events.iter().filter_map(step).collect()
    }

    fn error_bound(&self) -> f64 {
        let free = self.client.clock().timescale().to_free(self.local);
        self.client
            .clock()
            .system()
            .unwrap()
            .root_distance_at(free)
            .to_f64()
    }
}
