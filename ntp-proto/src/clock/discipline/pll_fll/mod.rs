//! The classic loops of RFC 5905 §11.3: phase-locked for short poll intervals, frequency-locked for
//! long ones.
//!
//! Two things differ from the RFC's example code. While it measures the frequency directly at start
//! (the RFC's state FREQ, 900 s), the clock does not run free: it is already steered by the line
//! through all offsets so far. And the phase correction is handed out as one slew per poll interval
//! in place of an adjustment every second, so that a daemon can sleep between polls; the amount is
//! the same.

mod line_fit;

use super::{ClockUpdate, Correction, Discipline, KnownFrequency, MAXIMUM_FREQUENCY};
use crate::clock::timescale::FreeTime;
use crate::time::{Frequency, PollInterval, Seconds};
use line_fit::{LineFit, UNKNOWN};

/// The time for which the frequency is measured directly (RFC 5905 §7.2 WATCH), and longer if it is
/// not known well by then.
const MEASURING_TIME: Seconds = Seconds::new(900.0);
/// After this long, the loops must do with what is known.
const LONGEST_MEASURING_TIME: Seconds = Seconds::new(4.0 * 3600.0);
/// Loop gain of the PLL. RFC 5905 §7.2 says 16; kernels have run the same loop four times as fast
/// since 2009, and with them all programs that leave the loop to the kernel. Measured here, that is
/// five times more accurate on ordinary links.
const PLL_GAIN: f64 = 4.0;
/// Loop gain of the FLL (RFC 5905 §7.2 FLL, at the longest intervals).
const FLL_GAIN: f64 = 4.0;
/// The interval from which on the frequency-locked loop is the better one (RFC 5905 §7.2 ALLAN).
const ALLAN_INTERCEPT: Seconds = Seconds::new(2048.0);
/// An offset below this many jitters speaks for a longer poll interval (RFC 5905 §7.2 PGATE).
const POLL_GATE: f64 = 4.0;
/// Votes needed to change the poll interval (RFC 5905 §7.2 LIMIT).
const POLL_HYSTERESIS: i32 = 30;
/// The prior of the frequency when nothing is known.
const NOTHING_KNOWN: KnownFrequency = KnownFrequency {
    frequency: Frequency::ZERO,
    uncertainty: UNKNOWN,
};
/// The poll interval that the discipline asks for is at most this much longer than the one that it
/// gets: 2⁶ times.
const POLL_LEAD: i8 = 6;
/// A frequency is kept for the next start once it is known to this.
const WORTH_KEEPING: Frequency = Frequency::new(0.5e-6);

/// The states of the clock state machine (RFC 5905 §11.3 figure 24).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoopState {
    /// NSET or FSET: never updated.
    Unset,
    /// FREQ: the frequency is being measured.
    Measuring,
    /// SYNC: the loops run.
    Synchronized,
    /// SPIK: a large offset is being watched.
    Spike,
}

#[derive(Clone, Debug)]
enum Phase {
    Unset,
    Measuring(LineFit),
    Synchronized,
    /// With the line, if it was not finished when the large offset came.
    Spike {
        line: Option<LineFit>,
    },
}

/// The loop filter and its state.
#[derive(Clone, Debug)]
pub struct PllFll {
    phase: Phase,
    frequency: Frequency,
    /// The standard deviation of the frequency known beforehand.
    prior_uncertainty: Frequency,
    /// The standard deviation of `frequency` as far as it was measured here.
    uncertainty: Frequency,
    /// The same for the error bound: as long as the line is short, no better than its round trips
    /// allow.
    doubt: Frequency,
    last_update: Option<FreeTime>,
    poll: PollInterval,
    poll_votes: i32,
}

impl PllFll {
    pub(super) fn new(known: Option<KnownFrequency>) -> Self {
        let KnownFrequency {
            frequency,
            uncertainty,
        } = known.unwrap_or(NOTHING_KNOWN);
        Self {
            phase: Phase::Unset,
            frequency: frequency.limited(MAXIMUM_FREQUENCY),
            prior_uncertainty: uncertainty,
            uncertainty: UNKNOWN,
            doubt: UNKNOWN,
            last_update: None,
            poll: PollInterval::MIN,
            poll_votes: 0,
        }
    }

