//! The driver of the client: what the daemon's client task does, in a world where nothing takes
//! time.

use crate::clock::SimClock;
use crate::midpoint::Exchange;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::server::Utc;
use ntp_proto::association::{Accepted, AssociationConfig, AssociationId, Datagram, TransmitToken};
use ntp_proto::client::entry::{SourceEntryConfig, SourceEntryKind};
use ntp_proto::client::{Client, ClientConfig};
use ntp_proto::clock::{
    ClockAction, ClockChange, ClockConfig, Continuity, DisciplineKind, InitialClock, MachineTime,
};
use ntp_proto::packet::LeapIndicator;
use ntp_proto::time::{
    Frequency, LocalStamp, MonoTime, Now, NtpDuration, NtpTimestamp, PollInterval, PollLimits,
    Precision, Seconds, StampOrigin,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The address of a server, by its number.
pub(crate) fn address_of(server: usize) -> SocketAddr {
    let [high, low] = u16::try_from(server + 1).unwrap_or(u16::MAX).to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(10, 0, high, low), 123))
}

/// A request on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) server: usize,
    pub(crate) port: u64,
    pub(crate) octets: Vec<u8>,
    /// For a reply: the time on the server's clock at which it was written.
    pub(crate) answered: f64,
}

/// A port from which a request has been sent, and at which its reply is awaited.
#[derive(Clone, Copy, Debug)]
struct Port {
    number: u64,
    source: AssociationId,
    /// When the request left, on the free-running clock.
    sent: f64,
}

/// The client's machine.
#[derive(Debug)]
pub(crate) struct ClientNode {
    pub(crate) clock: SimClock,
    continuity: Continuity,
    /// The time that the machine has been suspended, in seconds.
    pub(crate) suspended: f64,
    client: Client,
    utc: Utc,
    /// The port that is open for each server, by its number.
    ports: Vec<Option<Port>>,
    next_port: u64,
    /// The kernel's order to insert or delete a second at the end of the day.
    armed: LeapIndicator,
    /// True if the second that is announced has been inserted or deleted.
    leapt: bool,
    wake: Option<MonoTime>,
    sent: u64,
    steps: u64,
}

impl ClientNode {
    pub(crate) fn new(
        scenario: &Scenario,
        discipline: DisciplineKind,
        clock: SimClock,
        mut noise: Random,
    ) -> Self {
        let utc = Utc::new(scenario.epoch, scenario.leap);
        let servers = scenario.servers().count();
        let [shortest, longest] = scenario.poll.map(PollInterval::clamped);
        let poll_limits = PollLimits::new(shortest, longest).unwrap_or_default();
        let association = AssociationConfig {
            poll_limits,
            initial_poll: poll_limits.min(),
            burst: scenario.burst,
            ..AssociationConfig::default()
        };
        let group = |server| SourceEntryConfig {
            host: address_of(server).ip().to_string(),
            port: 123,
            kind: SourceEntryKind::Server,
            association,
        };
        let mut settings = ClockConfig {
            discipline,
            ..ClockConfig::default()
        };
        if !scenario.step {
            settings.steps.threshold = None;
            settings.steps.startup_threshold = Seconds::new(f64::INFINITY);
        }
        let config = ClientConfig {
            entries: (0..servers).map(group).collect(),
            clock: settings,
            sessions: Vec::new(),
            unproven_since: None,
            certain_since: None,
            plausible_until: None,
        };
        let initial = InitialClock {
            steers: true,
            applied: Frequency::ZERO,
            frequency: None,
            assumed_step: Seconds::ZERO,
            accumulated: None,
            precision: Precision::from_log2(-25),
            left_synchronized: false,
        };
        let now = Now {
            mono: MonoTime::ZERO,
            local: utc.shown(0.0, clock.offset),
        };
        let client = Client::new(config, &initial, noise.seed(), now);
        Self {
            clock,
            continuity: Continuity::new(MachineTime {
                local: now.local,
                boot: now.mono,
                suspended: Duration::ZERO,
            }),
            suspended: 0.0,
            client,
            utc,
            ports: vec![None; servers],
            next_port: 1,
            armed: LeapIndicator::NoWarning,
            leapt: false,
            wake: None,
            sent: 0,
            steps: 0,
        }
    }

