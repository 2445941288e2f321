//! The arithmetic of the virtual clock: from the raw counter to the time shown.

use ntp_proto::time::{Frequency, NtpDuration, NtpTimestamp};
use std::collections::VecDeque;

/// The bits below the nanosecond, for times and rates alike. A rate is then exact to
/// 10⁻¹⁸: a hundredth of a nanosecond in four months.
const FRACTION_BITS: u32 = 60;

/// The number of changes that are remembered, for stamps that were taken before them.
const REMEMBERED: usize = 16;

/// A span of time in which the clock ran at one rate.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Its beginning, in nanoseconds of the raw counter.
    raw: i64,
    /// The time shown at the beginning: Unix time in units of 2⁻⁶⁰ ns.
    shown: i128,
    /// The rate against the raw counter in units of 2⁻⁶⁰; positive: faster.
    gain: i64,
}

impl Segment {
    fn shown_at(&self, raw: i64) -> i128 {
        let elapsed = i128::from(raw) - i128::from(self.raw);
        self.shown + (elapsed << FRACTION_BITS) + elapsed * i128::from(self.gain)
    }
}

/// The time shown as a function of the raw counter, the recent past included.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// Newest first, never empty.
    segments: VecDeque<Segment>,
}

impl Timeline {
    /// A clock that shows `shown` (Unix nanoseconds) when the raw counter shows `raw` nanoseconds.
    pub(crate) fn starting(raw: i64, shown: i64, gain: Frequency) -> Self {
        let shown = i128::from(shown) << FRACTION_BITS;
        Self {
            segments: VecDeque::from([Segment {
                raw,
                shown,
                gain: fixed(gain),
            }]),
        }
    }

    /// The time shown when the raw counter is or was at `raw`.
    pub(crate) fn shown_at(&self, raw: i64) -> NtpTimestamp {
        let nanos = self.segment_at(raw).shown_at(raw) >> FRACTION_BITS;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a billionth of 68 bits, and below 10⁹ by construction"
        )]
        let (seconds, rest) = (
            nanos.div_euclid(1_000_000_000) as i64,
            nanos.rem_euclid(1_000_000_000) as u32,
        );
        NtpTimestamp::from_unix(seconds, rest)
    }

    /// From `raw` on at another rate, without a jump.
    pub(crate) fn with_gain(&self, raw: i64, gain: Frequency) -> Self {
        self.followed_by(Segment {
            raw,
            shown: self.segment_at(raw).shown_at(raw),
            gain: fixed(gain),
        })
    }

    /// From `raw` on moved by `by`, at the same rate.
    pub(crate) fn with_step(&self, raw: i64, by: NtpDuration) -> Self {
        let current = self.segment_at(raw);
        let moved = current.shown_at(raw) + step_fixed(by);
        self.followed_by(Segment {
            raw,
            shown: moved,
            gain: current.gain,
        })
    }

    fn segment_at(&self, raw: i64) -> &Segment {
        let segment = self.segments.iter().find(|segment| raw >= segment.raw);
        segment
            .or_else(|| self.segments.back())
            .expect("invariant: a timeline has at least one segment")
    }

    fn followed_by(&self, segment: Segment) -> Self {
        let recent = self.segments.iter().take(REMEMBERED - 1).copied();
        Self {
            segments: std::iter::once(segment).chain(recent).collect(),
        }
    }
}

/// A rate in units of 2⁻⁶⁰.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rates are limited to a fraction of one"
)]
fn fixed(gain: Frequency) -> i64 {
    (gain.to_f64() * f64::from(FRACTION_BITS).exp2()).round() as i64
}

/// A step in units of 2⁻⁶⁰ ns, exactly: 10⁹ · 2⁶⁰ / 2³² of them make one unit of the wire.
fn step_fixed(by: NtpDuration) -> i128 {
    (i128::from(by.to_bits()) * 1_000_000_000) << (FRACTION_BITS - 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_248_000_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    fn unix(nanos: i64) -> NtpTimestamp {
        let rest = u32::try_from(nanos.rem_euclid(SECOND)).unwrap();
        NtpTimestamp::from_unix(nanos.div_euclid(SECOND), rest)
    }

    #[test]
    fn a_fast_clock_gains_what_its_rate_says() {
        let clock = Timeline::starting(500, START, Frequency::new(40e-6));
        for seconds in [0, 1, 60, 86_400, 100 * 86_400] {
            let shown = clock.shown_at(500 + seconds * SECOND);
            let wanted = unix(START + seconds * SECOND + seconds * 40_000);
            assert!(
                (shown - wanted).to_nanos().abs() <= 1,
                "after {seconds} s: {shown:?}, not {wanted:?}"
            );
        }
    }

    #[test]
    fn a_thousand_changes_of_rate_lose_nothing() {
        let mut clock = Timeline::starting(0, START, Frequency::ZERO);
        let mut raw = 0;
        for round in 0..1000 {
            let gain = if round % 2 == 0 { 500e-6 } else { -500e-6 };
            clock = clock.with_gain(raw, Frequency::new(gain));
            raw += 10_007 * SECOND + 1;
        }
        assert!((clock.shown_at(raw) - unix(START + raw)).to_nanos().abs() <= 1);
    }

    #[test]
    fn a_change_of_rate_makes_no_jump() {
        let slow = Timeline::starting(0, START, Frequency::new(-0.1));
        let fast = slow.with_gain(12_345_678_901, Frequency::new(0.1));

        assert_eq!(fast.shown_at(12_345_678_901), slow.shown_at(12_345_678_901));
        assert!(
            (fast.shown_at(12_345_678_911) - slow.shown_at(12_345_678_901))
                .to_nanos()
                .abs_diff(11)
                <= 1
        );
    }

    #[test]
    fn a_step_moves_the_clock_by_exactly_its_size() {
        let clock = Timeline::starting(0, START, Frequency::new(1e-6));
        for by in [
            NtpDuration::SECOND,
            NtpDuration::from_seconds(-3_000.125),
            NtpDuration::from_nanos(7),
        ] {
            let moved = clock.with_step(SECOND, by);
            let difference = (moved.shown_at(5 * SECOND) - clock.shown_at(5 * SECOND)) - by;
            assert!(
                difference.to_nanos().abs() <= 1,
                "{by:?} moved it by {difference:?} more"
            );
        }
    }

    #[test]
    fn stamps_from_before_a_change_are_read_as_the_clock_was_then() {
        let old = Timeline::starting(0, START, Frequency::new(1e-4));
        let new = old
            .with_gain(SECOND, Frequency::ZERO)
            .with_step(SECOND + 5, NtpDuration::SECOND);

        assert_eq!(new.shown_at(SECOND / 2), old.shown_at(SECOND / 2));
        assert_eq!(new.shown_at(-SECOND), old.shown_at(-SECOND));
    }

    #[test]
    fn time_goes_on_forwards_whatever_the_rate() {
        for gain in [-0.19, -40e-6, 0.0, 40e-6, 0.21] {
            let clock = Timeline::starting(0, START, Frequency::new(gain));
            for raw in 0..2000 {
                let advance = clock.shown_at(raw * 3 + 3) - clock.shown_at(raw * 3);
                assert!(advance > NtpDuration::ZERO, "at {raw} with {gain}");
            }
        }
    }
}
