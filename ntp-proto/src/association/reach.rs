//! The reach register: a server's answers to the last eight polls.

/// The last eight polls, newest in the lowest bit; 1 means answered (RFC 5905 §13 "reach").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach(u8);

impl Reach {
    /// The bits; people read them in octal.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if any of the last eight polls was answered.
    #[must_use]
    pub const fn is_reachable(self) -> bool {
        self.0 != 0
    }

    /// True if any of the last three polls was answered, the one in flight aside. A server that is
    /// silent for longer must not lead.
    #[must_use]
    pub const fn is_fresh(self) -> bool {
        self.0 & 0b1111 != 0
    }

    pub(super) fn polled(&mut self) {
        self.0 <<= 1;
    }

    pub(super) fn answered(&mut self) {
        self.0 |= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_lost_polls_make_a_server_unreachable() {
        let mut reach = Reach::default();
        reach.polled();
        reach.answered();
        for _ in 0..7 {
            reach.polled();
            assert!(reach.is_reachable());
        }
        reach.polled();
        assert!(!reach.is_reachable());
    }
}