    fn measure_afresh(&mut self) {
        self.phase = Phase::Measuring(LineFit::new(self.frequency, self.prior_uncertainty));
    }

    /// The state FREQ: the line through all offsets gives rate and offset.
    fn measure(&mut self, update: &ClockUpdate) -> Correction {
        let Phase::Measuring(fit) = &mut self.phase else {
            return Correction::Watch;
        };
        fit.push(update.now, update.free_offset, update.delay);
        let Some(line) = fit.line(update.now) else {
            return Correction::Watch;
        };
        let known = line.slope_uncertainty <= WORTH_KEEPING;
        let finished = fit.span()
            >= if known {
                MEASURING_TIME
            } else {
                LONGEST_MEASURING_TIME
            };
        self.frequency = line.slope.limited(MAXIMUM_FREQUENCY);
        self.uncertainty = line.slope_uncertainty;
        self.doubt = if finished {
            self.uncertainty
        } else {
            self.uncertainty.max(fit.resolution()).min(UNKNOWN)
        };
        // Until the rate is known, nothing would be right for long.
        self.poll = if finished {
            update.poll
        } else {
            PollInterval::MIN
        };
        // The line's offset against the free-running clock, seen from our steered clock.
        let slew = update.offset + Seconds::from(line.offset - update.free_offset);
        if finished {
            self.phase = Phase::Synchronized;
        }
        Correction::Steer {
            frequency: self.frequency,
            slew,
            within: Seconds::new(1.0).max(update.poll.seconds() * 0.25),
        }
    }

    /// The state SYNC: PLL and FLL.
    fn track(&mut self, update: &ClockUpdate, since_last: Seconds) -> Correction {
        let interval = update.poll.seconds();
        let time_constant = interval * PLL_GAIN;
        // Far beyond what noise explains and not allowed to step, the loops would wind up.
        let in_range = update.offset.abs() <= Seconds::new(0.128).max(update.jitter * POLL_GATE);
        if in_range {
            self.frequency += pll(update.offset, since_last.min(interval), time_constant);
            if interval > ALLAN_INTERCEPT * 0.5 {
                self.frequency += update.offset.per(since_last.max(ALLAN_INTERCEPT)) / FLL_GAIN;
            }
            self.frequency = self.frequency.limited(MAXIMUM_FREQUENCY);
        }
        self.adapt_poll(update);
        let share = 1.0 - (-(interval / time_constant)).exp();
        Correction::Steer {
            frequency: self.frequency,
            slew: update.offset * share,
            within: interval,
        }
    }

    /// Offsets within the noise speak for asking less often, offsets beyond it for asking more
    /// often.
    fn adapt_poll(&mut self, update: &ClockUpdate) {
        // Its own wish, not what a source with tighter limits makes of it; but within reach of
        // that.
        self.poll = self.poll.min(PollInterval::clamped(
            update.poll.log2().saturating_add(POLL_LEAD),
        ));
        let step = i32::from(update.poll.log2()).max(1);
        if update.offset.abs() <= update.jitter * POLL_GATE {
            self.poll_votes += step;
        } else {
            self.poll_votes -= 2 * step;
        }
        if self.poll_votes > POLL_HYSTERESIS {
            self.poll = self.poll.longer();
            self.poll_votes = 0;
        } else if self.poll_votes < -POLL_HYSTERESIS {
            self.poll = self.poll.shorter();
            self.poll_votes = 0;
        }
    }
}

impl Discipline for PllFll {
    fn update(&mut self, update: &ClockUpdate) -> Correction {
        let since_last = self
            .last_update
            .map_or(update.poll.seconds(), |last| update.now - last);
        let correction = match &mut self.phase {
            Phase::Unset => {
                self.measure_afresh();
                self.measure(update)
            }
            Phase::Spike { line } => match line.take() {
                Some(line) => {
                    self.phase = Phase::Measuring(line);
                    self.measure(update)
                }
                None => {
                    self.phase = Phase::Synchronized;
                    self.track(update, since_last)
                }
            },
            Phase::Measuring(_) => self.measure(update),
            Phase::Synchronized => self.track(update, since_last),
        };
        self.last_update = Some(update.now);
        correction
    }

