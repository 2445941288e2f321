//! Protected requests: the client's side (RFC 8915 §5.7).

use super::fields::{
    FIELD_HEADER_LENGTH, UniqueId, append_authenticator, authenticator_length, packet_nonce,
};
use crate::nts::{AeadKey, CookieJar, MAX_COOKIE_LENGTH};
use crate::packet::{BufferFull, FieldType, HEADER_LENGTH, Header, Writer};
use rand::CryptoRng;

/// The longest request that we make, in octets; only a cookie near
/// [`MAX_COOKIE_LENGTH`] makes us ask for fewer cookies than the jar
/// could take.
pub const MAX_PROTECTED_REQUEST: usize = 1024;

/// A request that has been written.
#[derive(Clone, Copy, Debug)]
#[must_use = "the reply cannot be opened without the unique identifier"]
pub struct ProtectedRequest {
    /// The length of the packet in octets.
    pub length: usize,
    /// The unique identifier that the reply must repeat.
    pub unique_id: UniqueId,
}

/// The reason for which there is no request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestError {
    /// The jar is empty: new cookies must be had by key establishment.
    NoCookie,
    /// The caller's buffer is too short; [`MAX_PROTECTED_REQUEST`] octets always suffice.
    BufferFull,
}

impl From<BufferFull> for RequestError {
    fn from(_: BufferFull) -> Self {
        Self::BufferFull
    }
}

/// Writes a request into `out`: the header, a unique identifier, the oldest cookie of the jar, a
/// placeholder for each further cookie that the jar could take, and the authenticator under `c2s`.
///
/// # Errors
/// The missing cookie or room. A cookie that was taken is gone even then.
pub fn protect_request(
    header: &Header,
    jar: &mut CookieJar,
    c2s: &AeadKey,
    rng: &mut impl CryptoRng,
    out: &mut [u8],
) -> Result<ProtectedRequest, RequestError> {
    let cookie = jar.take().ok_or(RequestError::NoCookie)?;
    let unique_id = UniqueId::random(rng);
    let nonce = packet_nonce(c2s, rng);

    let cookie_field = FIELD_HEADER_LENGTH + cookie.octets().len().max(12).next_multiple_of(4);
    let fixed = HEADER_LENGTH
        + FIELD_HEADER_LENGTH
        + unique_id.octets().len()
        + authenticator_length(nonce.octets().len(), 0);
    let fitting = MAX_PROTECTED_REQUEST.saturating_sub(fixed) / cookie_field;
    // The reply brings one cookie for the one that is used, and one for each placeholder.
    let placeholders = jar.missing().min(fitting).saturating_sub(1);

    let mut writer = Writer::new(out);
    writer.header(header)?;
    writer.extension(FieldType::UNIQUE_IDENTIFIER, unique_id.octets())?;
    writer.extension(FieldType::COOKIE, cookie.octets())?;
    for _ in 0..placeholders {
        let zeros = [0; MAX_COOKIE_LENGTH];
        let (body, _) = zeros.split_at(cookie.octets().len());
        writer.extension(FieldType::COOKIE_PLACEHOLDER, body)?;
    }
    let written = writer.written();
    let length = append_authenticator(out, written, c2s, &nonce, &[])?;
    Ok(ProtectedRequest { length, unique_id })
}
