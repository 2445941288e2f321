//! Many datagrams received by one system call.

use crate::datagram::Received;
use crate::slots::Slots;
use crate::socket::Socket;
use crate::sys;
use std::io;
use std::os::fd::AsFd;

/// The least number of datagrams for which the kernel is offered room. Each costs some time even if
/// none comes.
const MIN_OFFER: usize = 8;

/// Room for received datagrams, allocated once and reused for every batch.
#[derive(Debug)]
pub struct ReceiveBatch {
    slots: Slots,
    offered: usize,
}

impl ReceiveBatch {
    /// Room for `capacity` datagrams (1 to [`MAX_BATCH`](crate::MAX_BATCH)) of `datagram_size`
    /// bytes each (at least 1).
    #[must_use]
    pub fn new(capacity: usize, datagram_size: usize) -> Self {
        let slots = Slots::new(capacity, datagram_size);
        Self {
            offered: MIN_OFFER.min(slots.capacity()),
            slots,
        }
    }

    /// The number of datagrams that there is room for.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// The number of datagrams of the last receive.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.filled
    }

    /// True if the last receive brought nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.filled == 0
    }

    /// True if the last receive brought as many as it could, so that more may be waiting.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.slots.filled == self.offered
    }

    /// The datagrams of the last receive, in the order of their arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Received)> {
        self.slots
            .data
            .chunks_exact(self.slots.size)
            .zip(&self.slots.envelopes)
            .take(self.slots.filled)
            .filter_map(|(data, envelope)| {
                let received = Received::read(envelope)?;
                Some((data.get(..received.length)?, received))
            })
    }

    /// Like [`Self::iter`], for decryption in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&mut [u8], Received)> {
        let slots = self
            .slots
            .data
            .chunks_exact_mut(self.slots.size)
            .zip(&self.slots.envelopes);
        slots
            .take(self.slots.filled)
            .filter_map(|(data, envelope)| {
                let received = Received::read(envelope)?;
                Some((data.get_mut(..received.length)?, received))
            })
    }
}

impl Socket {
    /// Receives what is there, after waiting for the first datagram if the socket blocks. The first
    /// calls take only a part of the batch's capacity, see [`ReceiveBatch::is_full`]. What the
    /// batch held before is gone.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none (yet); the batch is empty then.
    pub fn receive_batch(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        // Twice what came last time, so that the whole capacity is reached within a few calls when
        // it is needed.
        batch.offered = (2 * batch.slots.filled)
            .max(MIN_OFFER)
            .min(batch.capacity());
        batch.slots.filled = 0;
        let slots = &mut batch.slots;
        let envelopes = slots.envelopes.get_mut(..batch.offered).unwrap_or_default();
        let (data, size) = (&mut slots.data, slots.size);
        slots.filled = self.received(|| sys::receive_many(self.as_fd(), data, size, envelopes))?;
        Ok(slots.filled)
    }
}
