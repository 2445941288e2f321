//! The loop: one thread goes round its sockets, takes what has come, and sends what is due.

use super::address_range::AddressRange;
use super::pacing::Pacer;
use super::ports::Ports;
use super::probe::{Probe, ServedTime};
use super::requests::{LONGEST_DATAGRAM, RequestSet, reply_header};
use super::slots::{Answered, Slots};
use super::tally::{Tally, Verdict};
use ntp_os_clock::{Clock, ClockReader};
use ntp_proto::packet::Header;
use ntp_proto::time::{NtpDuration, NtpTimestamp};
use ntp_udp::{MAX_BATCH, ReceiveBatch, Received};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A pause in an open loop is slept through if it is longer than this; shorter ones would be
/// overslept.
const SHORTEST_REST: Duration = Duration::from_micros(400);
/// It is slept through in parts, so that replies do not pile up.
const LONGEST_REST: Duration = Duration::from_millis(2);
/// A sleep ends about so much too late.
const OVERSLEEP: Duration = Duration::from_micros(150);

/// The pace of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// A reply, or the end of the patience with it, lets the next request go: so many are always on
    /// their way.
    Closed {
        /// The number of requests in flight.
        window: u64,
    },
    /// By the clock, whatever comes back.
    Open {
        /// Requests a second.
        rate: f64,
        /// The number of requests that are sent together.
        burst: u64,
    },
}

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub target: SocketAddr,
    /// The pace of requests.
    pub pace: Pace,
    /// For how long.
    pub span: Duration,
    /// The limit of requests.
    pub count: u64,
    /// The number of source ports.
    pub ports: usize,
    /// The source addresses, if not the system's choice.
    pub range: Option<AddressRange>,
    /// After this time without a reply, a request is lost.
    pub patience: Duration,
    /// Every how many replies one has its authenticator verified; at least 1.
    pub open_every: u64,
}

/// A load in the making.
#[derive(Debug)]
pub struct Generator {
    plan: Plan,
    ports: Ports,
    requests: RequestSet,
    slots: Slots,
    replies: ReceiveBatch,
    pacer: Option<Pacer>,
    probe: Option<Probe>,
    clock: ClockReader,
    tally: Tally,
    last_reply: Option<Duration>,
}

impl Generator {
    /// Opens the sockets. Nothing is sent yet. `seed` makes the transmit timestamps unpredictable.
    ///
    /// # Errors
    /// If the system refuses a socket.
    pub fn new(plan: Plan, requests: RequestSet, seed: u64) -> Result<Self, String> {
        let (wished, pacer) = match plan.pace {
            Pace::Closed { window } => (window as f64 * 2.0, None),
            // With room for all that can be on their way while the patience lasts.
            Pace::Open { rate, burst } => (
                rate * plan.patience.as_secs_f64() * 1.2,
                Some(Pacer::new(rate, burst)),
            ),
        };
        Ok(Self {
            ports: Ports::open(plan.target, plan.ports, plan.range)?,
            slots: requests.slots((wished as usize).clamp(1024, 1 << 20), seed),
            replies: ReceiveBatch::new(MAX_BATCH, LONGEST_DATAGRAM),
            probe: None,
            clock: Clock::measuring().reader(),
            tally: Tally::default(),
            last_reply: None,
            plan,
            requests,
            pacer,
        })
    }

    /// Adds a probe of the served time with requests of its own, `rate` a second.
    ///
    /// # Errors
    /// If the system refuses a socket.
    pub fn with_probe(
        mut self,
        rate: u32,
        requests: RequestSet,
        seed: u64,
    ) -> Result<Self, String> {
        self.probe = Some(Probe::new(
            self.plan.target,
            rate,
            self.plan.span,
            requests,
            seed,
        )?);
        Ok(self)
    }

    /// Runs the load to its end, and waits for the last replies. Returns for how long replies came.
    pub fn run(&mut self) -> Duration {
        let start = Instant::now();
        let (mut sending_ended, mut quiet) = (None, 0);
        for port in (0..self.plan.ports).cycle() {
            let since = start.elapsed();
            let sending = since < self.plan.span && self.tally.sent < self.plan.count;
            if !sending {
                let ended = *sending_ended.get_or_insert(since);
                if self.waited_for() == 0 || since > ended + self.plan.patience {
                    break;
                }
            }
            let brought = self.receive(port, since);
            let sent = if sending { self.send(port, since) } else { 0 };
            if port == 0 {
                self.probe_turn(since, sending);
            }
            // Only after a whole round: a reply may wait at the next port.
            quiet = if brought == 0 && sent == 0 {
                quiet + 1
            } else {
                0
            };
            if sending && quiet >= self.plan.ports {
                self.rest(since);
                quiet = 0;
            }
        }
        self.slots.expire(self.clock.now(), NtpDuration::ZERO);
        sending_ended
            .unwrap_or_default()
            .max(self.last_reply.unwrap_or_default())
    }

