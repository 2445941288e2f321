//! True time and what happens in it.
//!
//! `t` counts true seconds from 0. The world goes from one event to the next: the beginning of a
//! second (a new rate of the oscillator, and the statistics), a timer of the client, the arrival of
//! a packet. Nothing takes time of its own.

use crate::client::{ClientNode, Outgoing, address_of};
use crate::clock::SimClock;
use crate::midpoint::Midpoint;
use crate::network::Path;
use crate::outcome::{Outcome, Recorder, Second};
use crate::random::Random;
use crate::scenario::{Pause, Scenario, Suspend, Way};
use crate::server::{Answer, SimServer, Utc};
use ntp_proto::clock::DisciplineKind;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr};

/// The client's address.
const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)), 40_000);

#[derive(Debug)]
struct Packet {
    arrival: f64,
    sequence: u64,
    way: Way,
    content: Outgoing,
}

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Packet {}

impl PartialOrd for Packet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Packet {
    /// The earliest is the greatest, as a heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .arrival
            .total_cmp(&self.arrival)
            .then(other.sequence.cmp(&self.sequence))
    }
}

/// One server and both ways to it.
#[derive(Debug)]
struct Remote {
    server: SimServer,
    request: Path,
    response: Path,
}

/// A world at work.
#[derive(Debug)]
pub struct World {
    t: f64,
    node: ClientNode,
    remotes: Vec<Remote>,
    packets: BinaryHeap<Packet>,
    sequence: u64,
    suspends: Vec<Suspend>,
    pauses: Vec<Pause>,
    asleep: bool,
    outgoing: Vec<Outgoing>,
    /// The plain filter, on the same exchanges.
    midpoint: Midpoint,
    recorder: Recorder,
    /// Steps made before the statistics began.
    early_steps: u64,
    skip: f64,
    duration: f64,
}

impl World {
    /// A world in which nothing has happened yet.
    #[must_use]
    pub fn new(scenario: &Scenario, discipline: DisciplineKind, seed: u64) -> Self {
        let clock = SimClock::new(scenario.clock.clone(), Random::new(seed, 1));
        let utc = Utc::new(scenario.epoch, scenario.leap);
        let remotes = scenario.servers().enumerate().map(|(place, server)| {
            let stream = |which: u64| Random::new(seed, 16 + 4 * place as u64 + which);
            let link = server.link.clone().unwrap_or_else(|| scenario.link.clone());
            Remote {
                request: Path::new(link.clone(), Way::Request, stream(0)),
                response: Path::new(link, Way::Response, stream(1)),
                server: SimServer::new(server, utc, stream(2)),
            }
        });
        Self {
            t: 0.0,
            node: ClientNode::new(scenario, discipline, clock, Random::new(seed, 2)),
            remotes: remotes.collect(),
            packets: BinaryHeap::new(),
            sequence: 0,
            suspends: scenario.suspends.clone(),
            pauses: scenario.pauses.clone(),
            asleep: false,
            outgoing: Vec::new(),
            midpoint: Midpoint::default(),
            recorder: Recorder::new(scenario),
            early_steps: 0,
            skip: scenario.skip,
            duration: scenario.duration,
        }
    }

    /// Runs one scenario to its end.
    #[must_use]
    pub fn run(scenario: &Scenario, discipline: DisciplineKind, seed: u64) -> Outcome {
        let mut world = Self::new(scenario, discipline, seed);
        world.go(|_| ());
        world.finish()
    }

