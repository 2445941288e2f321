//! When the replies of a batch leave: each some time after its timestamp was taken, as those behind
//! it have to be made first, and those before it go first.
//!
//! What making and sending took for the last batches tells what it will take this time, so that a
//! timestamp can say when its reply leaves rather than when it was made. Without that, the time
//! that is served under load would be late by tens of microseconds.

use ntp_proto::time::NtpDuration;

/// The share of a difference that is learnt at once is one of so many.
const SLOWNESS: i64 = 16;

/// More than this for one reply, in 2⁻³² s, tells of a pause and not of work: 30 µs.
const MOST: i64 = 128_849;

/// A reply leaves somewhere in the midst of the call that sends it, and the kernel has more to do
/// afterwards.
const SHARE_BEFORE_LEAVING: i64 = 2;

/// What is known of one worker's batches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Departure {
    making: i64,
    sending: i64,
}

impl Departure {
    /// How long after now a reply will leave: `before` replies of its batch go first, and `behind`
    /// requests have yet to be looked at.
    pub(super) fn after(&self, before: usize, behind: usize) -> NtpDuration {
        let count = |replies: usize| i64::try_from(replies).unwrap_or(i64::MAX);
        let own = self.sending / SHARE_BEFORE_LEAVING;
        let bits = self.making.saturating_mul(count(behind))
            + self.sending.saturating_mul(count(before))
            + own;
        NtpDuration::from_bits(bits)
    }

    /// It took `making` to look at so many requests, and `sending` to send so many replies.
    pub(super) fn learn(
        &mut self,
        (making, requests): (NtpDuration, usize),
        (sending, replies): (NtpDuration, usize),
    ) {
        learn(&mut self.making, making, requests);
        learn(&mut self.sending, sending, replies);
    }
}

fn learn(known: &mut i64, took: NtpDuration, count: usize) {
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

    fn taught() -> Departure {
        let mut departure = Departure::default();
        for _ in 0..200 {
            departure.learn(
                (NtpDuration::from_nanos(6_400), 64),
                (NtpDuration::from_nanos(128_000), 64),
            );
        }
        departure
    }

    fn nanos(duration: NtpDuration) -> i64 {
        (duration.to_seconds() * 1e9).round() as i64
    }

    #[test]
    fn nothing_is_allowed_for_at_first() {
        assert_eq!(Departure::default().after(63, 0), NtpDuration::ZERO);
    }

    #[test]
    fn the_last_reply_of_a_batch_leaves_when_all_others_have() {
        let departure = taught();
        // 2 µs for each that is sent before, half of that for itself, 100 ns for each that is made
        // after.
        assert!(
            (nanos(departure.after(63, 0)) - 127_000).abs() < 3_000,
            "{departure:?}"
        );
        assert!(
            (nanos(departure.after(0, 63)) - 7_300).abs() < 500,
            "{departure:?}"
        );
        assert!(
            (nanos(departure.after(0, 0)) - 1_000).abs() < 50,
            "{departure:?}"
        );
    }

    #[test]
    fn pauses_and_jumps_of_the_clock_teach_nothing() {
        let mut departure = taught();
        let before = departure.after(10, 10);
        departure.learn(
            (NtpDuration::from_seconds(1.0), 1),
            (NtpDuration::from_seconds(-1.0), 1),
        );
        departure.learn((NtpDuration::ZERO, 0), (NtpDuration::ZERO, 0));
        assert_eq!(departure.after(10, 10), before);
    }
}
