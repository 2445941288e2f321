//! Many datagrams sent by one system call.

use crate::datagram::{SourceAddress, address};
use crate::notice::SendId;
use crate::slots::Slots;
use crate::socket::Socket;
use crate::sys;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// Room for datagrams to be sent, allocated once and reused for every batch.
#[derive(Debug)]
pub struct SendBatch {
    slots: Slots,
    ids: Box<[Option<SendId>]>,
}

/// The batch has no room for another datagram: send it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFull;

/// The outcome of sending a batch.
#[derive(Debug, Default)]
#[must_use = "datagrams that failed should be counted"]
pub struct SentReport {
    /// The number of datagrams that were handed to the network.
    pub sent: usize,
    /// The number that could not be.
    pub failed: usize,
    /// The error of the first one that failed.
    pub error: Option<io::Error>,
}

impl SendBatch {
    /// Room for `capacity` datagrams (1 to [`MAX_BATCH`](crate::MAX_BATCH)) of up to
    /// `datagram_size` bytes each (at least 1).
    #[must_use]
    pub fn new(capacity: usize, datagram_size: usize) -> Self {
        let slots = Slots::new(capacity, datagram_size);
        Self {
            ids: vec![None; slots.capacity()].into(),
            slots,
        }
    }

    /// The number of datagrams that there is room for.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// The number of datagrams in the batch.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.filled
    }

    /// True if there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.filled == 0
    }

    /// Forgets all datagrams.
    pub const fn clear(&mut self) {
        self.slots.filled = 0;
    }

    /// Adds a datagram that `write` writes: it is given the room and returns how many bytes of it
    /// it used.
    ///
    /// `from` is for sockets bound to a wildcard address, see [`crate::Destination::reply_source`].
    ///
    /// # Errors
    ///
    /// If the batch is full; then `write` was not called.
    pub fn push(
        &mut self,
        to: SocketAddr,
        from: Option<SourceAddress>,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<(), BatchFull> {
        let envelope = self
            .slots
            .envelopes
            .get_mut(self.slots.filled)
            .ok_or(BatchFull)?;
        let room = self
            .slots
            .data
            .chunks_exact_mut(self.slots.size)
            .nth(self.slots.filled)
            .ok_or(BatchFull)?;
        let length = write(room).min(self.slots.size);
        address(envelope, length, to, from);
        self.slots.filled += 1;
        Ok(())
    }

    /// The numbers of the datagrams in the order in which they were added, once sent; none for
    /// those that failed, nor on a socket without transmit timestamps.
    pub fn sent_ids(&self) -> impl Iterator<Item = Option<SendId>> {
        self.ids.iter().take(self.slots.filled).copied()
    }
}

impl Socket {
    /// Sends all datagrams of a batch; one that fails does not hold up the others. Clear the batch
    /// before using it again.
    pub fn send_batch(&self, batch: &mut SendBatch) -> SentReport {
        let mut report = SentReport::default();
        batch.ids.fill(None);
        let mut at = 0;
        while at < batch.slots.filled {
            match self.send_some(batch, at) {
                Ok(count) => {
                    report.sent += count;
                    at += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // There is no room in the socket for any of the others either.
                    report.failed += batch.slots.filled - at;
                    report.error.get_or_insert(error);
                    break;
                }
                Err(error) => {
                    report.failed += 1;
                    report.error.get_or_insert(error);
                    at += 1;
                }
            }
        }
        report
    }

    /// Sends the datagrams from `at` up to the first that fails; the error is that of the one at
    /// `at`.
    fn send_some(&self, batch: &mut SendBatch, at: usize) -> io::Result<usize> {
        let data = batch
            .slots
            .data
            .get(at * batch.slots.size..)
            .unwrap_or_default();
        let envelopes = batch
            .slots
            .envelopes
            .get_mut(at..batch.slots.filled)
            .unwrap_or_default();
        let ids = batch
            .ids
            .get_mut(at..batch.slots.filled)
            .unwrap_or_default();
        let count = self.past_icmp(|| {
            self.numbered(|ours| {
                for (id, envelope) in ids.iter_mut().zip(&mut *envelopes) {
                    *id = ours.then(|| self.numbering.take());
                    envelope.set_number(id.map(SendId::to_bits));
                }
                let count = sys::send_many(self.as_fd(), data, batch.slots.size, envelopes)?;
                if count == 0 {
                    Err(io::ErrorKind::WriteZero.into())
                } else {
                    Ok(count)
                }
            })
        });
        let sent = *count.as_ref().unwrap_or(&0);
        ids.iter_mut().skip(sent).for_each(|id| *id = None);
        if self.takes_transmit_stamps() {
            // Datagrams that the kernel counts take their numbers only once they are sent.
            ids.iter_mut()
                .take(sent)
                .for_each(|id| *id = id.or_else(|| Some(self.numbering.take())));
            if sent < ids.len() {
                self.restart_numbering();
            }
        }
        count
    }
}
