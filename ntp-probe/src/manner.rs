//! How a server is asked: plainly or with NTS.

use crate::trouble::Doubt;
use ntp_ke::client::Established;
use ntp_proto::association::Discard;
use ntp_proto::nts::{
    CookieJar, KeyPair, MAX_PROTECTED_REQUEST, ResponseRefusal, UniqueId, open_response,
    protect_request,
};
use ntp_proto::packet::{Header, Mode, Packet, Version};
use ntp_proto::time::{NtpTimestamp, PollLimits};
use rand::CryptoRng;

/// How a server is asked.
#[derive(Debug)]
pub(crate) enum Manner {
    /// Anybody on the way can answer.
    Plain,
    /// Only who has the keys can answer.
    Nts(Box<Session>),
}

/// Keys and cookies at work.
#[derive(Debug)]
pub(crate) struct Session {
    keys: KeyPair,
    alternate: Option<KeyPair>,
    jar: CookieJar,
    /// Whether a reply was ever opened.
    answered: bool,
    /// Whether the alternate keys have taken the place of the first ones.
    switched: bool,
}

/// A request that is about to be sent.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) octets: Vec<u8>,
    origin: NtpTimestamp,
    unique_id: Option<UniqueId>,
}

/// What a reply tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) header: Header,
    /// With NTS: how many cookies it has brought.
    pub(crate) new_cookies: Option<usize>,
}

impl Manner {
    /// With what key establishment has brought.
    pub(crate) fn nts(established: &Established) -> Self {
        Self::Nts(Box::new(Session {
            keys: established.keys.primary.clone(),
            alternate: established.keys.alternate.clone(),
            jar: established.reply.cookies.clone(),
            answered: false,
            switched: false,
        }))
    }

    /// Whether other keys than the first ones are in use.
    pub(crate) const fn has_switched_keys(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Nts(session) => session.switched,
        }
    }

    /// The next request, with 64 random bits in place of its time. `None` if there is no cookie
    /// left.
    pub(crate) fn request(&mut self, rng: &mut impl CryptoRng) -> Option<Asked> {
        // Zero would be no timestamp at all.
        let origin = NtpTimestamp::from_bits(rng.next_u64().max(1));
        let header = Header::request(Version::V4, PollLimits::default().min(), origin);
        match self {
            Self::Plain => Some(Asked {
                octets: header.encode().to_vec(),
                origin,
                unique_id: None,
            }),
            Self::Nts(session) => {
                let mut octets = vec![0; MAX_PROTECTED_REQUEST];
                let written = protect_request(
                    &header,
                    &mut session.jar,
                    &session.keys.c2s,
                    rng,
                    &mut octets,
                )
                .ok()?;
                octets.truncate(written.length);
                Some(Asked {
                    octets,
                    origin,
                    unique_id: Some(written.unique_id),
                })
            }
        }
    }

    /// Whether these octets, which the server's address has sent, are the reply: packet test 2 (RFC
    /// 5905 §8), and the seal.
    pub(crate) fn judge(&mut self, asked: &Asked, octets: &[u8]) -> Result<Answer, Doubt> {
        let header = Packet::decode(octets)
            .map_err(|_| Doubt::of(Discard::Malformed))?
            .header;
        if header.mode != Mode::Server {
            return Err(Doubt::of(Discard::NotAReply));
        }
        if header.origin != asked.origin {
            return Err(Doubt::of(Discard::Bogus));
        }
        match (self, &asked.unique_id) {
            (Self::Nts(session), Some(unique_id)) => session.open(octets, unique_id, &header),
            _ => Ok(Answer {
                header,
                new_cookies: None,
            }),
        }
    }

    /// After a refusal that other keys may mend: goes on with those, if there are any that were not
    /// tried. The server may export the keys of AES-128-GCM-SIV in the way of the RFC without
    /// telling so.
    pub(crate) fn switch_keys(&mut self, doubt: &Doubt) -> bool {
        let Self::Nts(session) = self else {
            return false;
        };
        let mendable = matches!(doubt.discard, Discard::Nak | Discard::Forged) && !session.answered;
        match session.alternate.take_if(|_| mendable) {
            None => false,
            Some(alternate) => {
                session.keys = alternate;
                session.switched = true;
                true
            }
        }
    }
}

impl Session {
    fn open(
        &mut self,
        octets: &[u8],
        unique_id: &UniqueId,
        header: &Header,
    ) -> Result<Answer, Doubt> {
        let opened = open_response(octets, unique_id, &self.keys.s2c).map_err(|refusal| Doubt {
            discard: match refusal {
                ResponseRefusal::Nak => Discard::Nak,
                ResponseRefusal::Forged => Discard::Forged,
                _ => Discard::Unauthenticated,
            },
            kiss: header.kiss(),
            is_close: true,
        })?;
        let response = opened.into_value();
        let new_cookies = Some(response.cookies.len());
        self.jar.extend(response.cookies);
        self.answered = true;
        Ok(Answer {
            header: response.header,
            new_cookies,
        })
    }
}
