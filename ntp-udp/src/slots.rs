//! The memory of a batch: the same room for each datagram, allocated once.

use crate::sys::{Envelope, MAX_BATCH};
use std::fmt;

/// Room for the datagrams of a batch. The first `filled` places hold datagrams.
pub(crate) struct Slots {
    /// The bytes of all datagrams, `size` for each place.
    pub(crate) data: Box<[u8]>,
    pub(crate) envelopes: Box<[Envelope]>,
    pub(crate) size: usize,
    pub(crate) filled: usize,
}

impl Slots {
    /// Room for `capacity` datagrams (1 to [`MAX_BATCH`]) of `datagram_size` bytes each (at least
    /// 1).
    pub(crate) fn new(capacity: usize, datagram_size: usize) -> Self {
        let (capacity, size) = (capacity.clamp(1, MAX_BATCH), datagram_size.max(1));
        Self {
            data: vec![0; capacity * size].into(),
            envelopes: vec![Envelope::EMPTY; capacity].into(),
            size,
            filled: 0,
        }
    }

    /// The number of places.
    pub(crate) const fn capacity(&self) -> usize {
        self.envelopes.len()
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} × {} B",
            self.filled,
            self.capacity(),
            self.size
        )
    }
}
