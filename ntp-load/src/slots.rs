//! The requests in flight.

use ntp_proto::time::{NtpDuration, NtpTimestamp};

/// One place for a request on its way.
#[derive(Clone, Copy, Debug)]
struct Slot {
    origin: u64,
    sent: NtpTimestamp,
    waiting: bool,
}

/// A ring of requests in the order in which they are sent. When it is full, the oldest is given up.
///
/// A request is known by its transmit timestamp: `seed` plus its number; the lowest bits are its
/// place in the ring. What is sent again and again has to keep its timestamp, and has one place for
/// ever.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    ring: Box<[Slot]>,
    seed: u64,
    /// The number of requests that were sent.
    issued: u64,
    /// The number of them that are over, counted from the first on.
    settled: u64,
    in_flight: u64,
    lost: u64,
}

/// A request that has been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// Its place in the ring.
    pub(super) place: usize,
    /// The time at which it was sent.
    pub(super) sent: NtpTimestamp,
}

impl Slots {
    /// With room for `count` requests, at least one and a power of two.
    pub(super) fn new(count: usize, seed: u64) -> Self {
        let empty = Slot {
            origin: 0,
            sent: NtpTimestamp::UNKNOWN,
            waiting: false,
        };
        let ring = vec![empty; count.max(1).next_power_of_two()].into();
        Self {
            ring,
            seed,
            issued: 0,
            settled: 0,
            in_flight: 0,
            lost: 0,
        }
    }

    /// The place of the next request in the ring.
    pub(super) const fn next_place(&self) -> usize {
        self.place(self.issued)
    }

    /// The transmit timestamp of the next request, if it is to be one that never was before.
    pub(super) const fn fresh_origin(&self) -> u64 {
        self.seed.wrapping_add(self.issued)
    }

    /// Counts a request as sent with this transmit timestamp.
    pub(super) fn issue(&mut self, origin: u64, sent: NtpTimestamp) {
        while self.issued - self.settled >= self.ring.len() as u64 {
            self.settle_oldest();
        }
        let place = self.place(self.issued);
        if let Some(slot) = self.ring.get_mut(place) {
            *slot = Slot {
                origin,
                sent,
                waiting: true,
            };
        }
        self.issued += 1;
        self.in_flight += 1;
    }

    /// The request that a reply answers; `None` if none waits for it.
    pub(super) fn answer(&mut self, origin: u64) -> Option<Answered> {
        let place = self.place(origin.wrapping_sub(self.seed));
        let slot = self
            .ring
            .get_mut(place)
            .filter(|slot| slot.waiting && slot.origin == origin)?;
        slot.waiting = false;
        self.in_flight -= 1;
        Some(Answered {
            place,
            sent: slot.sent,
        })
    }

    /// Gives up what was sent more than `patience` before `now`.
    pub(super) fn expire(&mut self, now: NtpTimestamp, patience: NtpDuration) {
        while self.settled < self.issued {
            let oldest = self.ring.get(self.place(self.settled));
            if oldest.is_some_and(|slot| slot.waiting && now - slot.sent <= patience) {
                return;
            }
            self.settle_oldest();
        }
    }

    /// The number of requests in flight.
    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The number of requests that were given up.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    fn settle_oldest(&mut self) {
        let place = self.place(self.settled);
        if let Some(slot) = self.ring.get_mut(place).filter(|slot| slot.waiting) {
            slot.waiting = false;
            self.in_flight -= 1;
            self.lost += 1;
        }
        self.settled += 1;
    }

    const fn place(&self, number: u64) -> usize {
        (number & (self.ring.len() as u64 - 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: NtpTimestamp = NtpTimestamp::from_bits(0xEC00_0000_0000_0000);

    fn slots() -> Slots {
        Slots::new(4, u64::MAX - 1)
    }

    fn send(slots: &mut Slots, at: NtpTimestamp) -> u64 {
        let origin = slots.fresh_origin();
        slots.issue(origin, at);
        origin
    }

    #[test]
    fn a_reply_is_counted_once() {
        let mut slots = slots();
        let origins: Vec<u64> = (0..4).map(|_| send(&mut slots, START)).collect();

        for origin in origins {
            assert!(slots.answer(origin).is_some());
            assert_eq!(slots.answer(origin), None);
        }
        assert_eq!((slots.in_flight(), slots.lost()), (0, 0));
    }

    #[test]
    fn an_origin_that_was_never_sent_answers_nothing() {
        let mut slots = slots();
        let origin = send(&mut slots, START);

        assert_eq!(
            slots.answer(origin.wrapping_add(4)),
            None,
            "the same place in the ring"
        );
        assert_eq!(slots.in_flight(), 1);
    }

    #[test]
    fn patience_ends_for_the_oldest_first() {
        let mut slots = slots();
        let late = send(&mut slots, START);
        let later = send(&mut slots, START + NtpDuration::SECOND);
        slots.expire(START + NtpDuration::from_seconds(1.5), NtpDuration::SECOND);

        assert_eq!((slots.in_flight(), slots.lost()), (1, 1));
        assert_eq!(slots.answer(late), None);
        assert!(slots.answer(later).is_some());
    }

    #[test]
    fn a_full_ring_gives_up_the_oldest() {
        let mut slots = slots();
        let origins: Vec<u64> = (0..5).map(|_| send(&mut slots, START)).collect();

        assert_eq!((slots.in_flight(), slots.lost()), (4, 1));
        assert_eq!(slots.answer(origins[0]), None);
        assert!(slots.answer(origins[4]).is_some());
    }
}
