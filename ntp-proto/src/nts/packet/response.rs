//! Protected replies: the client's side (RFC 8915 §5.7).

use super::authenticated::Authenticated;
use super::fields::{FieldFault, NtsFields, UniqueId, content};
use crate::nts::{AeadKey, Cookie, MAX_COOKIES};
use crate::packet::{DecodeError, FieldType, Header, KissCode, Packet};

/// The longest reply that we open, in octets.
pub const MAX_PROTECTED_REPLY: usize = 1280;

/// The content of an authenticated reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The header. It is the server's, but whether it answers our request in time is for others to
    /// judge.
    pub header: Header,
    /// New cookies, eight at most.
    pub cookies: Vec<Cookie>,
}

/// The reason for which a packet is not the reply. None of these may change anything, but that a
/// [`Nak`](Self::Nak) may hint at lost keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseRefusal {
    /// It is not a packet.
    Undecodable(DecodeError),
    /// It is longer than [`MAX_PROTECTED_REPLY`].
    TooLong,
    /// It repeats no unique identifier, or another.
    WrongUniqueId,
    /// The server says that it cannot open our cookie (kiss code NTSN). It repeats our unique
    /// identifier, so its sender has seen our request; but nothing proves that it is the server.
    Nak,
    /// It is not protected.
    Unprotected,
    /// It was not sealed with our key.
    Forged,
    /// Its fields violate RFC 8915.
    Malformed(FieldFault),
}

/// Opens the reply to the request of this unique identifier.
///
/// # Errors
/// The reason for which the packet is not that reply; nothing in it may be used then.
pub fn open_response(
    octets: &[u8],
    unique_id: &UniqueId,
    s2c: &AeadKey,
) -> Result<Authenticated<Response>, ResponseRefusal> {
    if octets.len() > MAX_PROTECTED_REPLY {
        return Err(ResponseRefusal::TooLong);
    }
    let packet = Packet::decode(octets).map_err(ResponseRefusal::Undecodable)?;
    let fields = NtsFields::read(&packet, octets).map_err(ResponseRefusal::Malformed)?;
    if fields.unique_id != Some(unique_id.octets()) {
        return Err(ResponseRefusal::WrongUniqueId);
    }
    let Some(authenticator) = fields.authenticator else {
        let nak = packet.header.kiss() == Some(KissCode::Ntsn);
        return Err(if nak {
            ResponseRefusal::Nak
        } else {
            ResponseRefusal::Unprotected
        });
    };
    let mut plaintext = [0; MAX_PROTECTED_REPLY];
    let plaintext = authenticator
        .open(s2c, &mut plaintext)
        .map_err(|_| ResponseRefusal::Forged)?;
    let cookies = new_cookies(plaintext).map_err(ResponseRefusal::Malformed)?;
    Ok(Authenticated::new(Response {
        header: packet.header,
        cookies,
    }))
}

/// The cookies within what was encrypted; those that we could not use are left out.
fn new_cookies(plaintext: &[u8]) -> Result<Vec<Cookie>, FieldFault> {
    let mut cookies = Vec::new();
    for field in content(plaintext) {
        let field = field?;
        if field.kind == FieldType::COOKIE && cookies.len() < MAX_COOKIES {
            cookies.extend(Cookie::new(field.value));
        }
    }
    Ok(cookies)
}