    /// The counts of replies.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The number of requests that were given up, without those of the probe.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.slots.lost()
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) const fn pacer(&self) -> Option<&Pacer> {
        self.pacer.as_ref()
    }

    /// The replies to the probe, and the number of its requests that are lost.
    pub(super) fn probed(&self) -> Option<(&Tally, u64, &ServedTime)> {
        self.probe
            .as_ref()
            .map(|probe| (probe.counts(), probe.lost(), probe.errors()))
    }

    fn waited_for(&self) -> u64 {
        self.slots.in_flight() + self.probe.as_ref().map_or(0, Probe::in_flight)
    }

    fn receive(&mut self, port: usize, since: Duration) -> usize {
        let Some(port) = self.ports.ports.get(port) else {
            return 0;
        };
        let Ok(count) = port.socket.receive_batch(&mut self.replies) else {
            return 0;
        };
        let Self {
            replies,
            slots,
            requests,
            tally,
            plan,
            clock,
            ..
        } = self;
        for (octets, received) in replies.iter() {
            let open = (tally.answered + 1).is_multiple_of(plan.open_every);
            let verdict = match answered(slots, octets, &received, plan.target) {
                Err(verdict) => verdict,
                Ok((answered, header)) => {
                    let arrived = received.stamp.map(|stamp| stamp.at);
                    tally.unstamped += u64::from(arrived.is_none());
                    let took = arrived.unwrap_or_else(|| clock.now()) - answered.sent;
                    tally.latency.record(took.to_nanos().max(0).cast_unsigned());
                    requests.judge(answered.place, octets, &header, open)
                }
            };
            tally.count(verdict);
        }
        self.last_reply = Some(since);
        count
    }

    fn send(&mut self, port: usize, since: Duration) -> usize {
        let now = self.clock.now();
        self.slots.expire(
            now,
            NtpDuration::from_seconds(self.plan.patience.as_secs_f64()),
        );
        let left = self.plan.count - self.tally.sent;
        let most = left.min(MAX_BATCH as u64);
        let due = match (&mut self.pacer, self.plan.pace) {
            (Some(pacer), _) => pacer.take_due(since, most),
            (None, Pace::Closed { window }) => window.saturating_sub(self.slots.in_flight()),
            (None, Pace::Open { .. }) => 0,
        };
        let due = due.min(most);
        if due > 0 {
            self.send_batch(port, due, now);
        }
        due as usize
    }

    fn send_batch(&mut self, port: usize, count: u64, now: NtpTimestamp) {
        for _ in 0..count {
            let from = self.ports.next_address();
            let Some(port) = self.ports.ports.get_mut(port) else {
                return;
            };
            let (place, origin) = (
                self.slots.next_place(),
                self.requests.next_origin(&self.slots),
            );
            let requests = &self.requests;
            if port
                .batch
                .push(self.plan.target, from, |room| {
                    requests.write(place, origin, room)
                })
                .is_ok()
            {
                self.slots.issue(origin, now);
            }
        }
        let Some(port) = self.ports.ports.get_mut(port) else {
            return;
        };
        let report = port.socket.send_batch(&mut port.batch);
        port.batch.clear();
        self.tally.sent += (report.sent + report.failed) as u64;
        self.tally.send_failures += report.failed as u64;
    }

    fn probe_turn(&mut self, since: Duration, sending: bool) {
        let patience = NtpDuration::from_seconds(self.plan.patience.as_secs_f64());
        if let Some(probe) = &mut self.probe {
            let now = self.clock.now();
            probe.expire(now, patience);
            probe.turn(since, now, sending);
        }
    }

    /// Leaves the processor to others while nothing is due for long. In a closed loop, and at high
    /// rates, it is kept: a server that has to wake its client pays for it.
    fn rest(&self, since: Duration) {
        let Some(pacer) = &self.pacer else { return };
        let until = pacer.until_next(since);
        if until > SHORTEST_REST {
            std::thread::sleep((until - OVERSLEEP).min(LONGEST_REST));
        }
    }
}

/// The request that a datagram answers, and the reply's header; or what is wrong with it.
fn answered(
    slots: &mut Slots,
    octets: &[u8],
    received: &Received,
    target: SocketAddr,
) -> Result<(Answered, Header), Verdict> {
    let header = reply_header(octets).ok_or(Verdict::Malformed)?;
    if received.from != target || received.truncated {
        return Err(Verdict::Unexpected);
    }
    slots
        .answer(header.origin.to_bits())
        .map(|answered| (answered, header))
        .ok_or(Verdict::Unexpected)
}
