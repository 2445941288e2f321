//! The requests, and the test of their replies.

use super::establish::Session;
use super::slots::Slots;
use super::tally::Verdict;
use ntp_proto::nts::{
    Cookie, CookieJar, MAX_COOKIES, MAX_PROTECTED_REQUEST, UniqueId, open_response, protect_request,
};
use ntp_proto::packet::{HEADER_LENGTH, Header, KissCode, LeapIndicator, Mode, Version};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use rand::CryptoRng;

/// The poll interval in requests: 2⁶ s, as in those of most clients.
const POLL: PollInterval = PollInterval::new(6).expect("invariant: it is in range");

/// The longest request and the longest reply that fit into a batch.
pub(super) const LONGEST_DATAGRAM: usize = 1280;

/// The requests of a run.
pub struct RequestSet {
    kind: Kind,
    /// True if replies of a server that is not synchronized are good as well.
    lenient: bool,
}

enum Kind {
    /// Each one with a timestamp of its own.
    Plain,
    /// Sealed before the run and sent again and again: sealing would cost the generator more than
    /// the server's work.
    Nts(Nts),
}

struct Nts {
    sealed: Box<[Sealed]>,
    sessions: Vec<Session>,
    seed: u64,
}

/// A protected request with a cookie of its own.
struct Sealed {
    octets: Box<[u8]>,
    unique_id: UniqueId,
    session: usize,
}

impl RequestSet {
    /// Plain NTPv4.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            kind: Kind::Plain,
            lenient: false,
        }
    }

    /// The same, where the replies of a server that is not synchronized are good ones if `lenient`:
    /// some never are without a source.
    #[must_use]
    pub fn lenient(self, lenient: bool) -> Self {
        Self { lenient, ..self }
    }

    /// Protected requests, one for each cookie, as many as there are cookies in the largest power
    /// of two. A cookie comes with the number of its session.
    ///
    /// # Errors
    /// If there is no cookie, or a request cannot be written.
    pub fn nts(
        sessions: Vec<Session>,
        cookies: &[(Cookie, usize)],
        seed: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, String> {
        let count = cookies
            .len()
            .checked_ilog2()
            .map(|log2| 1usize << log2)
            .ok_or("there is no cookie")?;
        let seal = |(place, (cookie, session)): (usize, &(Cookie, usize))| {
            let keys = &sessions.get(*session).ok_or("a cookie of no session")?.keys;
            // A full jar asks for no more than one new cookie.
            let mut jar = CookieJar::new();
            jar.extend(std::iter::repeat_n(cookie.clone(), MAX_COOKIES));
            let origin = NtpTimestamp::from_bits(seed.wrapping_add(place as u64));
            let mut room = [0; MAX_PROTECTED_REQUEST];
            let header = Header::request(Version::V4, POLL, origin);
            let written = protect_request(&header, &mut jar, &keys.c2s, rng, &mut room)
                .map_err(|error| format!("a request cannot be written: {error:?}"))?;
            let octets = room.get(..written.length).unwrap_or_default().into();
            Ok::<_, String>(Sealed {
                octets,
                unique_id: written.unique_id,
                session: *session,
            })
        };
        let sealed = cookies
            .iter()
            .take(count)
            .enumerate()
            .map(seal)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            kind: Kind::Nts(Nts {
                sealed,
                sessions,
                seed,
            }),
            lenient: false,
        })
    }

    /// The ring for these requests; `wished` is how many may be on their way, if they can be as
    /// many as one likes.
    pub(super) fn slots(&self, wished: usize, seed: u64) -> Slots {
        match &self.kind {
            Kind::Plain => Slots::new(wished, seed),
            Kind::Nts(nts) => Slots::new(nts.sealed.len(), nts.seed),
        }
    }

    /// The transmit timestamp of the next request.
    pub(super) const fn next_origin(&self, slots: &Slots) -> u64 {
        match &self.kind {
            Kind::Plain => slots.fresh_origin(),
            Kind::Nts(nts) => nts.seed.wrapping_add(slots.next_place() as u64),
        }
    }

    /// Writes the request of this place and timestamp, and returns its length.
    pub(super) fn write(&self, place: usize, origin: u64, room: &mut [u8]) -> usize {
        let plain;
        let octets: &[u8] = match &self.kind {
            Kind::Plain => {
                plain =
                    Header::request(Version::V4, POLL, NtpTimestamp::from_bits(origin)).encode();
                &plain
            }
            Kind::Nts(nts) => nts.sealed.get(place).map_or(&[], |sealed| &sealed.octets),
        };
        match room.get_mut(..octets.len()) {
            Some(room) => room.copy_from_slice(octets),
            None => return 0,
        }
        octets.len()
    }

    /// Judges the reply to the request of this place. With `open`, its authenticator is verified.
    pub(super) fn judge(
        &self,
        place: usize,
        octets: &[u8],
        header: &Header,
        open: bool,
    ) -> Verdict {
        if let Some(kiss) = header.kiss() {
            return match kiss {
                KissCode::Rate => Verdict::KissRate,
                KissCode::Deny | KissCode::Rstr => Verdict::KissDeny,
                KissCode::Ntsn => Verdict::KissNtsNak,
                _ => Verdict::KissOther,
            };
        }
        let is_synchronized =
            header.leap != LeapIndicator::Unsynchronized && header.stratum.is_synchronized();
        if !is_synchronized && !self.lenient {
            return Verdict::Unsynchronized;
        }
        if header.receive.is_unknown() || header.transmit.is_unknown() {
            return Verdict::Malformed;
        }
        match &self.kind {
            Kind::Plain => Verdict::Time,
            Kind::Nts(_) if octets.len() <= HEADER_LENGTH => Verdict::Forged,
            Kind::Nts(_) if !open => Verdict::Time,
            Kind::Nts(nts) => nts.verify(place, octets),
        }
    }

    /// The longest request in octets.
    #[must_use]
    pub fn longest(&self) -> usize {
        match &self.kind {
            Kind::Plain => HEADER_LENGTH,
            Kind::Nts(nts) => nts
                .sealed
                .iter()
                .map(|sealed| sealed.octets.len())
                .max()
                .unwrap_or(0),
        }
    }
}

