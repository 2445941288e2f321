//! Changes of our clock: those that were ordered, and those that another program or a suspend has
//! made.

use super::ClockProcess;
use crate::clock::command::{ClockAction, ClockChange, ClockEvent, Disturbance, Halt};
use crate::clock::system::SystemVariables;
use crate::clock::unsteered::MeasuredDrift;
use crate::packet::LeapIndicator;
use crate::time::{NtpDuration, NtpTimestamp, Seconds};

/// After the operating system has refused, this many updates pass before it is asked again.
const UPDATES_AFTER_REFUSAL: u32 = 16;
/// A change is looked for at least once a second, and so long after a leap second on a machine that
/// is very busy.
const LEAP_SLACK: NtpDuration = NtpDuration::from_bits(4 << 32);
/// A change this near to a second, at the midnight of a leap second, is the leap second.
const LEAP_TOLERANCE: NtpDuration = NtpDuration::from_bits((1 << 32) / 100);

impl ClockProcess {
    /// Takes in what became of a [`ClockAction`].
    pub fn handle_clock_change(&mut self, change: ClockChange) {
        match change {
            ClockChange::FrequencySet { at, frequency } => {
                self.timescale.change_rate(at, frequency);
                if self.halt == Some(Halt::ClockRefused) {
                    self.resume();
                }
            }
            ClockChange::Failed => {
                self.awaiting_step = None;
                self.refused = UPDATES_AFTER_REFUSAL;
                self.halt(Halt::ClockRefused);
            }
            ClockChange::Stepped { before, step } => {
                self.accumulated = Some(self.sum_with(Seconds::from(step)));
                self.unauthenticated = self.unauthenticated.map(|sum| sum + Seconds::from(step));
                self.steps += 1;
                if !self.discipline.is_saturated() {
                    self.resume();
                }
                self.timescale.step(before, step);
                self.discipline.handle_step();
                self.stepping.stop_watching();
                self.events
                    .push_back(ClockEvent::Stepped(Seconds::from(step)));
                if let Some(system) = self.awaiting_step.take() {
                    self.offset = Some((Seconds::ZERO, system.updated));
                    self.confirm(SystemVariables {
                        reference_time: before + step,
                        ..system
                    });
                }
            }
            ClockChange::Disturbed(disturbance) => self.handle_disturbance(disturbance),
        }
    }

    /// The clock was changed by something else, by a known step if the machine's clocks show one.
    /// The rules of a start apply until the sources confirm it.
    fn handle_disturbance(&mut self, disturbance: Disturbance) {
        let Disturbance {
            before,
            step,
            suspended,
        } = disturbance;
        if suspended.is_zero() && self.takes_leap_second(before, step) {
            return;
        }
        self.timescale.step(before, step);
        self.moved += Seconds::from(step);
        self.awaiting_step = None;
        self.actions
            .retain(|action| !matches!(action, ClockAction::Step(_)));
        self.steering.stop_slew();
        self.stepping.restart();
        self.left_synchronized = false;
        self.drift = MeasuredDrift::default();
        if !suspended.is_zero() {
            self.discipline.forget_offset();
            self.last_update = None;
        }
        self.disturbance = Some(disturbance);
        self.events.push_back(ClockEvent::Disturbed(disturbance));
        self.was_synchronized = false;
        self.push_unsynchronized();
    }

    /// True if a change is the leap second that was announced, which comes once and at its
    /// midnight: servers' clocks make it as well, so that nothing changes between theirs and ours.
    fn takes_leap_second(&mut self, before: NtpTimestamp, step: NtpDuration) -> bool {
        let Some(leap) = self
            .expected_leap(before)
            .filter(|leap| self.leapt != Some(leap.midnight))
        else {
            return false;
        };
        let expected = match leap.kind {
            LeapIndicator::Insert => -NtpDuration::SECOND,
            LeapIndicator::Delete => NtpDuration::SECOND,
            _ => return false,
        };
        // A second that is left out is missing before the midnight.
        let due = NtpTimestamp::from_unix(leap.midnight, 0) - expected.max(NtpDuration::ZERO);
        let late = before - due;
        let taken =
            (step - expected).abs() < LEAP_TOLERANCE && late > -LEAP_TOLERANCE && late < LEAP_SLACK;
        if taken {
            self.leapt = Some(leap.midnight);
        }
        taken
    }
}
