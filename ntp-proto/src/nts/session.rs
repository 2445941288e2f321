//! An association's NTS session: keys, cookies, and the validity of the certificate that vouches
//! for them.

use super::{
    ClientKeys, CookieJar, KeyPair, ProtectedRequest, RequestError, ResponseRefusal, UniqueId,
    open_response, protect_request,
};
use crate::association::Discard;
use crate::packet::Header;
use crate::time::{MonoTime, NtpTimestamp};
use rand::CryptoRng;
use std::net::SocketAddr;
use std::time::Duration;

/// Keys older than this are replaced although they still work, which limits the use of a stolen
/// key.
const REFRESH_AFTER: Duration = Duration::from_secs(28 * 86_400);

/// From when until when a certificate is valid, or a whole chain of them, both included, in seconds
/// of Unix time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// The first second; of a chain, that of the certificate that begins last.
    pub not_before: i64,
    /// The last second; of a chain, that of the certificate that ends first.
    pub not_after: i64,
}

impl Validity {
    /// The time in which both are valid; it may be empty, with an end before its beginning.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            not_before: self.not_before.max(other.not_before),
            not_after: self.not_after.min(other.not_after),
        }
    }

    /// True if `unix`, in seconds of Unix time, is within the validity.
    #[must_use]
    pub const fn contains(self, unix: i64) -> bool {
        self.not_before <= unix && unix <= self.not_after
    }

    /// True if a server whose certificate was judged `ago` may claim this time: no earlier than the
    /// validity begins, and no later than its end and the time that has passed since then.
    #[must_use]
    pub fn vouches_for(self, at: NtpTimestamp, ago: Duration) -> bool {
        let unix = at.to_unix_near(self.not_before).0;
        let since = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
        self.not_before <= unix && unix <= self.not_after.saturating_add(since)
    }

    /// True if a timestamp, taken to be of the era next to the validity, is within it.
    #[must_use]
    pub fn contains_timestamp(self, at: NtpTimestamp) -> bool {
        self.contains(at.to_unix_near(self.not_before).0)
    }
}

/// The keys and cookies of one NTS key establishment.
#[derive(Clone, Debug)]
pub struct NtsGrant {
    /// The addresses of the NTP server, the best one first.
    pub addresses: Vec<SocketAddr>,
    /// The keys.
    pub keys: ClientKeys,
    /// The cookies.
    pub cookies: CookieJar,
    /// The validity of the server's certificate.
    pub validity: Validity,
    /// True if the certificate was judged without knowing the time (see
    /// [`Event::Establish`](crate::client::Event::Establish)).
    pub provisional: bool,
    /// The age of the keys, if they were kept from an earlier run.
    pub age: Duration,
}

/// One association's keys and cookies at work.
#[derive(Debug)]
pub struct NtsSession {
    keys: KeyPair,
    alternate: Option<KeyPair>,
    jar: CookieJar,
    /// The length of the cookies in octets, as far as any was seen.
    cookie_length: usize,
    since: MonoTime,
    age_before: Duration,
    validity: Validity,
    provisional: bool,
    /// True if the server has ever used these keys.
    answered: bool,
    /// True if the server has said that it cannot use them.
    refused: bool,
    naks: u64,
    unauthentic: u32,
    /// The number of cookies in the last authentic reply.
    new_cookies: usize,
}

impl NtsSession {
    /// The keys and cookies of a key establishment, ready for use; their age counts from `now`.
    #[must_use]
    pub fn new(granted: NtsGrant, now: MonoTime) -> Self {
        let cookie_length = granted
            .cookies
            .iter()
            .next()
            .map_or(0, |cookie| cookie.octets().len());
        Self {
            cookie_length,
            keys: granted.keys.primary,
            alternate: granted.keys.alternate,
            jar: granted.cookies,
            since: now,
            age_before: granted.age,
            validity: granted.validity,
            provisional: granted.provisional,
            answered: false,
            refused: false,
            naks: 0,
            unauthentic: 0,
            new_cookies: 0,
        }
    }

    /// The keys and cookies as they are now, to be kept over a restart.
    #[must_use]
    pub fn granted(&self, address: SocketAddr, now: MonoTime) -> NtsGrant {
        NtsGrant {
            addresses: vec![address],
            keys: ClientKeys {
                primary: self.keys.clone(),
                alternate: self.alternate.clone(),
            },
            cookies: self.jar.clone(),
            validity: self.validity,
            provisional: self.provisional,
            age: self.age(now),
        }
    }

