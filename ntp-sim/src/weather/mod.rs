//! Worlds that are drawn from a seed: oscillator, servers, and links with all kinds of delay that
//! come and go. They show weaknesses that no listed scenario was made for. All servers have the
//! right time.

mod describe;

use crate::random::Random;
use crate::scenario::{
    Burst, Change, Law, Link, Oscillator, Queue, Scenario, ServerScenario, Shape, Spikes, Swing,
    Way,
};
pub use describe::describe;

/// The stream of random numbers that worlds are drawn from; what happens in them has others.
const STREAM: u64 = 3;
/// Limits of the poll interval, each with its weight.
const POLLS: [([i8; 2], f64); 6] = [
    ([6, 6], 0.3),
    ([4, 10], 0.3),
    ([6, 10], 0.2),
    ([4, 4], 0.1),
    ([4, 6], 0.05),
    ([8, 8], 0.05),
];
/// Numbers of servers, each with its weight.
const SERVERS: [(usize, f64); 5] = [(1, 0.45), (4, 0.3), (2, 0.08), (3, 0.09), (5, 0.08)];
/// Numbers of queues on a link, each with its weight.
const QUEUES: [(usize, f64); 4] = [(0, 0.3), (1, 0.4), (2, 0.2), (3, 0.1)];
/// Laws of the jitter, each with its weight.
const LAWS: [(Law, f64); 7] = [
    (Law::Exponential, 0.5),
    (Law::Gaussian, 0.1),
    (Law::Lognormal, 0.1),
    (Law::Pareto, 0.1),
    (Law::ThreeExponentials, 0.1),
    (Law::Uniform, 0.05),
    (Law::Constant, 0.05),
];
/// Courses of queues, each with its weight.
const SHAPES: [(Shape, f64); 4] = [
    (Shape::Saw, 0.3),
    (Shape::Ramp, 0.35),
    (Shape::Sine, 0.2),
    (Shape::Hops, 0.15),
];
/// The ways that wait in a queue, and whether the other way has a share, each with its weight.
const WAYS: [((Option<Way>, bool), f64); 5] = [
    ((None, false), 0.4),
    ((Some(Way::Request), false), 0.18),
    ((Some(Way::Response), false), 0.17),
    ((Some(Way::Request), true), 0.13),
    ((Some(Way::Response), true), 0.12),
];

/// The most jitter that one way has.
const LOPSIDED: f64 = 0.02;

/// The world of a seed. The same seed is meant to be used for what happens in it.
#[must_use]
pub fn draw(seed: u64) -> Scenario {
    let mut dice = Dice(Random::new(seed, STREAM));
    let duration = dice.between(60_000.0, 200_000.0).round();
    let mut scenario = Scenario {
        name: format!("weather-{seed}"),
        duration,
        skip: (duration / 4.0).round(),
        poll: dice.one_of(&POLLS),
        clock: dice.oscillator(duration),
        ..Scenario::usual()
    };
    let servers = dice.one_of(&SERVERS);
    let first = dice.link(duration);
    if servers == 1 {
        scenario.link = first;
    } else {
        let common = dice.happens(0.5);
        scenario.server = (0..servers)
            .map(|_| ServerScenario {
                link: Some(if common {
                    dice.behind(&first)
                } else {
                    dice.link(duration)
                }),
                ..ServerScenario::default()
            })
            .collect();
    }
    scenario.about = describe(&scenario);
    scenario
}

/// The numbers that worlds are drawn with. All have three digits, so that they can be read.
#[derive(Debug)]
struct Dice(Random);

impl Dice {
    fn happens(&mut self, probability: f64) -> bool {
        self.0.happens(probability)
    }

    /// Evenly between two numbers.
    fn evenly(&mut self, low: f64, high: f64) -> f64 {
        rounded(low + (high - low) * self.0.uniform())
    }

