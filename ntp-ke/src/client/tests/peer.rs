//! Servers that do what a test wants.

use crate::client::attempt::Deadline;
use crate::client::establish::{Establishment, establish_at};
use crate::client::{CertificateTime, Connector, Established, Failure};
use crate::provider::{ALPN, VERSIONS, provider};
use crate::test_certificates::{Authority, Identity, NOW, write};
use ntp_config::{HostPort, Trust};
use ntp_proto::nts::{AeadAlgorithm, KeServer, KeServerConfig, KeySet};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use rustls::ServerConfig;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The time that every test has which does not test time.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The name that servers have.
pub(super) const NAME: &str = "ntp.example.org";

/// A listener, an authority, and the trust in it.
pub(super) struct World {
    pub(super) authority: Authority,
    pub(super) trust: Trust,
    pub(super) target: HostPort,
    listener: Option<TcpListener>,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    pub(super) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Authority::root("Root of Time");
        let folder = tempfile::tempdir().unwrap();
        let trust = trust(&folder, &authority);
        let target = HostPort {
            host: NAME.to_owned(),
            port: address.port(),
        };
        Self {
            authority,
            trust,
            target,
            listener: Some(listener),
            address,
            _folder: folder,
        }
    }

    /// A server that has done the handshake and then does `serve`, for one client after the other.
    pub(super) fn serve<F>(
        &mut self,
        config: ServerConfig,
        serve: impl Fn(TlsStream<TcpStream>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serve = Arc::new(serve);
        self.serve_plainly(move |stream| {
            let (handshake, serve) = (acceptor.accept(stream), Arc::clone(&serve));
            async move {
                if let Ok(stream) = handshake.await {
                    serve(stream).await;
                }
            }
        });
    }

    /// A server that answers every client with these octets within TLS, whatever it asks.
    pub(super) fn answer(&mut self, octets: Vec<u8>) {
        let config = self.config();
        let octets = Arc::new(octets);
        self.serve(config, move |mut stream| {
            let octets = Arc::clone(&octets);
            async move {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&octets).await;
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut request).await;
            }
        });
    }

    /// A server that grants what it is asked for.
    pub(super) fn grant(&mut self, grant: KeServerConfig) {
        let config = self.config();
        self.grant_with(config, grant);
    }

    pub(super) fn grant_with(&mut self, config: ServerConfig, grant: KeServerConfig) {
        let grant = Arc::new(grant);
        self.serve(config, move |stream| grant_once(stream, Arc::clone(&grant)));
    }

    /// A server that has the connection and does as it likes.
    pub(super) fn serve_plainly<F>(&mut self, serve: impl Fn(TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = self.listener.take().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
    }

    /// TLS as a good server has it.
    pub(super) fn config(&self) -> ServerConfig {
        tls(&self.authority.issue(&[NAME]), &[ALPN])
    }

    pub(super) fn connector(&self) -> Connector {
        Connector::new(&self.trust).unwrap()
    }

    pub(super) async fn establish(&self) -> Result<Established, Failure> {
        self.establish_within(PATIENCE).await
    }

    pub(super) async fn establish_within(
        &self,
        patience: Duration,
    ) -> Result<Established, Failure> {
        self.establish_at_time(CertificateTime::At(NOW), patience)
            .await
    }

    pub(super) async fn establish_at_time(
        &self,
        time: CertificateTime,
        patience: Duration,
    ) -> Result<Established, Failure> {
        self.establish_via(&[self.address], time, patience).await
    }

    /// As if the resolver had found these addresses.
    pub(super) async fn establish_via(
        &self,
        addresses: &[SocketAddr],
        time: CertificateTime,
        patience: Duration,
    ) -> Result<Established, Failure> {
        let connector = self.connector();
        let establishment = Establishment {
            connector: &connector,
            time,
            deadline: Deadline::after(patience),
        };
        establish_at(&self.target, addresses, &establishment)
            .await
            .map_err(|failure| failure.into_failure(&self.target))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn grant_once(mut stream: TlsStream<TcpStream>, grant: Arc<KeServerConfig>) {
    let mut rng = ChaCha12Rng::from_seed([7; 32]);
    let keys = KeySet::new(1, 0, &mut rng);
    let mut server = KeServer::new(grant);
    let mut room = [0; 1024];
    let response = loop {
        let Ok(length @ 1..) = stream.read(&mut room).await else {
            return;
        };
        match server.handle_bytes(&room[..length]) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let tls = stream.get_ref().1;
                let exporter = |label: &[u8], context: &[u8], out: &mut [u8]| {
                    tls.export_keying_material(out, label, Some(context))
                        .map(drop)
                };
                break request.respond(exporter, &keys, &mut rng).unwrap();
            }
            Err(refusal) => break refusal.response,
        }
    };
    let _ = stream.write_all(&response).await;
    let _ = stream.shutdown().await;
    let _ = stream.read(&mut room).await;
}

pub(super) fn trust(folder: &tempfile::TempDir, authority: &Authority) -> Trust {
    let path = write(folder, "authority.pem", &authority.pem());
    Trust {
        certificate_authorities: vec![path],
        system_authorities: false,
        ..Trust::default()
    }
}

pub(super) fn tls(identity: &Identity, protocols: &[&[u8]]) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.private_key())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// Grants everything.
pub(super) fn everything() -> KeServerConfig {
    KeServerConfig {
        algorithms: AeadAlgorithm::ALL.to_vec(),
        server: None,
        port: None,
    }
}
