//! The kernel's units of frequency, time and status: adjtimex(2) and the interface of RFC 1589.

use libc::{c_int, c_long};
use ntp_proto::clock::ClockStatus;
use ntp_proto::packet::LeapIndicator;
use ntp_proto::time::{Frequency, NtpDuration, Seconds};

/// The largest steering rate either way: 10 %, where the kernel refuses to go further.
pub const FREQUENCY_LIMIT: Frequency = Frequency::new(0.1);

/// The largest rate either way that the kernel's `freq` can hold; beyond it, the tick is used.
const FINE_LIMIT: Frequency = Frequency::new(500e-6);

/// One unit of `freq`: 2⁻¹⁶ ppm.
const FINE_UNIT: f64 = 1e-6 / 65_536.0;

/// The kernel's largest error bound, in microseconds: NTP_PHASE_LIMIT.
const ERROR_LIMIT: f64 = 16e6;

/// The largest TAI − UTC that the kernel takes, in seconds.
const TAI_LIMIT: i32 = 100_000;

/// The status bits by which the kernel itself would steer the clock.
pub(crate) const LOOP_BITS: c_int =
    libc::STA_PLL | libc::STA_FLL | libc::STA_PPSFREQ | libc::STA_PPSTIME | libc::STA_FREQHOLD;

/// A rate as the kernel stores it; the two parts add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KernelRate {
    /// In units of 2⁻¹⁶ ppm.
    pub(crate) fine: c_long,
    /// The length of a tick in microseconds, 1 000 000 / USER_HZ nominally.
    pub(crate) tick: c_long,
}

impl KernelRate {
    /// The nearest rate that the kernel can hold, within [`FREQUENCY_LIMIT`]. Within ±500 ppm the
    /// tick is nominal, so that ordinary steering never touches it; beyond, the tick takes the bulk
    /// and `fine` the rest.
    pub(crate) fn nearest(rate: Frequency, user_hz: c_long) -> Self {
        let rate = rate.limited(FREQUENCY_LIMIT);
        let ticks = if rate.abs() <= FINE_LIMIT {
            0.0
        } else {
            (rate.to_f64() / tick_unit(user_hz)).round()
        };
        let rest = rate.to_f64() - ticks * tick_unit(user_hz);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both are limited to a few thousand millions"
        )]
        Self {
            fine: (rest / FINE_UNIT).round() as c_long,
            tick: nominal_tick(user_hz) + ticks as c_long,
        }
    }

    /// The rate from `freq` alone, with the nominal tick.
    pub(crate) const fn without_tick(fine: c_long, user_hz: c_long) -> Self {
        Self {
            fine,
            tick: nominal_tick(user_hz),
        }
    }

    /// The rate by which this makes the clock run faster.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the kernel's numbers are far below 2⁵³"
    )]
    pub(crate) fn frequency(self, user_hz: c_long) -> Frequency {
        let coarse = (self.tick - nominal_tick(user_hz)) as f64 * tick_unit(user_hz);
        Frequency::new(coarse + self.fine as f64 * FINE_UNIT)
    }
}

/// Microseconds per tick of a clock that is left alone.
const fn nominal_tick(user_hz: c_long) -> c_long {
    (1_000_000 + user_hz / 2) / user_hz
}

/// The rate that one microsecond per tick makes: 100 ppm where USER_HZ is 100.
#[expect(
    clippy::cast_precision_loss,
    reason = "USER_HZ is at most a few thousands"
)]
fn tick_unit(user_hz: c_long) -> f64 {
    user_hz as f64 * 1e-6
}

/// The status word for the kernel. All steering by the kernel is off.
pub(crate) fn status_bits(status: &ClockStatus) -> c_int {
    let leap = match status.leap {
        LeapIndicator::NoWarning => 0,
        LeapIndicator::Insert => libc::STA_INS,
        LeapIndicator::Delete => libc::STA_DEL,
        LeapIndicator::Unsynchronized => libc::STA_UNSYNC,
    };
    if status.synchronized {
        leap
    } else {
        leap | libc::STA_UNSYNC
    }
}

/// An error bound in whole microseconds, rounded up and within what the kernel takes; not-a-number
/// is the worst.
pub(crate) fn error_micros(error: Seconds) -> c_long {
    let micros = (error.to_f64() * 1e6).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "limited to 16 millions before"
    )]
    let whole = if micros.is_nan() {
        ERROR_LIMIT
    } else {
        micros.clamp(0.0, ERROR_LIMIT)
    } as c_long;
    whole
}

/// The TAI − UTC for the kernel, if it is in the range that the kernel takes.
pub(crate) fn tai_seconds(status: &ClockStatus) -> Option<c_long> {
    let offset = status
        .tai_offset
        .filter(|offset| (0..=TAI_LIMIT).contains(offset))?;
    Some(c_long::from(offset))
}

/// An era of NTP, in seconds (RFC 5905 §6).
pub(crate) const ERA: i64 = 1 << 32;

/// The number of eras that have to be added to the span `by` so that a clock that shows `now` ends
/// up within half an era of `pivot`, both in Unix seconds.
pub(crate) fn eras_from(now: i64, by: NtpDuration, pivot: i64) -> i64 {
    let away = now.saturating_add(step_parts(by).0).saturating_sub(pivot);
    -away.saturating_add(ERA / 2).div_euclid(ERA)
}

