//! Many datagrams received by one system call.

use crate::datagram::Received;
use crate::socket::Socket;
use crate::sys::{self, Envelope, MAX_BATCH};
use std::io;
use std::os::fd::AsFd;

/// The least number of datagrams to offer the kernel room for. Each costs some time even if none
/// comes.
const MIN_OFFER: usize = 8;

/// Room for received datagrams, allocated once and used again for every batch.
pub struct ReceiveBatch {
    data: Box<[u8]>,
    envelopes: Box<[Envelope]>,
    size: usize,
    offered: usize,
    filled: usize,
}

impl ReceiveBatch {
    /// Room for `capacity` datagrams (1 to [`MAX_BATCH`]) of `datagram_size` bytes each (at least
    /// 1).
    #[must_use]
    pub fn new(capacity: usize, datagram_size: usize) -> Self {
        let (capacity, size) = (capacity.clamp(1, MAX_BATCH), datagram_size.max(1));
        Self {
            data: vec![0; capacity * size].into(),
            envelopes: vec![Envelope::EMPTY; capacity].into(),
            size,
            offered: MIN_OFFER.min(capacity),
            filled: 0,
        }
    }

    /// How many datagrams there is room for.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.envelopes.len()
    }

    /// How many datagrams the last receive brought.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.filled
    }

    /// Whether the last receive brought nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Whether the last receive brought as many as it could, so that more may be waiting.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.filled == self.offered
    }

    /// The datagrams of the last receive, in the order of their arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Received)> {
        self.data
            .chunks_exact(self.size)
            .zip(&self.envelopes)
            .take(self.filled)
            .filter_map(|(data, envelope)| {
                let received = Received::read(envelope)?;
                Some((data.get(..received.length)?, received))
            })
    }

    /// Like [`Self::iter`], for those who decrypt in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&mut [u8], Received)> {
        let slots = self.data.chunks_exact_mut(self.size).zip(&self.envelopes);
        slots.take(self.filled).filter_map(|(data, envelope)| {
            let received = Received::read(envelope)?;
            Some((data.get_mut(..received.length)?, received))
        })
    }
}

impl std::fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ReceiveBatch({} of {} × {} B)",
            self.filled,
            self.envelopes.len(),
            self.size
        )
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
        batch.offered = (2 * batch.filled).max(MIN_OFFER).min(batch.capacity());
        batch.filled = 0;
        let ReceiveBatch {
            data,
            envelopes,
            size,
            offered,
            ..
        } = batch;
        let envelopes = envelopes.get_mut(..*offered).unwrap_or_default();
        batch.filled = self.received(|| sys::receive_many(self.as_fd(), data, *size, envelopes))?;
        Ok(batch.filled)
    }
}
