//! The server's side of NTS-KE (RFC 8915 §4), free of TLS.

use super::error::{KeError, KeErrorCode};
use super::record::{MessageReader, MessageWriter, Record, RecordType};
use crate::nts::{AeadAlgorithm, KeyPair, KeySet, MAX_COOKIES, PROTOCOL_NTPV4};
use rand::CryptoRng;
use std::sync::Arc;

/// The longest request that we read, in octets. RFC 8915 §4 wants 1024 at least.
pub const MAX_KE_REQUEST: usize = 4096;

/// The settings of an NTS-KE server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeServerConfig {
    /// The algorithms that may be used. Among them, the client's preference decides.
    pub algorithms: Vec<AeadAlgorithm>,
    /// The host that serves NTP, if it is not this one: an ASCII name or an address.
    pub server: Option<String>,
    /// The port that serves NTP, if it is not 123.
    pub port: Option<u16>,
}

/// Answers one client.
///
/// Hand all octets that come to [`handle_bytes`](Self::handle_bytes) until there is a request or a
/// refusal. Deadlines and limits on the number of connections are the driver's.
#[derive(Debug)]
pub struct KeServer {
    config: Arc<KeServerConfig>,
    message: MessageReader,
}

/// A request that is not granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeRefusal {
    /// The reason of the refusal.
    pub error: KeError,
    /// The octets to send before the connection is closed.
    pub response: Vec<u8>,
}

/// A request that can be granted.
#[derive(Clone, Debug)]
pub struct KeRequest {
    config: Arc<KeServerConfig>,
    algorithm: AeadAlgorithm,
    compliant_128gcm: bool,
}

impl KeServer {
    /// Waits for a request.
    #[must_use]
    pub const fn new(config: Arc<KeServerConfig>) -> Self {
        Self {
            config,
            message: MessageReader::new(MAX_KE_REQUEST),
        }
    }

    /// Takes the next octets, in pieces of any size. Returns `None` until the message is complete.
    ///
    /// # Errors
    /// The fault of the request, and the response to send.
    pub fn handle_bytes(&mut self, octets: &[u8]) -> Result<Option<KeRequest>, KeRefusal> {
        if !self.message.handle(octets).map_err(KeRefusal::new)? {
            return Ok(None);
        }
        let mut draft = Draft::default();
        for record in self.message.records() {
            draft
                .handle(&record, &self.config.algorithms)
                .map_err(KeRefusal::new)?;
        }
        let algorithm = draft.algorithm().map_err(KeRefusal::new)?;
        let compliant_128gcm = draft.compliant_128gcm && algorithm == AeadAlgorithm::Aes128GcmSiv;
        Ok(Some(KeRequest {
            config: Arc::clone(&self.config),
            algorithm,
            compliant_128gcm,
        }))
    }
}

impl KeRequest {
    /// The algorithm that will be used.
    #[must_use]
    pub const fn algorithm(&self) -> AeadAlgorithm {
        self.algorithm
    }

    /// The octets to send: the keys, exported by TLS (see [`KeyPair::export`]), in eight cookies.
    ///
    /// Without the record by which a client says that it exports the keys of AES-128-GCM-SIV as the
    /// RFC demands, they are exported as older clients do.
    ///
    /// # Errors
    /// The error of `exporter`; [`KeRefusal::internal`] is the response to send then.
    pub fn respond<E>(
        &self,
        exporter: impl FnMut(&[u8], &[u8], &mut [u8]) -> Result<(), E>,
        keys: &KeySet,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, E> {
        let older = self.algorithm == AeadAlgorithm::Aes128GcmSiv && !self.compliant_128gcm;
        let context = if older {
            AeadAlgorithm::SivCmac256
        } else {
            self.algorithm
        };
        let pair = KeyPair::export(self.algorithm, context, exporter)?;

        let mut message = MessageWriter::default()
            .critical(RecordType::NEXT_PROTOCOL, &PROTOCOL_NTPV4.to_be_bytes())
            .critical(RecordType::AEAD, &self.algorithm.id().to_be_bytes());
        if self.compliant_128gcm {
            message = message.optional(RecordType::COMPLIANT_128_GCM_SIV, &[]);
        }
        let mut cookies = Vec::new();
        keys.seal_cookies(&pair, MAX_COOKIES, rng, |cookie| {
            cookies.push(cookie.to_vec());
        });
        for cookie in &cookies {
            message = message.optional(RecordType::COOKIE, cookie);
        }
        if let Some(server) = &self.config.server {
            message = message.critical(RecordType::SERVER, server.as_bytes());
        }
        if let Some(port) = self.config.port {
            message = message.critical(RecordType::PORT, &port.to_be_bytes());
        }
        Ok(message.end())
    }
}

impl KeRefusal {
    /// The response to a client if the server has failed.
    #[must_use]
    pub fn internal() -> Vec<u8> {
        error_message(KeErrorCode::InternalServerError)
    }

