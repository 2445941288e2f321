//! Sources that do not agree: asking them more often does not help, so they are asked less and less
//! often until they do.

use crate::time::PollInterval;

/// Replies of each source at one interval before a longer one is tried.
const PATIENCE: usize = 8;

/// Replies in a row with a majority after which it is over: where intervals are long, claims are
/// wide, and may agree by that.
const ENOUGH: usize = 4;

/// The time without a majority.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stalemate {
    poll: Option<PollInterval>,
    replies: usize,
    agreeing: usize,
}

impl Stalemate {
    /// One of `usable` sources, which is asked at the interval `poll`, has replied, and there is no
    /// majority.
    pub(super) fn handle_reply(&mut self, poll: PollInterval, usable: usize) {
        let now = *self.poll.get_or_insert(poll);
        self.agreeing = 0;
        self.replies += 1;
        if self.replies >= PATIENCE * usable.max(1) {
            *self = Self {
                poll: Some(now.longer()),
                ..Self::default()
            };
        }
    }

    /// A source has replied, and there is a majority.
    pub(super) fn handle_agreement(&mut self) {
        self.agreeing += 1;
        if self.agreeing >= ENOUGH {
            self.end();
        }
    }

    /// Nobody is left to disagree.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// The interval at which sources are to be asked; `None` if there is a majority.
    pub(super) fn poll(&self) -> Option<PollInterval> {
        self.poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sources_that_never_agree_are_asked_less_and_less_often() {
        let mut stalemate = Stalemate::default();
        let shortest = PollInterval::clamped_const(4);
        for replies in 0..6 * 2 * PATIENCE {
            assert_eq!(stalemate.poll().is_some(), replies > 0);
            stalemate.handle_reply(shortest, 2);
        }
        assert_eq!(stalemate.poll(), Some(PollInterval::clamped_const(10)));
        stalemate.handle_agreement();
        stalemate.handle_reply(shortest, 2);
        (1..ENOUGH).for_each(|_| stalemate.handle_agreement());
        assert_eq!(
            stalemate.poll(),
            Some(PollInterval::clamped_const(10)),
            "it may be chance"
        );
        stalemate.handle_agreement();
        assert_eq!(
            stalemate.poll(),
            None,
            "a majority is heard as often as the discipline wants"
        );
    }
}