    /// Requests sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Steps made so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The bound of its error that the client claims, if it claims to be right.
    pub(crate) fn claimed_bound(&self, t: f64) -> Option<f64> {
        let clock = self.client.clock();
        let free = clock.timescale().to_free(self.now(t).local);
        clock
            .system()
            .filter(|_| clock.is_synchronized(free))
            .map(|system| system.root_distance_at(free).to_f64())
    }

    /// The error that the client expects of itself, as a standard deviation.
    pub(crate) fn expected_error(&self) -> f64 {
        self.client.clock().jitter().to_f64()
    }

    /// Clock minus UTC.
    pub(crate) fn error(&self, t: f64) -> f64 {
        self.clock.offset - self.utc.leaped(t)
    }

    fn local(&self, t: f64) -> NtpTimestamp {
        self.utc.shown(t, self.clock.offset)
    }

    fn now(&self, t: f64) -> Now {
        let mono = Duration::from_secs_f64((t + self.clock.timer_offset).max(0.0));
        Now {
            mono: MonoTime::from_epoch(mono),
            local: self.local(t),
        }
    }

    /// The true time at which its timer fires, if nothing changes before. Timers are late by a
    /// nanosecond, never early.
    pub(crate) fn wake(&self, t: f64) -> f64 {
        let Some(wake) = self.wake else {
            return f64::INFINITY;
        };
        let left = wake.since_epoch().as_secs_f64() - (t + self.clock.timer_offset);
        t + left.max(0.0) / (1.0 + self.clock.rate()) + 1e-9
    }

    /// Checks for a change of the clock by another program, as the daemon does after a notice from
    /// the kernel.
    pub(crate) fn look_at_the_clock(&mut self, t: f64, out: &mut Vec<Outgoing>) {
        let Now { mono, local } = self.now(t);
        let now = MachineTime {
            local,
            boot: mono,
            suspended: Duration::from_secs_f64(self.suspended),
        };
        if let Some(disturbance) = self.continuity.check(now) {
            self.client
                .handle_clock_change(mono, ClockChange::Disturbed(disturbance));
            self.drain(t, out);
        }
    }

    /// A step of the clock goes unnoticed.
    pub(crate) fn overlook(&mut self, step: f64) {
        if step != 0.0 {
            self.continuity.handle_step(NtpDuration::from_seconds(step));
        }
    }

    /// Its timer has fired.
    pub(crate) fn handle_timer(&mut self, t: f64, out: &mut Vec<Outgoing>) {
        self.client.handle_timeout(self.now(t));
        self.drain(t, out);
    }

    /// The time on the clock as it would be without any steering.
    pub(crate) fn free(&self, t: f64) -> f64 {
        t + self.clock.free_offset
    }

    /// A reply has come in at a port; if it is still open, the client gets it. Returns the exchange
    /// if it is measured.
    pub(crate) fn handle_reply(
        &mut self,
        t: f64,
        reply: &Outgoing,
        out: &mut Vec<Outgoing>,
    ) -> Option<Exchange> {
        let port = self
            .ports
            .get(reply.server)
            .copied()
            .flatten()
            .filter(|port| port.number == reply.port)?;
        let received = LocalStamp {
            at: self.local(t),
            origin: StampOrigin::Kernel,
        };
        let datagram = Datagram {
            from: address_of(reply.server),
            to: None,
            received,
            bytes: &reply.octets,
        };
        let outcome = self
            .client
            .handle_datagram(self.now(t), port.source, &datagram);
        let measured = outcome == Ok(Accepted::Measured);
        if measured {
            self.close(reply.server);
        }
        self.drain(t, out);
        let Outgoing {
            server, answered, ..
        } = *reply;
        measured.then(|| Exchange {
            server,
            sent: port.sent,
            answered,
            received: self.free(t),
        })
    }