/// A step as whole seconds and nanoseconds, the latter never negative, as ADJ_SETOFFSET wants them.
pub(crate) fn step_parts(by: NtpDuration) -> (i64, i64) {
    let nanos = by.to_nanos();
    (
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::time::NtpTimestamp;

    /// A rate, and the kernel's representation of it with a USER_HZ of 100.
    const TABLE: &[(f64, c_long, c_long)] = &[
        (0.0, 0, 10_000),
        (1e-6, 65_536, 10_000),
        (-1e-6, -65_536, 10_000),
        (0.5e-6 / 65_536.0, 1, 10_000),
        (499.999e-6, 32_767_934, 10_000),
        (500e-6, 32_768_000, 10_000),
        (-500e-6, -32_768_000, 10_000),
        (501e-6, 65_536, 10_005),
        (-501e-6, -65_536, 9_995),
        (549e-6, 49 * 65_536, 10_005),
        (-551e-6, 49 * 65_536, 9_994),
        (0.1, 0, 11_000),
        (-0.1, 0, 9_000),
        (0.2, 0, 11_000),
        (-7.0, 0, 9_000),
        (f64::INFINITY, 0, 11_000),
    ];

    #[test]
    fn a_rate_is_split_between_frequency_and_tick() {
        for &(rate, fine, tick) in TABLE {
            assert_eq!(
                KernelRate::nearest(Frequency::new(rate), 100),
                KernelRate { fine, tick },
                "for {rate}"
            );
        }
    }

    #[test]
    fn a_step_ends_in_the_era_of_the_pivot() {
        const YEAR: i64 = 31_556_952;
        let pivot = 56 * YEAR;
        let truth = 60 * YEAR;
        for year in [0, 40, 59, 61, 100, 130, 140, 180, 250] {
            let now = year * YEAR;
            // The difference of timestamps, which have no era.
            let by = NtpTimestamp::from_unix(truth, 0) - NtpTimestamp::from_unix(now, 0);
            let ended = now + step_parts(by).0 + eras_from(now, by, pivot) * ERA;
            assert_eq!(ended, truth, "from year {year}");
        }
        assert_eq!(
            eras_from(pivot, NtpDuration::from_seconds(-86_400.0), pivot),
            0,
            "near the pivot nothing is added"
        );
    }

    #[test]
    fn a_rate_survives_the_round_trip_within_half_a_unit() {
        for user_hz in [100, 250, 1000] {
            for step in -20_000..=20_000 {
                let rate = f64::from(step) * 4.987e-6;
                let kernel = KernelRate::nearest(Frequency::new(rate), user_hz);
                let back = kernel.frequency(user_hz).to_f64();

                assert!(
                    (back - rate).abs() <= 0.51 * FINE_UNIT,
                    "{rate} became {back} with USER_HZ {user_hz}"
                );
                assert!(
                    kernel.fine.abs() <= 500 * 65_536,
                    "{kernel:?} is beyond the kernel's frequency"
                );
                let (low, high) = (900_000 / user_hz, 1_100_000 / user_hz);
                assert!(
                    (low..=high).contains(&kernel.tick),
                    "{kernel:?} is beyond the kernel's tick"
                );
            }
        }
    }

    fn status(synchronized: bool, leap: LeapIndicator) -> ClockStatus {
        ClockStatus {
            synchronized,
            leap,
            ..ClockStatus::UNSYNCHRONIZED
        }
    }

    #[test]
    fn status_bits_carry_leap_and_synchronization_and_nothing_else() {
        use LeapIndicator::{Delete, Insert, NoWarning, Unsynchronized};
        let table = [
            (true, NoWarning, 0),
            (true, Insert, libc::STA_INS),
            (true, Delete, libc::STA_DEL),
            (true, Unsynchronized, libc::STA_UNSYNC),
            (false, NoWarning, libc::STA_UNSYNC),
            (false, Insert, libc::STA_UNSYNC | libc::STA_INS),
            (false, Delete, libc::STA_UNSYNC | libc::STA_DEL),
            (false, Unsynchronized, libc::STA_UNSYNC),
        ];
        for (synchronized, leap, bits) in table {
            let bits_set = status_bits(&status(synchronized, leap));
            assert_eq!(bits_set, bits, "for {synchronized} and {leap:?}");
            assert_eq!(bits_set & LOOP_BITS, 0);
        }
    }

    #[test]
    fn an_error_bound_is_never_rounded_down() {
        let table = [
            (0.0, 0),
            (1e-9, 1),
            (1.5e-6, 2),
            (0.25, 250_000),
            (99.0, 16_000_000),
            (-1.0, 0),
        ];
        for (seconds, micros) in table {
            assert_eq!(error_micros(Seconds::new(seconds)), micros, "for {seconds}");
        }
        assert_eq!(error_micros(Seconds::new(f64::NAN)), 16_000_000);
    }

    #[test]
    fn a_tai_offset_that_makes_no_sense_is_kept_from_the_kernel() {
        for (offset, expected) in [
            (Some(37), Some(37)),
            (Some(0), Some(0)),
            (Some(-1), None),
            (Some(i32::MAX), None),
        ] {
            assert_eq!(
                tai_seconds(&ClockStatus {
                    tai_offset: offset,
                    ..ClockStatus::UNSYNCHRONIZED
                }),
                expected
            );
        }
        assert_eq!(tai_seconds(&ClockStatus::UNSYNCHRONIZED), None);
    }

    #[test]
    fn a_step_back_has_nanoseconds_that_count_forwards() {
        assert_eq!(
            step_parts(NtpDuration::from_nanos(1_250_000_000)),
            (1, 250_000_000)
        );
        assert_eq!(
            step_parts(NtpDuration::from_seconds(-0.25)),
            (-1, 750_000_000)
        );
        assert_eq!(step_parts(-NtpDuration::SECOND), (-1, 0));
        assert_eq!(step_parts(NtpDuration::ZERO), (0, 0));
    }
}
