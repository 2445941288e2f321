//! Delays that move slowly: full buffers, an evening's congestion, satellites.

use super::{Way, forever};
use serde::{Deserialize, Serialize};

/// A queue that packets of one or both ways wait in, on top of all other delays.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Queue {
    /// Its course.
    #[serde(default)]
    pub shape: Shape,
    /// The time after which its course begins again.
    pub period: f64,
    /// The longest wait.
    pub height: f64,
    /// The time in which a ramp rises, and in which it falls; half the period at most.
    #[serde(default)]
    pub ramp: f64,
    /// It is empty before this time of the run.
    #[serde(default)]
    pub from: f64,
    /// And from this time on.
    #[serde(default = "forever")]
    pub until: f64,
    /// The way that waits in it; both if not given.
    #[serde(default)]
    pub way: Option<Way>,
    /// The share of the wait that packets of the other way have.
    #[serde(default)]
    pub other: f64,
}

/// The course of a queue within its period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// It grows evenly, and is empty at once at the end.
    #[default]
    Saw,
    /// It grows within `ramp`, stays, and shrinks within the last `ramp` of the period.
    Ramp,
    /// It follows a cosine from empty to full and back.
    Sine,
    /// It takes another length at the beginning of each period.
    Hops,
}

/// The share of the height by which a hop differs from the one before: the golden section visits
/// all lengths evenly.
const HOP: f64 = 0.618_033_988_749_895;

impl Queue {
    /// The wait of a packet of this way that is sent at `now`, in seconds.
    #[must_use]
    pub fn wait(&self, now: f64, way: Way) -> f64 {
        if now < self.from || now >= self.until {
            return 0.0;
        }
        let share = if self.way.is_none_or(|own| own == way) {
            1.0
        } else {
            self.other
        };
        share * self.height * self.filled(now - self.from)
    }

    /// The filled share of the queue, so many seconds after its beginning.
    fn filled(&self, since: f64) -> f64 {
        let phase = since % self.period;
        match self.shape {
            Shape::Saw => phase / self.period,
            Shape::Ramp => {
                (phase.min(self.period - phase) / self.ramp.max(f64::MIN_POSITIVE)).min(1.0)
            }
            Shape::Sine => 0.5 - 0.5 * (std::f64::consts::TAU * phase / self.period).cos(),
            Shape::Hops => ((since / self.period).floor() * HOP).fract(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(shape: Shape) -> Queue {
        Queue {
            shape,
            period: 100.0,
            height: 2.0,
            ramp: 25.0,
            from: 50.0,
            until: 1e4,
            way: None,
            other: 0.0,
        }
    }

    #[test]
    fn each_shape_has_its_course() {
        for (shape, waits) in [
            (Shape::Saw, [0.0, 0.5, 1.0, 1.5]),
            (Shape::Ramp, [0.0, 2.0, 2.0, 2.0]),
            (Shape::Sine, [0.0, 1.0, 2.0, 1.0]),
            (Shape::Hops, [0.0, 0.0, 0.0, 0.0]),
        ] {
            for (quarter, wait) in (0..4).zip(waits) {
                let now = 50.0 + 25.0 * f64::from(quarter);
                assert!(
                    (queue(shape).wait(now, Way::Request) - wait).abs() < 1e-12,
                    "{shape:?} at {now}"
                );
            }
        }
        assert!((queue(Shape::Hops).wait(150.0, Way::Request) - 2.0 * HOP).abs() < 1e-12);
    }

    #[test]
    fn it_is_empty_outside_its_time_and_the_other_way_has_its_share() {
        let queue = Queue {
            way: Some(Way::Request),
            other: 0.25,
            ..queue(Shape::Ramp)
        };
        assert_eq!(queue.wait(49.0, Way::Request), 0.0);
        assert_eq!(queue.wait(1e4, Way::Request), 0.0);
        assert_eq!(queue.wait(100.0, Way::Request), 2.0);
        assert_eq!(queue.wait(100.0, Way::Response), 0.5);
    }
}