    /// Does what the client wants done, and finds out when it wants to be woken.
    pub(crate) fn drain(&mut self, t: f64, out: &mut Vec<Outgoing>) {
        let mut buffer = [0; 1024];
        self.obey(t);
        while let Some(transmit) = self.client.poll_transmit(self.now(t), &mut buffer) {
            let octets = buffer.get(..transmit.length).unwrap_or_default().to_vec();
            let server = server_of(transmit.to);
            self.sent += 1;
            let port = self.next_port;
            self.next_port += 1;
            let sent = self.free(t);
            if let Some(open) = self.ports.get_mut(server) {
                *open = Some(Port {
                    number: port,
                    source: transmit.association,
                    sent,
                });
            }
            self.redeem(t, transmit.token);
            out.push(Outgoing {
                server,
                port,
                octets,
                answered: 0.0,
            });
        }
        self.wake = self.client.poll_timeout(self.now(t));
    }

    fn redeem(&mut self, t: f64, token: TransmitToken) {
        let stamp = LocalStamp {
            at: self.local(t),
            origin: StampOrigin::Kernel,
        };
        // No reply can have come before its request has left.
        let _ = self.client.handle_transmitted(self.now(t), token, stamp);
        self.obey(t);
    }

    fn close(&mut self, server: usize) {
        if let Some(open) = self.ports.get_mut(server) {
            *open = None;
        }
    }

    fn obey(&mut self, t: f64) {
        while let Some(action) = self.client.poll_action() {
            if let Some(change) = self.act(t, action) {
                self.client.handle_clock_change(self.now(t).mono, change);
            }
        }
        while self.client.poll_event().is_some() {}
    }

    fn act(&mut self, t: f64, action: ClockAction) -> Option<ClockChange> {
        match action {
            ClockAction::Step(step) => {
                let before = self.local(t);
                self.clock.offset += step.to_seconds();
                self.continuity.handle_step(step);
                self.steps += 1;
                Some(ClockChange::Stepped { before, step })
            }
            ClockAction::SetFrequency(frequency) => {
                let applied = self.clock.set_correction(frequency.to_f64());
                Some(ClockChange::FrequencySet {
                    at: self.local(t),
                    frequency: Frequency::new(applied),
                })
            }
            ClockAction::SetStatus(status) => {
                // The kernel does not insert a second twice, however long it stays armed.
                self.leapt &= matches!(status.leap, LeapIndicator::Insert | LeapIndicator::Delete);
                self.armed = if self.leapt {
                    LeapIndicator::NoWarning
                } else {
                    status.leap
                };
                None
            }
        }
    }

    /// The kernel looks, once a second, whether its day is over and a second is to be inserted or
    /// deleted. `t` is the beginning of a second of true time.
    pub(crate) fn handle_second(&mut self, t: f64) {
        let second_of_day = |at: NtpTimestamp| at.to_unix_near(DAY * 365 * 50).0.rem_euclid(DAY);
        let now = second_of_day(self.local(t) + NtpDuration::from_seconds(0.5));
        match self.armed {
            LeapIndicator::Insert if now <= 1 => self.leap(-1.0),
            LeapIndicator::Delete
                if second_of_day(self.local(t) + NtpDuration::from_seconds(1.5)) <= 1 =>
            {
                self.leap(1.0);
            }
            _ => {}
        }
    }

    fn leap(&mut self, by: f64) {
        self.clock.offset += by;
        self.armed = LeapIndicator::NoWarning;
        self.leapt = true;
    }
}

fn server_of(address: SocketAddr) -> usize {
    let SocketAddr::V4(v4) = address else {
        return usize::MAX;
    };
    let [_, _, high, low] = v4.ip().octets();
    usize::from(u16::from_be_bytes([high, low])).wrapping_sub(1)
}
