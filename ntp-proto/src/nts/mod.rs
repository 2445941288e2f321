//! Network Time Security (RFC 8915), without TLS, sockets or clocks.
//!
//! | step | client | server |
//! |---|---|---|
//! | key establishment, in records over TLS | [`KeClient`] | [`KeServer`] |
//! | keys and cookies | [`NtsGrant`], [`NtsSession`], [`CookieJar`] | [`KeySet`] |
//! | request | [`protect_request`] | [`open_request`] |
//! | reply | [`open_response`] | [`PreparedReply`] |
//!
//! **What a driver must do.** It runs the TLS connection, with ALPN `ntske/1` and TLS 1.3 alone,
//! passes the octets on as they come, in pieces of any size, and exports keys through a closure
//! (RFC 5705). Deadlines, limits on connections and the check of the certificate are its own.
//! [`Client`](crate::client::Client) and [`Server`](crate::server::Server) do the rest: the client
//! asks for key establishment with [`Event::Establish`](crate::client::Event::Establish) and takes
//! the [`NtsGrant`]; the server takes the [`KeySet`] with each request.
//!
//! **Rules.** The server keeps no sessions: its cookies hold the keys, sealed by the [`KeySet`].
//! Only opening makes an [`Authenticated`] value. A cookie is used once (RFC 8915 §5.7). Keys are
//! wiped when dropped, and neither they nor cookies can be printed. Randomness is an argument.
//!
//! ```
//! use ntp_proto::nts::{
//!     AeadAlgorithm, KeClient, KeServer, KeServerConfig, KeySet, MAX_PROTECTED_REPLY,
//!     MAX_PROTECTED_REQUEST, open_request, open_response, protect_request,
//! };
//! use ntp_proto::packet::{Header, Mode, Packet, Version};
//! use ntp_proto::time::{NtpTimestamp, PollInterval};
//! use rand::SeedableRng;
//! use rand::rngs::ChaCha12Rng;
//! use std::convert::Infallible;
//! use std::sync::Arc;
//!
//! // Both ends of a TLS connection export the same octets for the same label and context.
//! fn exporter(label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Infallible> {
//!     for (place, octet) in out.iter_mut().enumerate() {
//!         *octet = label[place % label.len()] ^ context[place % context.len()];
//!     }
//!     Ok(())
//! }
//! let mut rng = ChaCha12Rng::from_seed([1; 32]);
//! let keys = KeySet::new(7, 0, &mut rng);
//!
//! // Key establishment.
//! let algorithms = vec![AeadAlgorithm::SivCmac256];
//! let mut client = KeClient::new(&algorithms);
//! let config = KeServerConfig { algorithms, server: None, port: None };
//! let mut server = KeServer::new(Arc::new(config));
//! let request = server.handle_bytes(&client.request()).unwrap().expect("a whole request");
//! let response = request.respond(exporter, &keys, &mut rng).unwrap();
//! let granted = client.handle_bytes(&response).unwrap().expect("a whole response");
//! let session = granted.keys(exporter).unwrap().primary;
//! let mut jar = granted.cookies;
//! assert_eq!(jar.len(), 8);
//!
//! // One exchange.
//! let origin = NtpTimestamp::from_bits(0x0123_4567_89ab_cdef); // 64 random bits
//! let header = Header::request(Version::V4, PollInterval::MIN, origin);
//! let mut octets = [0; MAX_PROTECTED_REQUEST];
//! let request = protect_request(&header, &mut jar, &session.c2s, &mut rng, &mut octets).unwrap();
//!
//! let octets = &octets[..request.length];
//! let opened = open_request(&Packet::decode(octets).unwrap(), octets, &keys).unwrap();
//! let prepared = opened.prepare(&keys, &mut rng);
//! let header = Header { mode: Mode::Server, origin, ..opened.value().header };
//! let mut octets = [0; MAX_PROTECTED_REPLY];
//! let length = prepared.emit(&header, &mut octets).unwrap();
//!
//! let reply = open_response(&octets[..length], &request.unique_id, &session.s2c).unwrap();
//! assert_eq!(reply.value().header.origin, origin);
//! assert_eq!(reply.value().cookies.len(), 1, "one for the one that was used");
//! ```

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
    ClientKeys, KeClient, KeError, KeErrorCode, KeReason, KeRefusal, KeReply, KeRequest, KeServer,
    KeServerConfig, KeStage, MAX_KE_REPLY, MAX_KE_REQUEST, MAX_RECORDS, Record, RecordType,
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