impl Nts {
    fn verify(&self, place: usize, octets: &[u8]) -> Verdict {
        let opened = self.sealed.get(place).and_then(|sealed| {
            let session = self.sessions.get(sealed.session)?;
            open_response(octets, &sealed.unique_id, &session.keys.s2c).ok()
        });
        match opened {
            Some(response) if !response.value().cookies.is_empty() => Verdict::AuthenticatedTime,
            _ => Verdict::Forged,
        }
    }
}

impl std::fmt::Debug for RequestSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Kind::Plain => f.write_str("RequestSet(plain)"),
            Kind::Nts(nts) => write!(f, "RequestSet({} with NTS)", nts.sealed.len()),
        }
    }
}

/// The header of a datagram, if it is a server's reply in our version.
pub(super) fn reply_header(octets: &[u8]) -> Option<Header> {
    Header::decode(octets)
        .ok()
        .filter(|header| header.mode == Mode::Server && header.version == Version::V4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::packet::{ReferenceId, Stratum};
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha12Rng;

    fn reply() -> Header {
        let at = NtpTimestamp::from_bits(0xEC00_0000_0000_0000);
        Header {
            mode: Mode::Server,
            stratum: Stratum::PRIMARY,
            receive: at,
            transmit: at,
            ..Header::request(Version::V4, POLL, at)
        }
    }

    fn judge_plain(header: &Header) -> Verdict {
        RequestSet::plain().judge(0, &header.encode(), header, true)
    }

    #[test]
    fn only_a_synchronized_server_gives_good_replies() {
        assert_eq!(judge_plain(&reply()), Verdict::Time);
        let leap = LeapIndicator::Unsynchronized;
        assert_eq!(
            judge_plain(&Header { leap, ..reply() }),
            Verdict::Unsynchronized
        );
        let stratum = Stratum::UNSYNCHRONIZED;
        assert_eq!(
            judge_plain(&Header { stratum, ..reply() }),
            Verdict::Unsynchronized
        );
        let lenient = RequestSet::plain().lenient(true);
        assert_eq!(
            lenient.judge(0, &[], &Header { stratum, ..reply() }, true),
            Verdict::Time
        );
        let receive = NtpTimestamp::UNKNOWN;
        assert_eq!(
            judge_plain(&Header { receive, ..reply() }),
            Verdict::Malformed
        );
    }

    #[test]
    fn a_kiss_is_no_answer() {
        let kiss = |letters: &[u8; 4]| Header {
            stratum: Stratum::UNSPECIFIED,
            reference_id: ReferenceId::from_letters(*letters),
            ..reply()
        };

        assert_eq!(judge_plain(&kiss(b"RATE")), Verdict::KissRate);
        assert_eq!(judge_plain(&kiss(b"DENY")), Verdict::KissDeny);
        assert_eq!(judge_plain(&kiss(b"NTSN")), Verdict::KissNtsNak);
        assert_eq!(judge_plain(&kiss(b"ABCD")), Verdict::KissOther);
    }

    #[test]
    fn a_request_is_no_reply() {
        let request = Header::request(Version::V4, POLL, NtpTimestamp::from_bits(1));

        assert_eq!(reply_header(&request.encode()), None);
        assert!(reply_header(&reply().encode()).is_some());
        assert_eq!(reply_header(&[0x24; 47]), None);
    }

    #[test]
    fn a_plain_reply_to_a_protected_request_is_forged() {
        let mut rng = ChaCha12Rng::from_seed([1; 32]);
        let cookies: Vec<_> = (1..=5)
            .map(|octet| (Cookie::new(&[octet; 104]).unwrap(), 0))
            .collect();
        let set =
            RequestSet::nts(vec![Session::for_tests(&mut rng)], &cookies, 7, &mut rng).unwrap();
        let slots = set.slots(1, 0);

        assert_eq!(set.next_origin(&slots), 7);
        assert_eq!(
            set.judge(0, &reply().encode(), &reply(), false),
            Verdict::Forged
        );
        let mut longer = reply().encode().to_vec();
        longer.extend_from_slice(&[0; 64]);
        assert_eq!(set.judge(0, &longer, &reply(), true), Verdict::Forged);
    }

    #[test]
    fn each_protected_request_has_a_cookie_of_its_own() {
        let mut rng = ChaCha12Rng::from_seed([1; 32]);
        let cookies: Vec<_> = (0xA0..=0xA4)
            .map(|octet| (Cookie::new(&[octet; 104]).unwrap(), 0))
            .collect();
        let set =
            RequestSet::nts(vec![Session::for_tests(&mut rng)], &cookies, 7, &mut rng).unwrap();
        let mut room = [0; LONGEST_DATAGRAM];

        for place in 0..4u8 {
            let length = set.write(place.into(), 0, &mut room);
            assert_eq!(length, set.longest());
            let count = |octet: u8| {
                room[..length]
                    .windows(104)
                    .filter(|part| **part == [octet; 104])
                    .count()
            };
            assert_eq!(count(0xA0 + place), 1);
        }
    }
}
