//! An oscillator and the clock that is steered on top of it.
//!
//! The oscillator's rate is constant within each second of true time and changes at its beginning.
//! The clock is kept as its *difference* from true time, so that no digits are lost in long runs.

use crate::random::Random;
use crate::scenario::Oscillator;

/// The largest rate that the kernel accepts: its tick takes ±10 %.
const LARGEST_RATE: f64 = 0.1;
/// One unit of the kernel's frequency: 2⁻¹⁶ ppm.
const RATE_UNIT: f64 = 1e-6 / 65_536.0;

/// A steered clock.
#[derive(Debug)]
pub(crate) struct SimClock {
    oscillator: Oscillator,
    noise: Random,
    /// The random walk of the rate so far.
    walk: f64,
    /// The rate error of the oscillator in the current second.
    physical: f64,
    /// The correction in force.
    correction: f64,
    /// Clock minus true time, in seconds.
    pub(crate) offset: f64,
    /// The clock of timers minus true time: it is steered, but never stepped.
    pub(crate) timer_offset: f64,
    /// The clock minus true time as it would be if it had never been steered or stepped and had
    /// begun right.
    pub(crate) free_offset: f64,
}

impl SimClock {
    pub(crate) fn new(oscillator: Oscillator, noise: Random) -> Self {
        let offset = oscillator.offset;
        Self {
            oscillator,
            noise,
            walk: 0.0,
            physical: 0.0,
            correction: 0.0,
            offset,
            timer_offset: 0.0,
            free_offset: 0.0,
        }
    }

    /// The rate error of the clock, corrections included.
    pub(crate) fn rate(&self) -> f64 {
        (1.0 + self.physical) * (1.0 + self.correction) - 1.0
    }

    /// `span` seconds of true time pass.
    pub(crate) fn advance(&mut self, span: f64) {
        let gained = self.rate() * span;
        self.offset += gained;
        self.timer_offset += gained;
        self.free_offset += self.physical * span;
    }

    /// The second of true time that begins at `second` has come: a new rate, and what else the
    /// scenario wants. Returns the steps that the machine does not notice.
    pub(crate) fn begin_second(&mut self, second: u64) -> f64 {
        let now = second as f64;
        self.walk += self.oscillator.wander * self.noise.normal();
        let stepped: f64 = self
            .oscillator
            .rate_steps
            .iter()
            .filter(|step| now >= step.at)
            .map(|step| step.by)
            .sum();
        let swing = self.oscillator.swing.map_or(0.0, |swing| {
            swing.amplitude * (std::f64::consts::TAU * now / swing.period).sin()
        });
        self.physical = self.oscillator.rate + self.walk + stepped + swing;
        let steps = self
            .oscillator
            .clock_steps
            .iter()
            .filter(|step| step.at.round() == now);
        self.offset += steps.clone().map(|step| step.by).sum::<f64>();
        steps.filter(|step| step.unseen).map(|step| step.by).sum()
    }

    /// Runs at this correction from now on, or the nearest that the kernel can hold. Returns what
    /// is in force.
    pub(crate) fn set_correction(&mut self, correction: f64) -> f64 {
        self.correction =
            (correction.clamp(-LARGEST_RATE, LARGEST_RATE) / RATE_UNIT).round() * RATE_UNIT;
        self.correction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corrected_oscillator_keeps_time() {
        let oscillator = Oscillator {
            rate: 1e-5,
            ..Oscillator::default()
        };
        let mut clock = SimClock::new(oscillator, Random::new(1, 1));
        assert_eq!(clock.begin_second(0), 0.0);
        clock.advance(100.0);
        assert!((clock.offset - 1e-3).abs() < 1e-12);
        clock.set_correction(-1e-5 / (1.0 + 1e-5));
        clock.advance(1000.0);
        assert!((clock.offset - 1e-3).abs() < 1e-8);
    }
}
