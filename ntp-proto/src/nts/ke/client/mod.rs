//! The client's side of NTS-KE (RFC 8915 §4), free of TLS.

use super::error::{KeError, KeErrorCode};
use super::record::{MessageReader, MessageWriter, Record, RecordType};
use crate::nts::{AeadAlgorithm, Cookie, CookieJar, KeyPair, PROTOCOL_NTPV4};

/// The longest reply that we read, in octets.
pub const MAX_KE_REPLY: usize = 65_536;

/// The longest name of a server, in octets (RFC 1035 §2.3.4).
const MAX_HOST_LENGTH: usize = 253;

/// Asks one server for keys and cookies, once.
///
/// Send [`request`](Self::request), hand all octets that come to
/// [`handle_bytes`](Self::handle_bytes) until there is a reply, and call
/// [`handle_end`](Self::handle_end) if the connection ends before. Deadlines are the driver's.
#[derive(Debug)]
pub struct KeClient {
    offered: Vec<AeadAlgorithm>,
    message: MessageReader,
}

impl KeClient {
    /// Offers these algorithms, the most wanted first.
    #[must_use]
    pub fn new(offered: &[AeadAlgorithm]) -> Self {
        Self {
            offered: offered.to_vec(),
            message: MessageReader::new(MAX_KE_REPLY),
        }
    }

    /// The octets to send when TLS is up.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        let algorithms: Vec<u8> = self
            .offered
            .iter()
            .flat_map(|algorithm| algorithm.id().to_be_bytes())
            .collect();
        let message = MessageWriter::default()
            .critical(RecordType::NEXT_PROTOCOL, &PROTOCOL_NTPV4.to_be_bytes())
            .critical(RecordType::AEAD, &algorithms);
        if self.offered.contains(&AeadAlgorithm::Aes128GcmSiv) {
            message
                .optional(RecordType::COMPLIANT_128_GCM_SIV, &[])
                .end()
        } else {
            message.end()
        }
    }

    /// Takes the next octets, in pieces of any size. Returns `None` until the message is complete.
    ///
    /// # Errors
    /// The fault of the reply; no later octets can make it valid.
    pub fn handle_bytes(&mut self, octets: &[u8]) -> Result<Option<KeReply>, KeError> {
        if !self.message.handle(octets)? {
            return Ok(None);
        }
        let mut draft = Draft::default();
        for record in self.message.records() {
            draft.handle(&record, &self.offered)?;
        }
        draft.finish().map(Some)
    }

    /// The error of a connection that has ended before there was a reply.
    #[must_use]
    pub const fn handle_end(&self) -> KeError {
        KeError::Truncated
    }
}

/// The response of an NTS-KE server.
#[derive(Clone, Debug)]
pub struct KeReply {
    /// The algorithm that it chose among those offered.
    pub aead: AeadAlgorithm,
    /// One cookie at least.
    pub cookies: CookieJar,
    /// The host that serves NTP, if it is not the one that we asked: a name or an address, in
    /// letters, digits, hyphens, dots, colons and underscores.
    pub server: Option<String>,
    /// The port that serves NTP, if it is not 123. It is never zero.
    pub port: Option<u16>,
    /// True if the server said that it exports the keys of AES-128-GCM-SIV as the RFC demands.
    pub compliant_128gcm: bool,
}

/// The keys of a session, as far as the client can know them.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    /// The keys to use.
    pub primary: KeyPair,
    /// The keys to use instead once, if the first answer to the primary ones is NTSN: the server
    /// may follow the RFC without saying so.
    pub alternate: Option<KeyPair>,
}

impl KeReply {
    /// Has TLS export the keys; for `exporter` see [`KeyPair::export`].
    ///
    /// # Errors
    /// The error of `exporter`.
    pub fn keys<E>(
        &self,
        mut exporter: impl FnMut(&[u8], &[u8], &mut [u8]) -> Result<(), E>,
    ) -> Result<ClientKeys, E> {
        let by_the_rfc = KeyPair::export(self.aead, self.aead, &mut exporter)?;
        if self.aead != AeadAlgorithm::Aes128GcmSiv || self.compliant_128gcm {
            return Ok(ClientKeys {
                primary: by_the_rfc,
                alternate: None,
            });
        }
        let primary = KeyPair::export(self.aead, AeadAlgorithm::SivCmac256, &mut exporter)?;
        Ok(ClientKeys {
            primary,
            alternate: Some(by_the_rfc),
        })
    }
}

