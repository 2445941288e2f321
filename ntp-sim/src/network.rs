//! Paths between a client and a server. The delay of a packet is drawn when it is sent; packets can
//! overtake each other.

use crate::random::Random;
use crate::scenario::{Law, Link, Way};

/// One direction of a path.
#[derive(Debug)]
pub(crate) struct Path {
    link: Link,
    way: Way,
    noise: Random,
}

/// What becomes of one packet: the delays of its copies, none if it is lost.
pub(crate) type Fate = [Option<f64>; 2];

impl Path {
    pub(crate) fn new(link: Link, way: Way, noise: Random) -> Self {
        Self { link, way, noise }
    }

    /// What becomes of a packet that is sent at `now`.
    pub(crate) fn send(&mut self, now: f64) -> Fate {
        // Drawn in any case, so that the i-th packet meets the same noise whatever became of those
        // before.
        let (first, second) = (self.delay(now), self.delay(now));
        let lost = self.noise.happens(self.link.loss);
        let doubled = self.noise.happens(self.link.duplicates);
        let down = self.link.up.is_some_and(|up| now % up.period >= up.length);
        if lost || down {
            [None, None]
        } else {
            [Some(first), doubled.then_some(second)]
        }
    }

    fn delay(&mut self, now: f64) -> f64 {
        let link = &self.link;
        let jitter = match self.way {
            Way::Request => link.request_jitter,
            Way::Response => link.response_jitter,
        };
        let mut delay = link.base + jitter.unwrap_or(link.jitter) * law(link.law, &mut self.noise);
        if self.noise.happens(link.spikes.probability) {
            delay += link.spikes.mean * self.noise.exponential();
        }
        for burst in link
            .bursts
            .iter()
            .filter(|burst| burst.way.is_none_or(|way| way == self.way))
        {
            let extra = burst.constant + burst.mean * self.noise.exponential();
            if now % burst.period < burst.length {
                delay += extra;
            }
        }
        delay += link
            .queues
            .iter()
            .map(|queue| queue.wait(now, self.way))
            .sum::<f64>();
        for route in link
            .routes
            .iter()
            .filter(|route| now >= route.at && now < route.until)
        {
            delay += match self.way {
                Way::Request => route.request,
                Way::Response => route.response,
            };
        }
        delay.max(0.0)
    }
}

/// One draw of a law, in units of its jitter.
fn law(law: Law, noise: &mut Random) -> f64 {
    match law {
        Law::Constant => 0.0,
        Law::Exponential => noise.exponential(),
        Law::Gaussian => noise.normal(),
        Law::Lognormal => noise.normal().exp(),
        // A tail index of 1.5 has a mean, but no variance.
        Law::Pareto => noise.uniform().powf(-1.0 / 1.5) - 1.0,
        Law::ThreeExponentials => (0..3).map(|_| noise.exponential() / 3.0).sum(),
        Law::Uniform => noise.uniform(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_as_late_as_base_and_jitter_say() {
        let link = Link {
            base: 1e-3,
            jitter: 1e-4,
            ..Link::default()
        };
        let mut path = Path::new(link, Way::Request, Random::new(1, 3));
        let delays: Vec<f64> = (0..10_000).filter_map(|_| path.send(0.0)[0]).collect();
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        assert!((mean - 1.1e-3).abs() < 5e-6, "{mean}");
        assert!(delays.iter().all(|delay| *delay >= 1e-3));
    }

    #[test]
    fn half_of_the_packets_are_lost_at_a_loss_of_one_half() {
        let link = Link {
            loss: 0.5,
            ..Link::default()
        };
        let mut path = Path::new(link, Way::Response, Random::new(1, 3));
        let arrived = (0..10_000).filter(|_| path.send(0.0)[0].is_some()).count();
        assert!((4_800..5_200).contains(&arrived), "{arrived}");
    }
}