    /// A large offset: nothing is done before it is confirmed, but more is to be learned about it.
    fn watch(&mut self, update: &ClockUpdate) {
        let before = std::mem::replace(&mut self.phase, Phase::Unset);
        self.phase = match before {
            Phase::Unset => Phase::Unset,
            Phase::Measuring(line) => Phase::Spike { line: Some(line) },
            Phase::Synchronized => Phase::Spike { line: None },
            spike @ Phase::Spike { .. } => spike,
        };
        self.poll = PollInterval::MIN;
        self.poll_votes = 0;
        self.last_update = Some(update.now);
    }

    /// The free-running clock does not feel a step: the first offset is the first point of the line
    /// already. A second step so soon says that the first points were wrong.
    fn prepare_step(&mut self, update: &ClockUpdate) {
        if matches!(self.phase, Phase::Unset | Phase::Measuring(_)) {
            self.measure_afresh();
            let _ = self.measure(update);
        }
        self.last_update = Some(update.now);
    }

    /// No line goes through what was before and what comes now; the rate is believed to be as it
    /// was.
    fn forget_offset(&mut self) {
        self.prior_uncertainty = self
            .prior_uncertainty
            .min(self.uncertainty.max(WORTH_KEEPING));
        self.measure_afresh();
    }

    fn handle_step(&mut self) {
        // After a spike, what was measured before is void.
        if !matches!(self.phase, Phase::Measuring(_)) {
            self.measure_afresh();
        }
    }

    fn frequency(&self) -> Frequency {
        self.frequency
    }

    fn frequency_uncertainty(&self) -> Frequency {
        self.doubt
    }

    fn frequency_is_worth_keeping(&self) -> bool {
        self.uncertainty <= WORTH_KEEPING
    }

    fn poll(&self) -> PollInterval {
        self.poll
    }

    fn state(&self) -> LoopState {
        match self.phase {
            Phase::Unset => LoopState::Unset,
            Phase::Measuring(_) => LoopState::Measuring,
            Phase::Synchronized => LoopState::Synchronized,
            Phase::Spike { .. } => LoopState::Spike,
        }
    }
}

