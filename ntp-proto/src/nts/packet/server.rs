//! Protected requests and their replies: the server's side (RFC 8915 §5.7).
//!
//! [`claim_request`] is called once per request. All that it refuses without cryptography it
//! refuses first; then every packet costs the opening of one cookie and, by [`verify_claims`], the
//! verification of one authenticator. [`AuthenticatedRequest::prepare`] seals the new cookies, so
//! that between stamping the header and sending it there is but one sealing, in
//! [`PreparedReply::emit`].

use super::authenticated::Authenticated;
use super::fields::{
    Authenticator, FIELD_HEADER_LENGTH, FieldFault, NtsFields, UniqueId, append_authenticator,
    authenticator_length, packet_nonce,
};
use crate::nts::aead::{AeadAlgorithm, AeadKey, Nonce, verify_many};
use crate::nts::cookie::{CookieError, cookie_length};
use crate::nts::{KeyPair, KeySet, MAX_COOKIES};
use crate::packet::{BufferFull, FieldType, HEADER_LENGTH, Header, Packet, Writer};
use crate::server::MAX_REQUEST_LENGTH;
use rand::CryptoRng;
use std::cell::Cell;

/// A request that the holder of its session's keys has made.
#[derive(Clone, Debug)]
pub struct AuthenticatedRequest {
    /// The header of the request.
    pub header: Header,
    /// The keys of the session.
    pub keys: KeyPair,
    /// The unique identifier that the reply must repeat.
    pub unique_id: UniqueId,
    /// The number of cookies in the reply: as many as were asked for, eight at most, and no more
    /// than leave it no longer than the request.
    pub cookies: usize,
}

/// The reason for which a request gets no protected reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NtsRefusal {
    /// It does not ask for protection. It may be answered as a plain request.
    NotNts,
    /// Its cookie cannot be opened: answer with [`write_nak`], not too often.
    BadCookie(CookieError, UniqueId),
    /// Its cookie is ours, but it was not sealed with the keys in there: answer with [`write_nak`]
    /// too (RFC 8915 §5.7). It is the only way in which a client learns that it has exported other
    /// keys for AES-128-GCM-SIV than we have.
    Forged(UniqueId),
    /// Its fields violate RFC 8915: drop it.
    Malformed(FieldFault),
}

impl From<FieldFault> for NtsRefusal {
    fn from(fault: FieldFault) -> Self {
        Self::Malformed(fault)
    }
}

/// A request with a good cookie, whose authenticator is not yet verified.
#[derive(Clone, Debug)]
pub(crate) struct ClaimedRequest<'a> {
    /// Given out only when that has been done.
    request: Authenticated<AuthenticatedRequest>,
    authenticator: Authenticator<'a>,
    verified: Cell<bool>,
}

/// Opens the cookie of the request that `octets` have been decoded to.
///
/// # Errors
/// The reason for which the request gets no protected reply.
pub(crate) fn claim_request<'a>(
    packet: &Packet<'a>,
    octets: &'a [u8],
    keys: &KeySet,
) -> Result<ClaimedRequest<'a>, NtsRefusal> {
    let fields = NtsFields::read(packet, octets)?;
    if fields.is_plain() {
        return Err(NtsRefusal::NotNts);
    }
    let unique_id = UniqueId::new(fields.unique_id.ok_or(FieldFault::NoUniqueId)?)
        .ok_or(FieldFault::BadUniqueId)?;
    let cookie = fields.cookie.ok_or(FieldFault::NoCookie)?;
    let authenticator = fields.authenticator.ok_or(FieldFault::NoAuthenticator)?;
    if !fields.placeholders_match() {
        return Err(FieldFault::BadPlaceholder.into());
    }
    if packet.mac.is_some() {
        return Err(FieldFault::TrailingMac.into());
    }
    let session = keys
        .open_cookie(cookie)
        .map_err(|error| NtsRefusal::BadCookie(error, unique_id))?;
    let wanted = (1 + fields.placeholders).min(MAX_COOKIES);
    let cookies = (0..=wanted)
        .rev()
        .find(|count| reply_length(&session, &unique_id, *count) <= octets.len())
        .ok_or(FieldFault::BadAuthenticator)?;
    let request = Authenticated::new(AuthenticatedRequest {
        header: packet.header,
        keys: session,
        unique_id,
        cookies,
    });
    Ok(ClaimedRequest {
        request,
        authenticator,
        verified: Cell::new(false),
    })
}

/// Verifies the authenticators of requests that have come together.
pub(crate) fn verify_claims<'a>(claims: impl Iterator<Item = &'a ClaimedRequest<'a>> + Clone) {
    // Nothing that a client may encrypt is of any use to us.
    let mut plaintext = [0; MAX_REQUEST_LENGTH];
    let texts = claims.clone().map(|claim| {
        claim
            .authenticator
            .sealed_with(&claim.request.value().keys.c2s)
    });
    let mut claims = claims;
    verify_many(texts, &mut plaintext, |valid| {
        if let Some(claim) = claims.next() {
            claim.verified.set(valid);
        }
    });
}