    /// Goes to the end, and shows every second to `watch`.
    pub fn go(&mut self, mut watch: impl FnMut(&Second)) {
        let mut second = 0;
        self.begin_second(second);
        self.node.drain(self.t, &mut self.outgoing);
        self.post();
        loop {
            let next_second = (second + 1) as f64;
            let arrival = self
                .packets
                .peek()
                .map_or(f64::INFINITY, |packet| packet.arrival);
            let timer = if self.asleep {
                f64::INFINITY
            } else {
                self.node.wake(self.t)
            };
            let next = next_second.min(arrival).min(timer);
            self.node.clock.advance(next - self.t);
            self.t = next;
            if next >= next_second {
                second += 1;
                self.t = next_second;
                watch(&self.begin_second(second));
                if next_second >= self.duration {
                    return;
                }
            } else if timer <= arrival {
                self.node.handle_timer(self.t, &mut self.outgoing);
                self.post();
            } else if let Some(packet) = self.packets.pop() {
                self.deliver(&packet);
            }
        }
    }

    fn begin_second(&mut self, second: u64) -> Second {
        let unseen = self.node.clock.begin_second(second);
        self.node.overlook(unseen);
        self.node.handle_second(self.t);
        self.sleep_or_wake();
        if !self.asleep {
            self.node.look_at_the_clock(self.t, &mut self.outgoing);
            self.post();
        }
        let state = Second {
            t: self.t,
            error: self.node.error(self.t),
            rate: self.node.clock.rate(),
            bound: self.node.claimed_bound(self.t),
            expected: self.node.expected_error(),
            midpoint: self.midpoint.error(self.node.free(self.t), self.t),
        };
        if self.t < self.skip {
            self.early_steps = self.node.steps();
        }
        self.recorder.record(&state);
        state
    }

    fn sleep_or_wake(&mut self) {
        let now = self.t;
        let napping = self
            .suspends
            .iter()
            .any(|nap| now >= nap.at && now < nap.at + nap.length);
        self.asleep = napping
            || self
                .pauses
                .iter()
                .any(|pause| now >= pause.at && now < pause.at + pause.length);
        for pause in self
            .pauses
            .iter()
            .filter(|pause| (pause.at + pause.length).round() == now)
        {
            self.node.clock.offset -= pause.length;
            self.node.clock.timer_offset -= pause.length;
        }
        for nap in self
            .suspends
            .iter()
            .filter(|nap| (nap.at + nap.length).round() == now)
        {
            self.node.clock.offset += nap.gains;
            self.node.suspended += nap.length;
        }
    }

    fn deliver(&mut self, packet: &Packet) {
        let Some(remote) = self.remotes.get_mut(packet.content.server) else {
            return;
        };
        match packet.way {
            Way::Request => {
                if let Some(answer) = remote.server.answer(self.t, CLIENT, &packet.content.octets) {
                    let fate = remote.response.send(self.t);
                    let Outgoing { server, port, .. } = packet.content;
                    let Answer {
                        octets,
                        at: answered,
                    } = answer;
                    self.launch(
                        fate,
                        Way::Response,
                        &Outgoing {
                            server,
                            port,
                            octets,
                            answered,
                        },
                    );
                }
            }
            Way::Response if self.asleep => {}
            Way::Response => {
                debug_assert_eq!(address_of(packet.content.server).port(), 123);
                if let Some(exchange) =
                    self.node
                        .handle_reply(self.t, &packet.content, &mut self.outgoing)
                {
                    self.midpoint.learn(&exchange);
                }
                self.post();
            }
        }
    }

    /// Sends what the client has written.
    fn post(&mut self) {
        for content in std::mem::take(&mut self.outgoing) {
            let Some(remote) = self.remotes.get_mut(content.server) else {
                continue;
            };
            let fate = remote.request.send(self.t);
            self.launch(fate, Way::Request, &content);
        }
    }

    fn launch(&mut self, fate: [Option<f64>; 2], way: Way, content: &Outgoing) {
        for delay in fate.into_iter().flatten() {
            self.sequence += 1;
            let content = content.clone();
            self.packets.push(Packet {
                arrival: self.t + delay,
                sequence: self.sequence,
                way,
                content,
            });
        }
    }

    /// What it came to.
    #[must_use]
    pub fn finish(self) -> Outcome {
        let steps = self.node.steps();
        self.recorder
            .finish(self.node.sent(), [steps, steps - self.early_steps])
    }
}
