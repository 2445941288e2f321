//! Many datagrams sent by one system call.

use crate::datagram::{SourceAddress, address};
use crate::notice::SendId;
use crate::socket::Socket;
use crate::sys::{self, Envelope, MAX_BATCH};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// Room for datagrams to be sent, allocated once and used again for every batch.
pub struct SendBatch {
    data: Box<[u8]>,
    envelopes: Box<[Envelope]>,
    ids: Box<[Option<SendId>]>,
    size: usize,
    filled: usize,
}

/// The batch has no room for another datagram: send it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFull;

/// What came of sending a batch.
#[derive(Debug, Default)]
#[must_use = "datagrams that failed should be counted"]
pub struct SentReport {
    /// How many datagrams were handed to the network.
    pub sent: usize,
    /// How many could not be.
    pub failed: usize,
    /// Why the first of the failed ones failed.
    pub error: Option<io::Error>,
}

impl SendBatch {
    /// Room for `capacity` datagrams (1 to [`MAX_BATCH`]) of up to `datagram_size` bytes each (at
    /// least 1).
    #[must_use]
    pub fn new(capacity: usize, datagram_size: usize) -> Self {
        let (capacity, size) = (capacity.clamp(1, MAX_BATCH), datagram_size.max(1));
        Self {
            data: vec![0; capacity * size].into(),
            envelopes: vec![Envelope::EMPTY; capacity].into(),
            ids: vec![None; capacity].into(),
            size,
            filled: 0,
        }
    }

    /// How many datagrams there is room for.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.envelopes.len()
    }

    /// How many datagrams are in the batch.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.filled
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Forgets all datagrams.
    pub const fn clear(&mut self) {
        self.filled = 0;
    }

    /// Adds a datagram that `write` writes: it is given the room and returns how many bytes of it
    /// it used.
    ///
    /// `from` is for sockets bound to a wildcard address, see [`crate::Destination::reply_source`].
    ///
    /// # Errors
    ///
    /// The batch is full; `write` was not called.
    pub fn push(
        &mut self,
        to: SocketAddr,
        from: Option<SourceAddress>,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<(), BatchFull> {
        let envelope = self.envelopes.get_mut(self.filled).ok_or(BatchFull)?;
        let room = self
            .data
            .chunks_exact_mut(self.size)
            .nth(self.filled)
            .ok_or(BatchFull)?;
        let length = write(room).min(self.size);
        address(envelope, length, to, from);
        self.filled += 1;
        Ok(())
    }

    /// The numbers of the datagrams in the order in which they were added, once sent; none for
    /// those that failed, nor on a socket without transmit timestamps.
    pub fn sent_ids(&self) -> impl Iterator<Item = Option<SendId>> {
        self.ids.iter().take(self.filled).copied()
    }
}

impl std::fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SendBatch({} of {} × {} B)",
            self.filled,
            self.envelopes.len(),
            self.size
        )
    }
}

impl Socket {
    /// Sends all datagrams of a batch; one that fails does not hold up the others. Clear the batch
    /// before using it again.
    pub fn send_batch(&self, batch: &mut SendBatch) -> SentReport {
        let mut report = SentReport::default();
        batch.ids.fill(None);
        let mut at = 0;
        while at < batch.filled {
            match self.send_some(batch, at) {
                Ok(count) => {
                    report.sent += count;
                    at += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // There is no room in the socket for any of the others either.
                    report.failed += batch.filled - at;
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
        let data = batch.data.get(at * batch.size..).unwrap_or_default();
        let envelopes = batch
            .envelopes
            .get_mut(at..batch.filled)
            .unwrap_or_default();
        let ids = batch.ids.get_mut(at..batch.filled).unwrap_or_default();
        let count = self.past_icmp(|| {
            self.numbered(|ours| {
                for (id, envelope) in ids.iter_mut().zip(&mut *envelopes) {
                    *id = ours.then(|| self.numbering.take());
                    envelope.set_number(id.map(SendId::to_bits));
                }
                let count = sys::send_many(self.as_fd(), data, batch.size, envelopes)?;
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
