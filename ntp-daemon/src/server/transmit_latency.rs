//! The time from a reply's transmit timestamp until the reply leaves: the rest of its batch is made
//! after it, and the replies before it are sent first.
//!
//! The durations of the last batches predict those of the next, so that the transmit timestamp is
//! the time at which the reply leaves. Otherwise the served time would be late by tens of
//! microseconds under load.

use ntp_proto::time::NtpDuration;

/// The averages move by this fraction of a difference, as a divisor.
const SLOWNESS: i64 = 16;

/// The longest duration for one reply that counts, in 2⁻³² s: 30 µs. Above it, the thread paused.
const MOST: i64 = 128_849;

/// A reply leaves in the middle of the call that sends it: divisor of that call's duration.
const SHARE_BEFORE_LEAVING: i64 = 2;

/// The averages of one worker, each for one reply, in 2⁻³² s.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TransmitLatency {
    making: i64,
    sending: i64,
}

impl TransmitLatency {
    /// The time from now until a reply leaves: `before` replies of its batch go first, and `behind`
    /// requests are still to be judged.
    pub(super) fn after(&self, before: usize, behind: usize) -> NtpDuration {
        let count = |replies: usize| i64::try_from(replies).unwrap_or(i64::MAX);
        let own = self.sending / SHARE_BEFORE_LEAVING;
        let bits = self.making.saturating_mul(count(behind))
            + self.sending.saturating_mul(count(before))
            + own;
        NtpDuration::from_bits(bits)
    }

    /// A batch took `making` for this number of requests, and `sending` for this number of replies.
    pub(super) fn record(
        &mut self,
        (making, requests): (NtpDuration, usize),
        (sending, replies): (NtpDuration, usize),
    ) {
        average(&mut self.making, making, requests);
        average(&mut self.sending, sending, replies);
    }
}

fn average(known: &mut i64, took: NtpDuration, count: usize) {
    let Some(each) = i64::try_from(count)
        .ok()
        .and_then(|count| took.to_bits().checked_div(count))
    else {
        return;
    };
    if (0..=MOST).contains(&each) {
        *known += (each - *known) / SLOWNESS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained() -> TransmitLatency {
        let mut transmit_latency = TransmitLatency::default();
        for _ in 0..200 {
            transmit_latency.record(
                (NtpDuration::from_nanos(6_400), 64),
                (NtpDuration::from_nanos(128_000), 64),
            );
        }
        transmit_latency
    }

    fn nanos(duration: NtpDuration) -> i64 {
        (duration.to_seconds() * 1e9).round() as i64
    }

    #[test]
    fn without_a_batch_the_latency_is_zero() {
        assert_eq!(TransmitLatency::default().after(63, 0), NtpDuration::ZERO);
    }

    #[test]
    fn the_last_reply_of_a_batch_leaves_when_all_others_have() {
        let transmit_latency = trained();
        // 2 µs for each that is sent before, half of that for itself, 100 ns for each that is made
        // after.
        assert!(
            (nanos(transmit_latency.after(63, 0)) - 127_000).abs() < 3_000,
            "{transmit_latency:?}"
        );
        assert!(
            (nanos(transmit_latency.after(0, 63)) - 7_300).abs() < 500,
            "{transmit_latency:?}"
        );
        assert!(
            (nanos(transmit_latency.after(0, 0)) - 1_000).abs() < 50,
            "{transmit_latency:?}"
        );
    }

    #[test]
    fn pauses_and_steps_of_the_clock_are_not_recorded() {
        let mut transmit_latency = trained();
        let before = transmit_latency.after(10, 10);
        transmit_latency.record(
            (NtpDuration::from_seconds(1.0), 1),
            (NtpDuration::from_seconds(-1.0), 1),
        );
        transmit_latency.record((NtpDuration::ZERO, 0), (NtpDuration::ZERO, 0));
        assert_eq!(transmit_latency.after(10, 10), before);
    }
}
