//! The duration of sealing, so that a transmit timestamp can allow for it.
//!
//! A protected reply is sealed when its timestamp is in it already, so that it leaves later than
//! the timestamp: by about a microsecond on a fast processor, by tens of them on a slow one. As
//! plain replies and requests have no such delay, a client would measure half of it as an offset.
//! The durations of the last times predict the next one.

use crate::time::NtpDuration;

/// The width of a class of lengths, in octets. The duration depends on the length, and a client
/// must not be able to change other clients' timestamps by asking for many cookies.
const CLASS_LENGTH: usize = 16;

/// The number of classes: enough for the longest reply.
const CLASSES: usize = super::request::MAX_REQUEST_LENGTH / CLASS_LENGTH + 1;

/// The share of a difference that is learned at once is one of so many.
const SLOWNESS: i64 = 8;

/// The largest correction at once, of 2⁻³² s: 60 ns, and an eighth of the estimate. A duration
/// during which the processor was taken away is not a sample.
const MOST: i64 = 256;

/// The recent duration of sealing, for each length of reply.
#[derive(Clone, Debug)]
pub struct SealingTimes([i64; CLASSES]);

impl SealingTimes {
    /// Nothing is known yet, and nothing is allowed for.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; CLASSES])
    }

    /// The predicted duration of sealing a reply of `length` octets.
    #[must_use]
    pub fn expected(&self, length: usize) -> NtpDuration {
        NtpDuration::from_bits(self.0.get(length / CLASS_LENGTH).copied().unwrap_or(0))
    }

    /// The sealing of a reply of `length` octets has taken `took`.
    pub fn learn(&mut self, length: usize, took: NtpDuration) {
        if let Some(known) = self.0.get_mut(length / CLASS_LENGTH) {
            let most = MOST + *known / SLOWNESS;
            let news = took.to_bits().saturating_sub(*known) / SLOWNESS;
            *known = known.saturating_add(news.clamp(-most, most)).max(0);
        }
    }
}

impl Default for SealingTimes {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: usize = 232;

    fn apart(one: NtpDuration, other: NtpDuration) -> i64 {
        (one - other).to_bits().abs()
    }

    fn taught(took: NtpDuration, times: usize) -> SealingTimes {
        let mut sealing = SealingTimes::new();
        (0..times).for_each(|_| sealing.learn(REPLY, took));
        sealing
    }

    #[test]
    fn nothing_is_allowed_for_at_first() {
        assert_eq!(SealingTimes::new().expected(REPLY), NtpDuration::ZERO);
    }

    #[test]
    fn after_some_replies_what_they_took_is_allowed_for() {
        let sealing = taught(NtpDuration::from_nanos(1_000), 60);
        assert!(
            apart(sealing.expected(REPLY), NtpDuration::from_nanos(1_000)) < 50,
            "{sealing:?}"
        );
    }

    #[test]
    fn a_pause_in_the_midst_of_a_sealing_changes_little() {
        let mut sealing = taught(NtpDuration::from_nanos(1_000), 60);
        let before = sealing.expected(REPLY);
        sealing.learn(REPLY, NtpDuration::from_nanos(5_000_000));
        assert!(
            apart(sealing.expected(REPLY), before) <= MOST + before.to_bits() / SLOWNESS,
            "{sealing:?}"
        );
    }

    #[test]
    fn a_clock_that_was_set_back_in_the_midst_makes_no_reply_leave_before_it_was_made() {
        let mut sealing = taught(NtpDuration::from_nanos(10), 60);
        (0..60).for_each(|_| sealing.learn(REPLY, NtpDuration::from_nanos(-1_000_000_000_000)));
        assert_eq!(sealing.expected(REPLY), NtpDuration::ZERO);
    }

    #[test]
    fn long_replies_say_nothing_about_short_ones() {
        let mut sealing = taught(NtpDuration::from_nanos(1_000), 60);
        let before = sealing.expected(REPLY);
        (0..100).for_each(|_| sealing.learn(988, NtpDuration::from_nanos(9_000)));
        assert_eq!(sealing.expected(REPLY), before);
        assert!(
            apart(sealing.expected(988), NtpDuration::from_nanos(9_000)) < 5000,
            "{sealing:?}"
        );
    }

    #[test]
    fn an_impossible_length_is_none() {
        let mut sealing = SealingTimes::new();
        sealing.learn(1_000_000, NtpDuration::from_nanos(1_000));
        assert_eq!(sealing.expected(1_000_000), NtpDuration::ZERO);
    }
}