    fn new(error: KeError) -> Self {
        let protocol = PROTOCOL_NTPV4.to_be_bytes();
        let response = match error {
            // An empty list says that there is nothing in common (RFC 8915 §4.1.2, §4.1.5).
            KeError::NoCommonProtocol => MessageWriter::default()
                .critical(RecordType::NEXT_PROTOCOL, &[])
                .end(),
            KeError::NoCommonAead => MessageWriter::default()
                .critical(RecordType::NEXT_PROTOCOL, &protocol)
                .critical(RecordType::AEAD, &[])
                .end(),
            KeError::UnknownCritical(_) => error_message(KeErrorCode::UnrecognizedCriticalRecord),
            _ => error_message(KeErrorCode::BadRequest),
        };
        Self { error, response }
    }
}

fn error_message(code: KeErrorCode) -> Vec<u8> {
    MessageWriter::default()
        .critical(RecordType::ERROR, &code.to_bits().to_be_bytes())
        .end()
}

/// The content of the records so far.
#[derive(Default)]
struct Draft {
    /// True if NTPv4 is among the client's protocols.
    protocol: Option<bool>,
    /// The first of the client's algorithms that we may use.
    algorithm: Option<Option<AeadAlgorithm>>,
    compliant_128gcm: bool,
}

impl Draft {
    fn handle(&mut self, record: &Record<'_>, ours: &[AeadAlgorithm]) -> Result<(), KeError> {
        let malformed = KeError::BadBody(record.kind);
        match record.kind {
            RecordType::NEXT_PROTOCOL => {
                let ntp = record
                    .numbers()
                    .ok_or(malformed)?
                    .any(|protocol| protocol == PROTOCOL_NTPV4);
                once(&mut self.protocol, record, ntp)
            }
            RecordType::AEAD => {
                let mut known = record
                    .numbers()
                    .ok_or(malformed)?
                    .filter_map(AeadAlgorithm::from_id);
                once(
                    &mut self.algorithm,
                    record,
                    known.find(|algorithm| ours.contains(algorithm)),
                )
            }
            RecordType::COMPLIANT_128_GCM_SIV => {
                self.compliant_128gcm = true;
                Ok(())
            }
            // Which server and port a client would like is a wish that we need not grant (RFC 8915
            // §4.1.7, §4.1.8).
            RecordType::SERVER | RecordType::PORT => Ok(()),
            kind @ (RecordType::ERROR | RecordType::WARNING | RecordType::COOKIE) => {
                Err(KeError::Unexpected(kind))
            }
            kind if record.critical => Err(KeError::UnknownCritical(kind)),
            _ => Ok(()),
        }
    }

    fn algorithm(&self) -> Result<AeadAlgorithm, KeError> {
        match self.protocol {
            None => Err(KeError::Missing(RecordType::NEXT_PROTOCOL)),
            Some(false) => Err(KeError::NoCommonProtocol),
            Some(true) => self
                .algorithm
                .ok_or(KeError::Missing(RecordType::AEAD))?
                .ok_or(KeError::NoCommonAead),
        }
    }
}

fn once<T>(place: &mut Option<T>, record: &Record<'_>, value: T) -> Result<(), KeError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(KeError::Duplicate(record.kind)),
    }
}

#[cfg(test)]
mod tests;
