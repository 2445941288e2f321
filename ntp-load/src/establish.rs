//! Key establishment with the server under test, one after another and without a runtime: a
//! handshake costs the generator as little as can be, and its key exchange can be chosen, as a fair
//! comparison of servers has to.

use ntp_proto::nts::{AeadAlgorithm, CookieJar, KeClient, KeReply, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The name of the protocol within TLS (RFC 8915 §4).
const ALPN: &[u8] = b"ntske/1";

/// The limit for each step of an establishment.
const PATIENCE: Duration = Duration::from_secs(60);

/// The authority that must have issued the certificate of the server under test.
#[derive(Clone, Debug)]
pub struct Authority(Arc<RootCertStore>);

impl Authority {
    /// Reads certificates (PEM).
    ///
    /// # Errors
    /// If the file cannot be read or holds no certificate.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!(
                "{}: {error}; --ca wants the certificate of the server's authority in PEM",
                path.display()
            )
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
            roots
                .add(certificate.map_err(|error| wrong(&error))?)
                .map_err(|error| wrong(&error))?;
        }
        if roots.is_empty() {
            Err(wrong(&"there is no certificate in it"))
        } else {
            Ok(Self(Arc::new(roots)))
        }
    }
}

/// The key exchange of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The server's choice among the groups that clients of today offer, the hybrid of X25519 and
    /// ML-KEM first.
    Any,
    /// X25519 and nothing else, which every server has.
    X25519,
}

/// Establishes keys with one server.
#[derive(Clone)]
pub struct Establisher {
    address: SocketAddr,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    algorithm: AeadAlgorithm,
}

/// The keys of an establishment, and its cookies.
#[derive(Clone, Debug)]
pub struct Session {
    /// The keys to use.
    pub keys: KeyPair,
    /// The keys to use if the server knows nothing of the others, see
    /// [`ntp_proto::nts::ClientKeys`].
    pub alternate: Option<KeyPair>,
    /// The first cookies.
    pub cookies: CookieJar,
    /// The cipher suite and the group of the key exchange.
    pub tls: String,
    /// The duration of the establishment.
    pub took: Duration,
}

impl Establisher {
    /// For the server at `address`, whose certificate must be for `name`; only `algorithm` is asked
    /// for.
    ///
    /// # Errors
    /// If the name is not a valid server name.
    pub fn new(
        address: SocketAddr,
        name: &str,
        authority: &Authority,
        algorithm: AeadAlgorithm,
        group: Group,
    ) -> Result<Self, String> {
        let wrong = |error| format!("`{name}` can be in no certificate: {error}");
        let name = ServerName::try_from(name.to_owned()).map_err(wrong)?;
        let provider = CryptoProvider {
            kx_groups: groups(group),
            ..aws_lc_rs::default_provider()
        };
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("invariant: the provider has TLS 1.3")
            .with_root_certificates(Arc::clone(&authority.0))
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        // Each establishment is to cost what the first one costs.
        tls.resumption = Resumption::disabled();
        Ok(Self {
            address,
            name,
            tls: Arc::new(tls),
            algorithm,
        })
    }

    /// Establishes keys once.
    ///
    /// # Errors
    /// Names the step that failed.
    pub fn establish(&self) -> Result<Session, String> {
        let start = Instant::now();
        let failed = |doing: &str, error: &dyn std::fmt::Display| {
            format!("{} {doing}: {error}", self.address)
        };
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)
            .and_then(|stream| {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(stream)
            })
            .map_err(|error| failed("cannot be connected to by TCP", &error))?;
        let connection = ClientConnection::new(Arc::clone(&self.tls), self.name.clone())
            .map_err(|error| failed("cannot be asked by TLS", &error))?;
        let mut stream = StreamOwned::new(connection, stream);
        let mut client = KeClient::new(&[self.algorithm]);
        stream
            .write_all(&client.request())
            .map_err(|error| failed("refused the handshake", &error))?;
        let reply = loop {
            let mut room = [0; 4096];
            let length = stream
                .read(&mut room)
                .map_err(|error| failed("broke the talk off", &error))?;
            let octets = room.get(..length).filter(|octets| !octets.is_empty());
            let octets = octets.ok_or_else(|| failed("ended early", &client.handle_end()))?;
            if let Some(reply) = client
                .handle_bytes(octets)
                .map_err(|error| failed("gave no keys", &error))?
            {
                break reply;
            }
        };
        stream.conn.send_close_notify();
        // Everything is there already; who does not hear the farewell has gone.
        let _ = stream.flush();
        let session =
            session(&reply, &stream.conn, start).map_err(|error| failed("gave no keys", &error))?;
        Ok(session)
    }
}

fn groups(group: Group) -> Vec<&'static dyn SupportedKxGroup> {
    match group {
        Group::Any => aws_lc_rs::default_provider().kx_groups,
        Group::X25519 => vec![aws_lc_rs::kx_group::X25519],
    }
}

fn session(
    reply: &KeReply,
    connection: &ClientConnection,
    start: Instant,
) -> Result<Session, rustls::Error> {
    let keys = reply.keys(|label, context, out| {
        connection
            .export_keying_material(out, label, Some(context))
            .map(drop)
    })?;
    let group = connection
        .negotiated_key_exchange_group()
        .and_then(|group| group.name().as_str());
    let suite = connection
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str());
    Ok(Session {
        keys: keys.primary,
        alternate: keys.alternate,
        cookies: reply.cookies.clone(),
        tls: format!("{} {}", group.unwrap_or("?"), suite.unwrap_or("?")),
        took: start.elapsed(),
    })
}

#[cfg(test)]
impl Session {
    /// Keys that no server knows.
    pub(super) fn for_tests(rng: &mut impl rand::CryptoRng) -> Self {
        use ntp_proto::nts::AeadKey;
        let algorithm = AeadAlgorithm::SivCmac256;
        let keys = KeyPair {
            c2s: AeadKey::random(algorithm, rng),
            s2c: AeadKey::random(algorithm, rng),
        };
        Self {
            keys,
            alternate: None,
            cookies: CookieJar::new(),
            tls: String::new(),
            took: Duration::ZERO,
        }
    }
}

impl std::fmt::Debug for Establisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Establisher({:?} at {}, {})",
            self.name, self.address, self.algorithm
        )
    }
}