    /// Between two numbers, so that each factor is as likely as any other.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        rounded(low * (high / low).powf(self.0.uniform()))
    }

    fn sign(&mut self) -> f64 {
        if self.happens(0.5) { 1.0 } else { -1.0 }
    }

    /// One of these, by their weights.
    fn one_of<T: Copy>(&mut self, choices: &[(T, f64)]) -> T {
        let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.0.uniform() * total;
        let reached = |(_, weight): &&(T, f64)| {
            left -= weight;
            left <= 0.0
        };
        let (last, _) = choices[choices.len() - 1];
        choices
            .iter()
            .find(reached)
            .map_or(last, |(choice, _)| *choice)
    }

    fn oscillator(&mut self, duration: f64) -> Oscillator {
        let swings = self.happens(0.2);
        let jumps = self.happens(0.12);
        Oscillator {
            // So far off that it is stepped at first; any step later on is a false one.
            offset: self.sign() * self.between(1.0, 100.0),
            rate: self.sign() * self.between(1e-7, 5e-5),
            wander: self.between(1e-10, 1e-7),
            swing: swings.then(|| Swing {
                amplitude: self.between(1e-8, 2e-6),
                period: self.between(1_200.0, 172_800.0),
            }),
            rate_steps: (0..u8::from(jumps))
                .map(|_| Change {
                    at: (duration * self.evenly(0.25, 0.95)).round(),
                    by: self.sign() * self.between(1e-7, 1e-5),
                    unseen: false,
                })
                .collect(),
            clock_steps: Vec::new(),
        }
    }

    /// A path with its own weather.
    fn link(&mut self, duration: f64) -> Link {
        let mut link = self.behind(&Link::default());
        link.loss = if self.happens(0.3) {
            self.evenly(0.01, 0.3)
        } else {
            0.0
        };
        if self.happens(0.2) {
            link.spikes = Spikes {
                probability: self.between(0.01, 0.3),
                mean: self.between(1e-3, 0.1),
            };
        }
        if self.happens(0.15) {
            link.bursts.push(self.burst());
        }
        let queues = self.one_of(&QUEUES);
        link.queues = (0..queues).map(|_| self.queue(duration)).collect();
        link
    }

    /// The path to a server behind this link: it has a length and jitter of its own, and all else
    /// is common.
    fn behind(&mut self, link: &Link) -> Link {
        let jitter = self.between(5e-6, 5e-3);
        let lopsided = self
            .happens(0.2)
            .then(|| rounded((jitter * self.between(3.0, 30.0)).min(LOPSIDED)));
        let requests = self.happens(0.5);
        let base = self.between(1e-4, 5e-2);
        let law = self.one_of(&LAWS);
        // No packet arrives when it is sent.
        let least = if law == Law::Gaussian {
            4.0 * lopsided.unwrap_or(jitter).max(jitter)
        } else {
            0.0
        };
        Link {
            base: base.max(rounded(least)),
            jitter,
            request_jitter: lopsided.filter(|_| requests),
            response_jitter: lopsided.filter(|_| !requests),
            law,
            ..link.clone()
        }
    }

    fn burst(&mut self) -> Burst {
        let period = self.between(600.0, 50_000.0);
        let even = self.happens(0.5);
        let size = self.between(1e-3, 0.1);
        Burst {
            period,
            length: rounded(period * self.between(0.03, 0.4)),
            constant: if even { size } else { 0.0 },
            mean: if even { 0.0 } else { size },
            way: self.one_of(&[
                (None, 0.5),
                (Some(Way::Request), 0.25),
                (Some(Way::Response), 0.25),
            ]),
        }
    }

    fn queue(&mut self, duration: f64) -> Queue {
        let shape = self.one_of(&SHAPES);
        let period = self.between(10.0, 172_800.0);
        let (way, shared) = self.one_of(&WAYS);
        let from = if self.happens(0.25) {
            (duration * self.evenly(0.1, 0.6)).round()
        } else {
            0.0
        };
        let until = if self.happens(0.15) {
            (from + duration * self.evenly(0.1, 0.5)).round()
        } else {
            f64::INFINITY
        };
        Queue {
            shape,
            period,
            height: self.between(2e-4, 0.3),
            ramp: if shape == Shape::Ramp {
                rounded(period * self.between(0.03, 0.5))
            } else {
                0.0
            },
            from,
            until,
            way,
            other: if shared { self.evenly(0.1, 0.9) } else { 0.0 },
        }
    }
}

/// The number with three digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Catalogue;
    use crate::world::World;
    use ntp_proto::clock::DisciplineKind;

    #[test]
    fn the_same_seed_gives_the_same_world_and_another_gives_another() {
        assert_eq!(draw(7), draw(7));
        assert_ne!(
            Scenario {
                name: String::new(),
                ..draw(7)
            },
            Scenario {
                name: String::new(),
                ..draw(8)
            }
        );
    }

    #[test]
    fn a_world_that_is_printed_and_read_again_is_the_same() {
        for seed in 0..300 {
            let world = draw(seed);
            assert_eq!(
                Catalogue::parse(&world.to_toml().unwrap()).unwrap(),
                [world]
            );
        }
    }

    #[test]
    fn every_world_can_be() {
        for world in (0..300).map(draw) {
            assert!(
                (60_000.0..=200_000.0).contains(&world.duration)
                    && world.skip < world.duration / 2.0
            );
            assert!(world.poll[0] <= world.poll[1] && (1..=5).contains(&world.servers().count()));
            assert!(
                world
                    .clock
                    .rate_steps
                    .iter()
                    .all(|change| change.at < world.duration)
            );
            for link in std::iter::once(&world.link).chain(
                world
                    .server
                    .iter()
                    .filter_map(|server| server.link.as_ref()),
            ) {
                assert!(link.base > 0.0 && link.jitter > 0.0 && (0.0..=0.3).contains(&link.loss));
                assert!(
                    link.queues
                        .iter()
                        .all(|queue| queue.ramp <= queue.period / 2.0 && queue.from < queue.until)
                );
                assert!(link.bursts.iter().all(|burst| burst.length < burst.period));
            }
        }
    }

    #[test]
    fn worlds_differ_in_all_that_weather_has() {
        let worlds: Vec<Scenario> = (0..300).map(draw).collect();
        let some = |has: &dyn Fn(&Link) -> bool| worlds.iter().any(|world| has(&world.link));
        assert!(some(&|link| link.loss > 0.0) && some(&|link| link.spikes.mean > 0.0));
        assert!(some(&|link| !link.bursts.is_empty()) && some(&|link| link.queues.len() == 3));
        assert!(
            some(&|link| link.request_jitter.is_some()) && some(&|link| link.law == Law::Pareto)
        );
        assert!((1..=5).all(|servers| {
            worlds
                .iter()
                .any(|world| world.servers().count() == servers)
        }));
        assert!(worlds.iter().any(|world| world.clock.swing.is_some()));
    }

    #[test]
    fn drawn_worlds_come_to_their_end() {
        for seed in 1..=6 {
            let world = Scenario {
                duration: 6_000.0,
                skip: 1_500.0,
                ..draw(seed)
            };
            let outcome = World::run(&world, DisciplineKind::Estimate, seed);
            assert!(
                outcome.rms.is_finite() && outcome.midpoint.is_finite() && outcome.sent > 6,
                "{}",
                world.about
            );
        }
    }
}
