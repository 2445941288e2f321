//! Replies: decided upon receipt, stamped at the last moment.

use super::ServedState;
use crate::nts::{PreparedReply, UniqueId, nak_length, write_nak};
use crate::packet::{
    BufferFull, HEADER_LENGTH, Header, KissCode, LeapIndicator, Mode, Stratum, Writer,
};
use crate::stable_word::stable_words;
use crate::time::{NtpShort, NtpTimestamp};

/// The kind of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReplyKind {
    /// The time.
    Time,
    /// The time, to a client beyond its rate limit: the random leak of the rate limiter.
    TimeOverLimit,
    /// That the client asks too often.
    RateKiss,
    /// That the client may not ask.
    DenyKiss,
    /// The time, protected by NTS.
    NtsTime,
    /// Its NTS cookie cannot be opened (RFC 8915 §5.7, kiss code NTSN).
    NtsNak,
}

stable_words!(ReplyKind {
    Time => "answered",
    TimeOverLimit => "answered-over-limit",
    RateKiss => "rate-kiss",
    DenyKiss => "deny-kiss",
    NtsTime => "nts-answered",
    NtsNak => "nts-nak",
});

/// The protection of a reply.
#[derive(Clone, Copy, Debug)]
enum Protection<'s> {
    /// Nothing: 48 octets.
    Plain,
    /// Nothing, but it repeats the unique identifier of its request.
    Nak(&'s UniqueId),
    /// An authenticator of NTS.
    Sealed(&'s PreparedReply),
}

/// A reply that only lacks its transmit timestamp and, if it is protected, the seal over it.
///
/// Its length is fixed and never more than that of the request. It lives until the server takes the
/// next request.
#[derive(Clone, Copy, Debug)]
#[must_use = "emit it, or the client waits in vain"]
pub struct PendingReply<'s> {
    /// Complete but for the transmit timestamp.
    header: Header,
    kind: ReplyKind,
    protection: Protection<'s>,
}

impl<'s> PendingReply<'s> {
    /// The time, for a request that arrived at `receive` by our clock.
    pub(super) fn time(request: &Header, receive: NtpTimestamp, state: &ServedState) -> Self {
        let header = Header {
            leap: state.leap,
            version: request.version,
            mode: if request.mode == Mode::SymmetricActive {
                Mode::SymmetricPassive
            } else {
                Mode::Server
            },
            stratum: state.stratum,
            poll: request.poll,
            precision: state.precision,
            root_delay: NtpShort::from_seconds_up(state.root_delay),
            root_dispersion: NtpShort::from_seconds_up(state.root_dispersion_at(receive)),
            reference_id: state.reference_id,
            reference_time: state.reference_time_at(receive),
            origin: request.transmit,
            receive,
            transmit: NtpTimestamp::UNKNOWN,
        };
        Self {
            header,
            kind: ReplyKind::Time,
            protection: Protection::Plain,
        }
    }

    /// This reply to a client beyond its limit, with the least poll interval that we allow (log₂ of
    /// seconds).
    pub(super) fn over_limit(self, poll: i8) -> Self {
        Self {
            header: Header {
                poll: self.header.poll.max(poll),
                ..self.header
            },
            kind: ReplyKind::TimeOverLimit,
            ..self
        }
    }

    /// A RATE kiss with the least poll interval that we allow (log₂ of seconds).
    pub(super) fn rate_kiss(self, poll: i8) -> Self {
        let header = Header {
            poll: self.header.poll.max(poll),
            ..self.kiss(KissCode::Rate)
        };
        Self {
            header,
            kind: ReplyKind::RateKiss,
            ..self
        }
    }

    /// A DENY kiss.
    pub(super) fn deny_kiss(self) -> Self {
        Self {
            header: self.kiss(KissCode::Deny),
            kind: ReplyKind::DenyKiss,
            ..self
        }
    }

    /// A kiss instead of the time (RFC 5905 §7.4). Origin, receive and transmit stay true: clients
    /// take no kiss without them, and a client that overlooks the kiss must not get a wrong time.
    fn kiss(self, code: KissCode) -> Header {
        Header {
            leap: LeapIndicator::Unsynchronized,
            stratum: Stratum::UNSPECIFIED,
            root_delay: NtpShort::ZERO,
            root_dispersion: NtpShort::ZERO,
            reference_id: code.to_reference_id(),
            reference_time: NtpTimestamp::UNKNOWN,
            ..self.header
        }
    }

    /// The NTS NAK to the request of this identifier: its cookie cannot be opened.
    pub(super) fn nak(self, unique_id: &'s UniqueId) -> Self {
        Self {
            header: self.kiss(KissCode::Ntsn),
            kind: ReplyKind::NtsNak,
            protection: Protection::Nak(unique_id),
        }
    }

    /// This reply, protected by NTS.
    pub(super) fn sealed(self, prepared: &'s PreparedReply) -> Self {
        let kind = if self.kind == ReplyKind::Time {
            ReplyKind::NtsTime
        } else {
            self.kind
        };
        Self {
            kind,
            protection: Protection::Sealed(prepared),
            ..self
        }
    }

    /// The kind of the reply.
    #[must_use]
    pub const fn kind(&self) -> ReplyKind {
        self.kind
    }

    /// True if it is sealed after it has been stamped; [`SealingTimes`](super::SealingTimes)
    /// predicts how long that takes.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        matches!(self.protection, Protection::Sealed(_))
    }

    /// The number of octets that [`emit`](Self::emit) will write.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a reply is never empty")]
    pub fn len(&self) -> usize {
        match self.protection {
            Protection::Plain => HEADER_LENGTH,
            Protection::Nak(unique_id) => nak_length(unique_id),
            Protection::Sealed(prepared) => prepared.len(),
        }
    }

    /// Writes the reply with `transmit`, the reading of our clock that the driver has just taken,
    /// seals it if it is protected, and returns its length.
    ///
    /// # Errors
    /// [`BufferFull`] if `buffer` is shorter than [`len`](Self::len).
    pub fn emit(self, transmit: NtpTimestamp, buffer: &mut [u8]) -> Result<usize, BufferFull> {
        let header = Header {
            transmit,
            ..self.header
        };
        match self.protection {
            Protection::Plain => {
                let mut writer = Writer::new(buffer);
                writer.header(&header)?;
                Ok(writer.written())
            }
            Protection::Nak(unique_id) => write_nak(&header, unique_id, buffer),
            Protection::Sealed(prepared) => prepared.emit(&header, buffer),
        }
    }
}
