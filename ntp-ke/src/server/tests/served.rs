//! A server that runs, and clients that are not ours.

use crate::client::{CertificateTime, Connector, Established, Failure, establish};
use crate::server::{
    CertificateStore, ConnectionLimits, KeBindError, KeListener, KePool, KeServerHandle,
    KeServerStats,
};
use crate::test_certificates::{Authority, Identity, NOW, write};
use arc_swap::ArcSwap;
use ntp_config::{HostPort, Trust};
use ntp_proto::nts::{AeadAlgorithm, KeServerConfig, KeySet};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The longest that anything may take which should be soon, however busy the machine is. No test
/// waits for all of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A server, who has certified it, and what it was given.
pub(super) struct Served {
    pub(super) authority: Authority,
    pub(super) folder: tempfile::TempDir,
    pub(super) keys: Arc<ArcSwap<KeySet>>,
    pub(super) certificates: Arc<CertificateStore>,
    pub(super) address: SocketAddr,
    pub(super) handle: KeServerHandle,
    pub(super) pool: KePool,
}

/// An address and its limits.
pub(super) struct Listen {
    pub(super) at: SocketAddr,
    pub(super) limits: ConnectionLimits,
}

impl Listen {
    /// With limits that no ordinary test meets.
    pub(super) fn at(address: SocketAddr) -> Self {
        let limits = ConnectionLimits {
            total: 300,
            per_client: 300,
            timeout: PATIENCE,
        };
        Self {
            at: address,
            limits,
        }
    }

    /// At a free port of the loopback interface.
    pub(super) fn on_loopback() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    pub(super) fn bind(&self, dual_stack: bool) -> Result<KeListener, KeBindError> {
        KeListener::bind(self.at, dual_stack, self.limits)
    }
}

/// Writes both files of a server.
pub(super) fn write_pair(folder: &tempfile::TempDir, identity: &Identity) -> (PathBuf, PathBuf) {
    let key = write(folder, "key.pem", &identity.key.serialize_pem());
    (write(folder, "chain.pem", &identity.chain_pem()), key)
}

impl Served {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(change: impl FnOnce(&mut Listen)) -> Self {
        let grant = KeServerConfig {
            algorithms: AeadAlgorithm::ALL.to_vec(),
            server: None,
            port: None,
        };
        Self::granting(grant, change)
    }

    pub(super) fn granting(grant: KeServerConfig, change: impl FnOnce(&mut Listen)) -> Self {
        let authority = Authority::root("Root of Time");
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = write_pair(&folder, &authority.issue(&["127.0.0.1", "::1"]));
        write(&folder, "authority.pem", &authority.pem());
        let mut listen = Listen::on_loopback();
        change(&mut listen);

        let listener = listen.bind(true).unwrap();
        let address = listener.address();
        let certificates = Arc::new(CertificateStore::open(&chain, &key).unwrap());
        let keys = KeySet::new(1, 0, &mut ChaCha12Rng::from_seed([7; 32]));
        let keys = Arc::new(ArcSwap::from_pointee(keys));
        let pool = KePool::start(NonZeroUsize::new(2).unwrap(), || ()).unwrap();
        let handle = listener
            .start(
                &pool,
                Arc::clone(&certificates),
                Arc::clone(&keys),
                Arc::new(grant),
            )
            .unwrap();
        Self {
            authority,
            folder,
            keys,
            certificates,
            address,
            handle,
            pool,
        }
    }

    pub(super) fn stats(&self) -> KeServerStats {
        self.handle.status().stats()
    }

    /// Waits until the counters are so.
    pub(super) async fn until(&self, wanted: impl Fn(&KeServerStats) -> bool) -> KeServerStats {
        let started = Instant::now();
        while !wanted(&self.stats()) {
            assert!(started.elapsed() < PATIENCE, "{:?}", self.stats());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.stats()
    }

    pub(super) fn connector(&self) -> Connector {
        self.connector_for(&AeadAlgorithm::ALL)
    }

    pub(super) fn connector_for(&self, algorithms: &[AeadAlgorithm]) -> Connector {
        let trust = Trust {
            certificate_authorities: vec![self.folder.path().join("authority.pem")],
            system_authorities: false,
            aead_algorithms: algorithms.to_vec(),
            ..Trust::default()
        };
        Connector::new(&trust).unwrap()
    }

    /// Asks as our own client does.
    pub(super) async fn establish(&self) -> Result<Established, Failure> {
        self.establish_with(&self.connector()).await
    }

    pub(super) async fn establish_with(
        &self,
        connector: &Connector,
    ) -> Result<Established, Failure> {
        ask(self.address, connector).await
    }

    /// Asks another server that shows the same certificate.
    pub(super) async fn establish_at(&self, address: SocketAddr) -> Result<Established, Failure> {
        ask(address, &self.connector()).await
    }

    /// The TLS configuration of a client that trusts the server, with the changes of a test.
    pub(super) fn client_config(&self) -> ClientConfig {
        self.connector()
            .tls_by(rustls::crypto::aws_lc_rs::default_provider())
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(super) async fn tls(&self) -> TlsStream<TcpStream> {
        self.tls_with(self.client_config()).await.unwrap()
    }

    pub(super) async fn tls_with(
        &self,
        config: ClientConfig,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, self.tcp().await)
            .await
    }
}

async fn ask(address: SocketAddr, connector: &Connector) -> Result<Established, Failure> {
    let target = HostPort {
        host: "127.0.0.1".into(),
        port: address.port(),
    };
    establish(&target, connector, CertificateTime::At(NOW), PATIENCE).await
}

/// Waits until the other side has ended the connection in whatever way, and says after which time
/// it did.
pub(super) async fn end_of(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    let mut room = [0; 4096];
    let end = async { while let Ok(1..) = stream.read(&mut room).await {} };
    tokio::time::timeout(PATIENCE, end).await.expect("it ends");
    started.elapsed()
}