impl ClaimedRequest<'_> {
    /// The request, if [`verify_claims`] has found that the holder of its session's keys has made
    /// it.
    ///
    /// # Errors
    /// Its unique identifier: it is [`NtsRefusal::Forged`].
    pub(crate) fn proven(&self) -> Result<&Authenticated<AuthenticatedRequest>, UniqueId> {
        if self.verified.get() {
            Ok(&self.request)
        } else {
            Err(self.request.value().unique_id)
        }
    }
}

/// Opens the request that `octets` have been decoded to.
///
/// # Errors
/// The reason for which the request gets no protected reply.
pub fn open_request(
    packet: &Packet<'_>,
    octets: &[u8],
    keys: &KeySet,
) -> Result<Authenticated<AuthenticatedRequest>, NtsRefusal> {
    let claim = claim_request(packet, octets, keys)?;
    verify_claims(std::iter::once(&claim));
    claim.proven().cloned().map_err(NtsRefusal::Forged)
}

/// The length of the reply with so many cookies, in octets.
fn reply_length(session: &KeyPair, unique_id: &UniqueId, cookies: usize) -> usize {
    let algorithm = session.algorithm();
    let content = cookies * (FIELD_HEADER_LENGTH + cookie_length(algorithm));
    HEADER_LENGTH
        + FIELD_HEADER_LENGTH
        + unique_id.octets().len()
        + authenticator_length(algorithm.nonce_length(), content)
}

impl Authenticated<AuthenticatedRequest> {
    /// Makes all of the reply that does not depend on the time.
    pub fn prepare(&self, keys: &KeySet, rng: &mut impl CryptoRng) -> PreparedReply {
        let mut reply = PreparedReply::blank();
        self.prepare_into(keys, rng, &mut reply);
        reply
    }

    /// [`prepare`](Self::prepare) in a place that is used again and again, so that nothing large is
    /// moved or cleared.
    pub(crate) fn prepare_into(
        &self,
        keys: &KeySet,
        rng: &mut impl CryptoRng,
        reply: &mut PreparedReply,
    ) {
        let request = self.value();
        reply.s2c.clone_from(&request.keys.s2c);
        reply.unique_id = request.unique_id;
        reply.nonce = packet_nonce(&request.keys.s2c, rng);
        let mut writer = Writer::new(&mut reply.content);
        keys.seal_cookies(&request.keys, request.cookies, rng, |cookie| {
            writer
                .extension(FieldType::COOKIE, cookie)
                .expect("invariant: the cookies of a reply are shorter than the longest request");
        });
        reply.content_length = writer.written();
    }
}

/// A reply that only lacks its header.
#[derive(Clone, Debug)]
#[must_use = "emit it, or the client waits in vain"]
pub struct PreparedReply {
    s2c: AeadKey,
    unique_id: UniqueId,
    nonce: Nonce,
    content: [u8; MAX_REQUEST_LENGTH],
    content_length: usize,
}

impl PreparedReply {
    /// Room for a reply; it protects nothing yet.
    pub(crate) fn blank() -> Self {
        let algorithm = AeadAlgorithm::SivCmac256;
        Self {
            s2c: AeadKey::new(algorithm, &[0; 32])
                .expect("invariant: the key has the right length"),
            unique_id: UniqueId::BLANK,
            nonce: Nonce::zero(algorithm),
            content: [0; MAX_REQUEST_LENGTH],
            content_length: 0,
        }
    }

    /// The number of octets that [`emit`](Self::emit) will write: no more than the request had.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a reply is never empty")]
    pub fn len(&self) -> usize {
        HEADER_LENGTH
            + FIELD_HEADER_LENGTH
            + self.unique_id.octets().len()
            + authenticator_length(self.nonce.octets().len(), self.content_length)
    }

    /// Writes the reply with a header that has just been stamped, seals it, and returns its length.
    ///
    /// # Errors
    /// [`BufferFull`] if `out` is shorter than [`len`](Self::len).
    pub fn emit(&self, header: &Header, out: &mut [u8]) -> Result<usize, BufferFull> {
        let mut writer = Writer::new(out);
        writer.header(header)?;
        writer.extension(FieldType::UNIQUE_IDENTIFIER, self.unique_id.octets())?;
        let written = writer.written();
        let (content, _) = self.content.split_at(self.content_length);
        append_authenticator(out, written, &self.s2c, &self.nonce, content)
    }
}

/// The length of the reply of [`write_nak`], in octets.
#[must_use]
pub fn nak_length(unique_id: &UniqueId) -> usize {
    HEADER_LENGTH + FIELD_HEADER_LENGTH + unique_id.octets().len().next_multiple_of(4)
}

/// Writes the NTS NAK, by which the client learns that its cookie cannot be opened, and returns its
/// length, which is less than that of any request with a cookie. `header` must be a kiss of code
/// NTSN.
///
/// # Errors
/// [`BufferFull`] if `out` is too short.
pub fn write_nak(
    header: &Header,
    unique_id: &UniqueId,
    out: &mut [u8],
) -> Result<usize, BufferFull> {
    let mut writer = Writer::new(out);
    writer.header(header)?;
    writer.last_extension(FieldType::UNIQUE_IDENTIFIER, unique_id.octets())?;
    Ok(writer.written())
}
