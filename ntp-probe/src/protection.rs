//! The protection of an exchange: none, or NTS.

use crate::ntp_failure::Rejection;
use ntp_ke::client::Established;
use ntp_proto::association::Discard;
use ntp_proto::nts::{
    CookieJar, KeyPair, MAX_PROTECTED_REQUEST, ResponseRefusal, UniqueId, open_response,
    protect_request,
};
use ntp_proto::packet::{Header, Mode, Packet, Version};
use ntp_proto::time::{NtpTimestamp, PollLimits};
use rand::CryptoRng;

/// The protection of an exchange.
#[derive(Debug)]
pub(crate) enum Protection {
    /// None: an attacker on the path can answer.
    Plain,
    /// NTS: only a holder of the keys can answer.
    Nts(Box<NtsSession>),
}

/// The NTS keys and cookies in use.
#[derive(Debug)]
pub(crate) struct NtsSession {
    keys: KeyPair,
    alternate: Option<KeyPair>,
    jar: CookieJar,
    /// True once a reply was authenticated.
    answered: bool,
    /// True once the alternate keys are in use.
    switched: bool,
}

/// A request that is about to be sent.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) octets: Vec<u8>,
    origin: NtpTimestamp,
    unique_id: Option<UniqueId>,
}

/// The content of a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) header: Header,
    /// With NTS: the number of new cookies.
    pub(crate) new_cookies: Option<usize>,
}

impl Protection {
    /// NTS with the result of key establishment.
    pub(crate) fn nts(established: &Established) -> Self {
        Self::Nts(Box::new(NtsSession {
            keys: established.keys.primary.clone(),
            alternate: established.keys.alternate.clone(),
            jar: established.reply.cookies.clone(),
            answered: false,
            switched: false,
        }))
    }

    /// True if the alternate keys are in use.
    pub(crate) const fn has_switched_keys(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Nts(session) => session.switched,
        }
    }

    /// The next request, with 64 random bits as its transmit timestamp. `None` if no cookie
    /// is left.
    pub(crate) fn request(&mut self, rng: &mut impl CryptoRng) -> Option<Request> {
        // Zero would be no timestamp at all.
        let origin = NtpTimestamp::from_bits(rng.next_u64().max(1));
        let header = Header::request(Version::V4, PollLimits::default().min(), origin);
        match self {
            Self::Plain => Some(Request {
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
                Some(Request {
                    octets,
                    origin,
                    unique_id: Some(written.unique_id),
                })
            }
        }
    }

    /// Accepts the octets, sent from the server's address, as the reply if they pass packet test 2
    /// (RFC 5905 §8) and, with NTS, are authentic.
    pub(crate) fn judge(&mut self, request: &Request, octets: &[u8]) -> Result<Answer, Rejection> {
        let header = Packet::decode(octets)
            .map_err(|_| Rejection::of(Discard::Malformed))?
            .header;
        if header.mode != Mode::Server {
            return Err(Rejection::of(Discard::NotAReply));
        }
        if header.origin != request.origin {
            return Err(Rejection::of(Discard::Bogus));
        }
        match (self, &request.unique_id) {
            (Self::Nts(session), Some(unique_id)) => session.open(octets, unique_id, &header),
            _ => Ok(Answer {
                header,
                new_cookies: None,
            }),
        }
    }

    /// Switches to the alternate keys after a rejection that they may cure; false if there are none
    /// left. A server may export the keys of AES-128-GCM-SIV as the RFC says without announcing it.
    pub(crate) fn switch_keys(&mut self, rejection: &Rejection) -> bool {
        let Self::Nts(session) = self else {
            return false;
        };
        let curable =
            matches!(rejection.discard, Discard::Nak | Discard::Forged) && !session.answered;
        match session.alternate.take_if(|_| curable) {
            None => false,
            Some(alternate) => {
                session.keys = alternate;
                session.switched = true;
                true
            }
        }
    }
}

impl NtsSession {
    fn open(
        &mut self,
        octets: &[u8],
        unique_id: &UniqueId,
        header: &Header,
    ) -> Result<Answer, Rejection> {
        let opened =
            open_response(octets, unique_id, &self.keys.s2c).map_err(|refusal| Rejection {
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
