//! Network Time Security (RFC 8915): packets that prove who has sent them, without TLS, sockets or
//! clocks.
//!
//! **Key establishment** is talk in records over TLS, which the driver has. [`KeClient`] and
//! [`KeServer`] take its octets as they come; TLS exports the keys through a closure.
//!
//! **The client** keeps the [`Cookie`]s in a [`CookieJar`], writes requests with
//! [`protect_request`] and reads replies with [`open_response`].
//!
//! **The server** keeps no sessions, but a [`KeySet`] that seals their keys into cookies.
//! [`open_request`] verifies a request, and its reply is made in two steps: cookies first, then the
//! header with its timestamps and the seal over it.
//!
//! Only opening makes an [`Authenticated`] value. Keys are wiped when dropped, and neither they nor
//! cookies can be printed. Randomness is an argument.

mod aead;
mod cookie;
mod cookie_jar;
mod exporter;
mod ke;
mod key_set;
mod packet;
mod session;

pub use aead::{AeadAlgorithm, AeadKey, Forged, MAX_KEY_LENGTH, MAX_NONCE_LENGTH, TAG_LENGTH};
pub use cookie::{CookieError, MAX_OWN_COOKIE, cookie_length};
pub use cookie_jar::{Cookie, CookieJar, MAX_COOKIE_LENGTH, MAX_COOKIES};
pub use exporter::{EXPORTER_LABEL, KeyPair, PROTOCOL_NTPV4};
pub use ke::{
    ClientKeys, KeClient, KeError, KeErrorCode, KeRefusal, KeReply, KeRequest, KeServer,
    KeServerConfig, MAX_KE_REPLY, MAX_KE_REQUEST, MAX_RECORDS, Record, RecordType,
};
pub use key_set::{DEFAULT_OLD_KEYS, KeySet, KeySetError, MAX_OLD_KEYS};
pub use packet::{
    Authenticated, AuthenticatedRequest, FieldFault, MAX_PROTECTED_REPLY, MAX_PROTECTED_REQUEST,
    MAX_UNIQUE_ID_LENGTH, NtsRefusal, PreparedReply, ProtectedRequest, RequestError, Response,
    ResponseRefusal, UNIQUE_ID_LENGTH, UniqueId, nak_length, open_request, open_response,
    protect_request, write_nak,
};
pub(crate) use packet::{ClaimedRequest, claim_request, verify_claims};
pub use session::{NtsGrant, NtsSession, Validity};
