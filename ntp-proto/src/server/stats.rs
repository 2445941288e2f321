//! Counters of requests by verdict.

use super::ReplyKind;
use crate::nts::CookieError;
use crate::packet::DecodeError;
use crate::stable_word::stable_words;
use std::ops::AddAssign;

/// The reason for which a request gets no reply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DropReason {
    /// It has fewer than 48 octets.
    TooShort,
    /// It is longer than any request that we understand, or not a whole number of 32-bit words.
    BadSize,
    /// It is no request: only modes 3 and 1, and version 1 without a mode, are answered, and only
    /// in modes 4 and 2, so that two servers can never answer each other.
    NotClientMode,
    /// We do not speak its version, or are not to answer it.
    BadVersion,
    /// No reply could reach the sender, or it would reach many: port 0, an unspecified, multicast
    /// or broadcast address.
    BadSource,
    /// An extension field has an impossible length, or there are too many fields.
    BadExtension,
    /// It ends in octets that are neither an extension field nor a message authentication code.
    BadTrailer,
    /// It has a message authentication code of a key that we do not know.
    UnverifiableMac,
    /// The client may not ask, and the configuration wants silence.
    Ignored,
    /// The client may not ask, and the limit on DENY kisses is reached.
    Denied,
    /// The client asks too often, and has had its RATE kiss or the limit on them is reached.
    RateLimited,
    /// It is not protected by NTS, and this server answers nothing else.
    NtsRequired,
    /// Its NTS fields violate RFC 8915.
    NtsMalformed,
    /// Its NTS cookie cannot be opened, and the limit on NTS NAKs is reached.
    NtsBadCookie,
    /// It was not sealed with the keys of its cookie, and the limit on NTS NAKs is reached.
    NtsForged,
}

stable_words!(DropReason {
    TooShort => "too-short",
    BadSize => "bad-size",
    NotClientMode => "not-client-mode",
    BadVersion => "bad-version",
    BadSource => "bad-source",
    BadExtension => "bad-extension",
    BadTrailer => "bad-trailer",
    UnverifiableMac => "unverifiable-mac",
    Ignored => "ignored",
    Denied => "denied",
    RateLimited => "rate-limited",
    NtsRequired => "nts-required",
    NtsMalformed => "nts-malformed",
    NtsBadCookie => "nts-bad-cookie",
    NtsForged => "nts-forged",
});

impl From<DecodeError> for DropReason {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Truncated { .. } => Self::TooShort,
            DecodeError::UnknownVersion(_) => Self::BadVersion,
            DecodeError::BadExtensionLength { .. } | DecodeError::TooManyExtensions => {
                Self::BadExtension
            }
            DecodeError::BadTrailer { .. } => Self::BadTrailer,
        }
    }
}

/// The number of requests by verdict since the start. Each request is in exactly one counter, so
/// all totals are sums; the causes for which cookies could not be opened are counted beside that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerStats {
    replies: [u64; ReplyKind::ALL.len()],
    drops: [u64; DropReason::ALL.len()],
    cookies: [u64; CookieError::ALL.len()],
}

impl ServerStats {
    /// The number of counters.
    pub const COUNTERS: usize =
        ReplyKind::ALL.len() + DropReason::ALL.len() + CookieError::ALL.len();

    /// All counters, first those of [`iter`](Self::iter) and then those of
    /// [`cookies`](Self::cookies), to be shown to other threads.
    #[must_use]
    pub fn counts(&self) -> [u64; Self::COUNTERS] {
        let mut all = [0; Self::COUNTERS];
        for (place, count) in all.iter_mut().zip(
            self.replies
                .into_iter()
                .chain(self.drops)
                .chain(self.cookies),
        ) {
            *place = count;
        }
        all
    }

    /// The statistics with these [`counts`](Self::counts).
    #[must_use]
    pub fn from_counts(counts: [u64; Self::COUNTERS]) -> Self {
        let mut stats = Self::default();
        let places = stats
            .replies
            .iter_mut()
            .chain(&mut stats.drops)
            .chain(&mut stats.cookies);
        for (place, count) in places.zip(counts) {
            *place = count;
        }
        stats
    }

    pub(super) fn count(&mut self, verdict: Result<ReplyKind, DropReason>) {
        let counter = match verdict {
            Ok(kind) => self.replies.get_mut(kind as usize),
            Err(reason) => self.drops.get_mut(reason as usize),
        };
        if let Some(counter) = counter {
            *counter = counter.saturating_add(1);
        }
    }

    pub(super) fn count_cookie(&mut self, error: CookieError) {
        if let Some(counter) = self.cookies.get_mut(error as usize) {
            *counter = counter.saturating_add(1);
        }
    }

    /// The cookies that could not be opened, by the cause; the verdict on their requests is counted
    /// as well.
    pub fn cookies(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CookieError::WORDS.into_iter().zip(self.cookies)
    }

    /// All requests that came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.replies
            .iter()
            .chain(&self.drops)
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The replies of one kind.
    #[must_use]
    pub fn replied(&self, kind: ReplyKind) -> u64 {
        self.replies.get(kind as usize).copied().unwrap_or(0)
    }

    /// The requests dropped for one reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or(0)
    }

    /// All requests of clients that asked too often, whether they were answered all the same,
    /// kissed or dropped.
    #[must_use]
    pub fn over_limit(&self) -> u64 {
        self.replied(ReplyKind::TimeOverLimit)
            .saturating_add(self.replied(ReplyKind::RateKiss))
            .saturating_add(self.dropped(DropReason::RateLimited))
    }

    /// All counters with the words for them: first the kinds of reply, then the reasons to drop.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let replies = ReplyKind::WORDS.into_iter().zip(self.replies);
        replies.chain(DropReason::WORDS.into_iter().zip(self.drops))
    }
}

impl AddAssign for ServerStats {
    fn add_assign(&mut self, other: Self) {
        let ours = self
            .replies
            .iter_mut()
            .chain(&mut self.drops)
            .chain(&mut self.cookies);
        for (count, more) in ours.zip(other.counts()) {
            *count = count.saturating_add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stable_word::assert_distinct;

    #[test]
    fn every_verdict_has_a_counter_and_a_word_of_its_own() {
        let mut stats = ServerStats::default();
        for reason in DropReason::ALL {
            stats.count(Err(reason));
            assert_eq!(stats.dropped(reason), 1);
        }
        let words: Vec<_> = stats.iter().map(|(word, _)| word).collect();
        assert_distinct(&words);
        assert_distinct(&CookieError::WORDS);
    }

    #[test]
    fn counters_that_were_shown_to_another_thread_are_the_same() {
        let mut stats = ServerStats::default();
        stats.count(Ok(ReplyKind::NtsNak));
        stats.count(Err(DropReason::NtsForged));
        stats.count(Err(DropReason::NtsForged));
        stats.count_cookie(CookieError::UnknownContent);
        assert_eq!(ServerStats::from_counts(stats.counts()), stats);
    }

    #[test]
    fn the_counters_of_two_workers_add_up() {
        let mut one = ServerStats::default();
        one.count(Err(DropReason::TooShort));
        one.count_cookie(CookieError::NoSuchKey);
        let mut other = one;
        other.count(Err(DropReason::RateLimited));
        one += other;
        assert_eq!(one.dropped(DropReason::TooShort), 2);
        assert_eq!(one.received(), 3);
        assert!(one.cookies().eq([
            ("bad-length", 0),
            ("no-such-key", 2),
            ("forged", 0),
            ("unknown-content", 0)
        ]));
        assert_eq!(one.over_limit(), 1);
    }
}