/// The content of the records so far.
#[derive(Default)]
struct Draft {
    protocol: Option<()>,
    aead: Option<AeadAlgorithm>,
    cookies: CookieJar,
    unusable: Option<usize>,
    server: Option<String>,
    port: Option<u16>,
    compliant_128gcm: bool,
}

impl Draft {
    fn handle(&mut self, record: &Record<'_>, offered: &[AeadAlgorithm]) -> Result<(), KeError> {
        match record.kind {
            RecordType::NEXT_PROTOCOL => once(&mut self.protocol, record, chosen_protocol(record)?),
            RecordType::AEAD => once(&mut self.aead, record, chosen_aead(record, offered)?),
            RecordType::SERVER => once(&mut self.server, record, host(record)?),
            RecordType::PORT => once(&mut self.port, record, port(record)?),
            RecordType::COOKIE => {
                self.cookie(record);
                Ok(())
            }
            RecordType::COMPLIANT_128_GCM_SIV => {
                self.compliant_128gcm = true;
                Ok(())
            }
            RecordType::ERROR => {
                let code = record.number().ok_or(KeError::BadBody(record.kind))?;
                Err(KeError::ErrorRecord(KeErrorCode::from_bits(code)))
            }
            RecordType::WARNING => Err(record
                .number()
                .map_or(KeError::BadBody(record.kind), KeError::Warning)),
            kind if record.critical => Err(KeError::UnknownCritical(kind)),
            _ => Ok(()),
        }
    }

    fn cookie(&mut self, record: &Record<'_>) {
        match Cookie::new(record.body) {
            Some(cookie) => self.cookies.put(cookie),
            None => self.unusable = self.unusable.or(Some(record.body.len())),
        }
    }

    fn finish(self) -> Result<KeReply, KeError> {
        self.protocol
            .ok_or(KeError::Missing(RecordType::NEXT_PROTOCOL))?;
        let aead = self.aead.ok_or(KeError::Missing(RecordType::AEAD))?;
        if self.cookies.is_empty() {
            return Err(self.unusable.map_or(KeError::NoCookies, |length| {
                KeError::UnusableCookies { length }
            }));
        }
        Ok(KeReply {
            aead,
            cookies: self.cookies,
            server: self.server,
            port: self.port,
            compliant_128gcm: self.compliant_128gcm && aead == AeadAlgorithm::Aes128GcmSiv,
        })
    }
}

fn once<T>(place: &mut Option<T>, record: &Record<'_>, value: T) -> Result<(), KeError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(KeError::Duplicate(record.kind)),
    }
}

fn chosen_protocol(record: &Record<'_>) -> Result<(), KeError> {
    let mut protocols = record.numbers().ok_or(KeError::BadBody(record.kind))?;
    match (protocols.next(), protocols.next()) {
        (None, _) => Err(KeError::NoCommonProtocol),
        (Some(PROTOCOL_NTPV4), None) => Ok(()),
        (Some(PROTOCOL_NTPV4), Some(other)) | (Some(other), _) => {
            Err(KeError::UnofferedProtocol(other))
        }
    }
}

fn chosen_aead(record: &Record<'_>, offered: &[AeadAlgorithm]) -> Result<AeadAlgorithm, KeError> {
    let mut algorithms = record.numbers().ok_or(KeError::BadBody(record.kind))?;
    let id = algorithms.next().ok_or(KeError::NoCommonAead)?;
    if algorithms.next().is_some() {
        return Err(KeError::BadBody(record.kind));
    }
    AeadAlgorithm::from_id(id)
        .filter(|chosen| offered.contains(chosen))
        .ok_or(KeError::UnofferedAead(id))
}

fn host(record: &Record<'_>) -> Result<String, KeError> {
    let harmless = |octet: &u8| octet.is_ascii_alphanumeric() || b"-.:_".contains(octet);
    std::str::from_utf8(record.body)
        .ok()
        .filter(|name| {
            (1..=MAX_HOST_LENGTH).contains(&name.len()) && name.as_bytes().iter().all(harmless)
        })
        .map(str::to_owned)
        .ok_or(KeError::BadBody(record.kind))
}

fn port(record: &Record<'_>) -> Result<u16, KeError> {
    record
        .number()
        .filter(|port| *port != 0)
        .ok_or(KeError::BadBody(record.kind))
}

#[cfg(test)]
mod tests;