    /// The algorithm in use.
    #[must_use]
    pub const fn algorithm(&self) -> crate::nts::AeadAlgorithm {
        self.keys.algorithm()
    }

    /// The number of requests that can be made before a reply must bring more cookies.
    #[must_use]
    pub fn cookies(&self) -> usize {
        self.jar.len()
    }

    /// The number of cookies in the last authentic reply, which may be more than were kept.
    #[must_use]
    pub const fn new_cookies(&self) -> usize {
        self.new_cookies
    }

    /// The length of a cookie in octets.
    #[must_use]
    pub const fn cookie_length(&self) -> usize {
        self.cookie_length
    }

    /// The age of the keys.
    #[must_use]
    pub fn age(&self, now: MonoTime) -> Duration {
        self.age_before + now.since(self.since)
    }

    /// The validity of the certificate that vouches for the server.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// True if the certificate that vouches for the server allows it to claim this time. It was
    /// valid when the keys were established, which was never longer ago than keys are used.
    #[must_use]
    pub fn vouches_for(&self, at: NtpTimestamp, now: MonoTime) -> bool {
        self.validity
            .vouches_for(at, self.age(now).min(REFRESH_AFTER))
    }

    /// True if the certificate was judged without knowing the time, and the time has not been
    /// confirmed since.
    #[must_use]
    pub const fn is_provisional(&self) -> bool {
        self.provisional
    }

    /// True if the server says, without proof, that it does not know our keys any more.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// The number of such replies (kiss code NTSN).
    #[must_use]
    pub const fn naks(&self) -> u64 {
        self.naks
    }

    /// Replies without a valid authenticator since the last good one.
    #[must_use]
    pub const fn unauthentic(&self) -> u32 {
        self.unauthentic
    }

    /// True if new keys or cookies are wanted.
    #[must_use]
    pub fn wants_keys(&self, now: MonoTime) -> bool {
        self.refused || self.jar.is_empty() || self.age(now) >= REFRESH_AFTER
    }

    /// The time is known now, and the certificate is valid.
    pub(crate) fn confirm(&mut self) {
        self.provisional = false;
    }

    /// Takes over the counters of the session that this one replaces.
    pub(crate) fn succeeding(self, before: &Self) -> Self {
        Self {
            naks: before.naks,
            ..self
        }
    }

    pub(crate) fn protect(
        &mut self,
        header: &Header,
        rng: &mut impl CryptoRng,
        buffer: &mut [u8],
    ) -> Result<ProtectedRequest, RequestError> {
        protect_request(header, &mut self.jar, &self.keys.c2s, rng, buffer)
    }

    /// Opens the reply to the request of this unique identifier and takes its cookies.
    pub(crate) fn open(&mut self, octets: &[u8], unique_id: &UniqueId) -> Result<Header, Discard> {
        match open_response(octets, unique_id, &self.keys.s2c) {
            Ok(response) => {
                let response = response.into_value();
                if let Some(cookie) = response.cookies.first() {
                    self.cookie_length = cookie.octets().len();
                }
                self.new_cookies = response.cookies.len();
                self.jar.extend(response.cookies);
                self.answered = true;
                self.refused = false;
                self.unauthentic = 0;
                Ok(response.header)
            }
            Err(refusal) => {
                self.unauthentic = self.unauthentic.saturating_add(1);
                Err(match refusal {
                    ResponseRefusal::Nak => {
                        self.naks += 1;
                        Discard::Nak
                    }
                    ResponseRefusal::Forged => Discard::Forged,
                    _ => Discard::Unauthenticated,
                })
            }
        }
    }

    /// A request was answered by nothing but a NAK. Returns whether it is worth asking again at
    /// once: the server may have exported other keys than we have (see [`ClientKeys`]). Otherwise
    /// new keys are wanted; those that we have stay in use until then, as the NAK may be forged.
    pub(crate) fn handle_nak(&mut self) -> bool {
        let switched = self.switch_to_alternate();
        self.refused |= !switched;
        switched
    }

    /// Switches to the alternate keys, if there are any and the server has never used the present
    /// ones. True if so.
    pub(crate) fn switch_to_alternate(&mut self) -> bool {
        match self.alternate.take_if(|_| !self.answered) {
            Some(alternate) => {
                self.keys = alternate;
                true
            }
            None => false,
        }
    }
}
