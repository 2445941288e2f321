//! Servers of key establishment, and the authority behind their certificates.

use super::key_set;
use ntp_config::Trust;
use ntp_proto::nts::{AeadAlgorithm, KeRequest, KeServer, KeServerConfig, KeyPair, KeySet};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An authority whose certificate lies in a file.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, rcgen::KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("Authority of the tests")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer =
            CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        let authority = Self {
            issuer,
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(authority.file(), authority.issuer.pem()).unwrap();
        authority
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Trusts this authority only.
    pub(crate) fn trust(&self) -> Trust {
        Trust {
            certificate_authorities: vec![self.file()],
            system_authorities: false,
            ..Trust::default()
        }
    }

    fn tls(&self, change: fn(&mut CertificateParams)) -> ServerConfig {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        tls.alpn_protocols = vec![b"ntske/1".to_vec()];
        tls
    }
}

/// How keys are exported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exporter {
    /// As the client says that it does.
    Agreed,
    /// As older programs do for AES-128-GCM-SIV, without saying anything of it.
    Older,
    /// As RFC 8915 demands, without saying so.
    RfcUntold,
}

/// A server of key establishment for an NTP server on this host.
pub(crate) struct KeyService<'a> {
    pub(crate) authority: &'a Authority,
    /// Changes the server's certificate, which is for 127.0.0.1.
    pub(crate) certificate: fn(&mut CertificateParams),
    pub(crate) ntp: SocketAddr,
    /// These seal the cookies.
    pub(crate) keys: Arc<KeySet>,
    pub(crate) algorithms: Vec<AeadAlgorithm>,
    pub(crate) exporter: Exporter,
}

impl<'a> KeyService<'a> {
    pub(crate) fn new(authority: &'a Authority, ntp: SocketAddr) -> Self {
        Self {
            authority,
            certificate: |_| (),
            ntp,
            keys: key_set(1),
            algorithms: AeadAlgorithm::ALL.to_vec(),
            exporter: Exporter::Agreed,
        }
    }

    /// Serves until the process ends.
    pub(crate) fn start(self) -> SocketAddr {
        let acceptor = TlsAcceptor::from(Arc::new(self.authority.tls(self.certificate)));
        let grant = KeServerConfig {
            algorithms: self.algorithms,
            server: None,
            port: Some(self.ntp.port()),
        };
        let desk = Desk {
            grant: Arc::new(grant),
            keys: self.keys,
            exporter: self.exporter,
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        // A thread with a runtime of its own, as the caller may have none, or be within one.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        desk.serve(stream).await;
                    }
                }
            });
        });
        address
    }
}

struct Desk {
    grant: Arc<KeServerConfig>,
    keys: Arc<KeySet>,
    exporter: Exporter,
}

impl Desk {
    async fn serve(&self, mut stream: TlsStream<TcpStream>) {
        let mut server = KeServer::new(Arc::clone(&self.grant));
        let mut room = [0; 1024];
        let response = loop {
            let Ok(length @ 1..) = stream.read(&mut room).await else {
                return;
            };
            match server.handle_bytes(&room[..length]) {
                Ok(None) => {}
                Ok(Some(request)) => break self.respond(&request, &stream),
                Err(refusal) => break refusal.response,
            }
        };
        let _ = stream.write_all(&response).await;
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut room).await;
    }

    fn respond(&self, request: &KeRequest, stream: &TlsStream<TcpStream>) -> Vec<u8> {
        let mut rng = ChaCha12Rng::from_seed([7; 32]);
        let tls = stream.get_ref().1;
        let exporter = |label: &[u8], context: &[u8], out: &mut [u8]| {
            tls.export_keying_material(out, label, Some(context))
                .map(drop)
        };
        let context = match self.exporter {
            Exporter::Agreed => return request.respond(exporter, &self.keys, &mut rng).unwrap(),
            Exporter::Older => AeadAlgorithm::SivCmac256,
            Exporter::RfcUntold => request.algorithm(),
        };
        let pair = KeyPair::export(request.algorithm(), context, exporter).unwrap();
        let mut message = record(0x8001, &0u16.to_be_bytes());
        message.extend(record(0x8004, &request.algorithm().id().to_be_bytes()));
        for _ in 0..8 {
            message.extend(record(5, &self.keys.seal_cookie(&pair, &mut rng)));
        }
        message.extend(record(0x8007, &self.grant.port.unwrap().to_be_bytes()));
        message.extend(record(0x8000, &[]));
        message
    }
}

/// A record of RFC 8915 §4.1; the highest bit of the kind marks a critical one.
fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}