/// The frequency change of the phase-locked loop (RFC 5905 §11.3): offset · interval / (4 · time
/// constant)².
fn pll(offset: Seconds, interval: Seconds, time_constant: Seconds) -> Frequency {
    let squared = (time_constant.to_f64() * 4.0).powi(2);
    Frequency::new(offset.to_f64() * interval.to_f64() / squared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{NtpDuration, NtpTimestamp};

    /// A clock that the loop steers, one update per poll interval, with nothing but its own error.
    struct World {
        pll: PllFll,
        now: FreeTime,
        offset: f64,
        steered: f64,
        drift: f64,
        poll: PollInterval,
    }

    impl World {
        fn new(offset: f64, drift: f64) -> Self {
            Self {
                pll: PllFll::new(None),
                now: FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0)),
                offset,
                steered: 0.0,
                drift,
                poll: PollInterval::clamped(4),
            }
        }

        fn seen(&self) -> ClockUpdate {
            ClockUpdate {
                now: self.now,
                offset: Seconds::new(self.offset),
                free_offset: NtpDuration::from_seconds(self.offset + self.steered),
                jitter: Seconds::new(1e-6),
                delay: Seconds::new(1e-5),
                poll: self.poll,
            }
        }

        fn pass(&mut self, slew: Seconds) {
            let interval = self.poll.seconds();
            let moved = self.pll.frequency() * interval + slew;
            self.now = self.now + interval;
            self.offset += self.drift * interval.to_f64() - moved.to_f64();
            self.steered += moved.to_f64();
        }

        fn update(&mut self) -> Correction {
            let correction = self.pll.update(&self.seen());
            self.pass(if let Correction::Steer { slew, .. } = correction {
                slew
            } else {
                Seconds::ZERO
            });
            correction
        }

        fn watch(&mut self) {
            self.pll.watch(&self.seen());
            self.pass(Seconds::ZERO);
        }

        fn step(&mut self) {
            self.pll.prepare_step(&self.seen());
            self.steered += self.offset;
            self.offset = 0.0;
            self.pll.handle_step();
            self.pass(Seconds::ZERO);
        }

        fn run(&mut self, updates: usize) {
            for _ in 0..updates {
                self.update();
            }
        }
    }

    #[test]
    fn a_short_line_is_trusted_no_further_than_its_round_trips_allow() {
        let mut world = World::new(0.001, -40e-6);
        world.run(3);
        // Two intervals of 16 s, a round trip of 10 µs.
        let doubt = world.pll.frequency_uncertainty();
        assert!(doubt >= Frequency::new(1e-5 / 3.0 / 32.1), "{doubt:?}");
        assert_eq!(world.pll.poll(), PollInterval::MIN);
        world.run(60);
        assert_eq!(world.pll.state(), LoopState::Synchronized);
        assert!(
            world.pll.frequency_uncertainty() < doubt / 10.0,
            "{:?}",
            world.pll.frequency_uncertainty()
        );
    }

    #[test]
    fn a_wrong_clock_is_stepped_once_and_then_steered() {
        let mut world = World::new(0.35, -40e-6);
        world.step();
        for _ in 0..20 {
            assert!(matches!(world.update(), Correction::Steer { .. }));
        }
        assert!(world.offset.abs() < 5e-6, "{}", world.offset);
        assert!((world.pll.frequency().to_f64() + 40e-6).abs() < 1e-7);
    }

    #[test]
    fn a_first_offset_that_was_wrong_does_not_tilt_the_line() {
        let mut world = World::new(0.9, 0.0);
        world.step();
        world.offset = -0.9;
        world.step();
        world.run(20);
        assert!(
            world.pll.frequency().abs() < Frequency::new(1e-7),
            "{:?}",
            world.pll.frequency()
        );
        assert!(world.offset.abs() < 1e-5, "{}", world.offset);
    }

    #[test]
    fn a_measured_rate_outlives_a_suspend() {
        let mut world = World::new(0.0, 25e-6);
        world.run(260);
        world.pll.forget_offset();
        world.offset = 0.3;
        world.step();
        world.update();
        assert!(
            (world.pll.frequency().to_f64() - 25e-6).abs() < 1e-6,
            "{:?}",
            world.pll.frequency()
        );
    }

    #[test]
    fn the_loop_takes_over_after_nine_hundred_seconds_and_holds_the_clock() {
        let mut world = World::new(0.0, 25e-6);
        world.run(60);
        assert_eq!(world.pll.state(), LoopState::Synchronized);
        world.run(200);
        assert!(world.offset.abs() < 1e-6, "{}", world.offset);
        assert!(world.pll.frequency_is_worth_keeping());
    }

    #[test]
    fn the_loop_follows_a_change_of_rate() {
        let mut world = World::new(0.0, 0.0);
        world.run(60);
        world.drift = 1e-6;
        world.run(5000);
        assert!((world.pll.frequency().to_f64() - 1e-6).abs() < 1e-8);
        assert!(world.offset.abs() < 5e-6, "{}", world.offset);
    }

    #[test]
    fn a_spike_is_watched_and_forgotten_when_it_passes() {
        let mut world = World::new(0.0, 0.0);
        world.run(60);
        let before = world.pll.frequency();
        world.offset = 0.5;
        world.watch();
        assert_eq!(world.pll.state(), LoopState::Spike);
        world.offset = 0.0;
        world.update();
        assert_eq!(world.pll.state(), LoopState::Synchronized);
        assert_eq!(world.pll.frequency(), before);
    }

    #[test]
    fn without_a_step_threshold_a_large_offset_does_not_wind_up_the_frequency() {
        let mut world = World::new(0.0, 0.0);
        world.run(60);
        let before = world.pll.frequency();
        world.offset = 10.0;
        assert!(matches!(world.update(), Correction::Steer { slew, .. } if slew.to_f64() > 0.5));
        assert_eq!(world.pll.frequency(), before);
    }

    #[test]
    fn a_quiet_clock_is_asked_less_often() {
        let mut world = World::new(0.0, 0.0);
        for _ in 0..100 {
            world.update();
            world.poll = world.poll.max(world.pll.poll());
        }
        assert!(world.poll > PollInterval::clamped(4));
    }
}
