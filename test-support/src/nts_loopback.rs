//! A daemon that serves time and NTS keys on the loopback interface, and its clients.

use crate::{Authority, CertificateFiles, Daemon, DaemonConfig, NtsClient, folder};
use ntp_proto::nts::AeadAlgorithm;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

/// The limit for the start of a daemon on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// An authority, and a certificate of 127.0.0.1.
pub struct NtsLoopback {
    /// The authority that signs the certificate.
    pub authority: Authority,
    /// The certificate of the server.
    pub certificate: CertificateFiles,
    /// Holds their files.
    _folder: TempDir,
}

/// The addresses at which a daemon serves.
#[derive(Clone, Copy, Debug)]
pub struct NtsAddresses {
    /// The address of its NTP server.
    pub time: SocketAddr,
    /// The address of its NTS-KE server.
    pub keys: SocketAddr,
}

impl Default for NtsLoopback {
    fn default() -> Self {
        Self::new()
    }
}

impl NtsLoopback {
    /// A new authority, and what it has signed, in a temporary folder.
    #[must_use]
    pub fn new() -> Self {
        let folder = folder();
        let authority = Authority::new(folder.path());
        let certificate = authority.sign("server", &["127.0.0.1"]);
        Self {
            authority,
            certificate,
            _folder: folder,
        }
    }

    /// A server of time and keys with a virtual clock that is right, and more lines for the latter.
    #[must_use]
    pub fn server(&self, more: &str) -> DaemonConfig {
        self.serving_as(DaemonConfig::with_virtual_clock(0.0, 0.0), more)
    }

    /// A daemon that is a server of time and keys as well, with more lines for the latter.
    #[must_use]
    pub fn serving_as(&self, config: DaemonConfig, more: &str) -> DaemonConfig {
        let CertificateFiles { chain, key } = &self.certificate;
        config.and_server("127.0.0.1:0").and(&format!(
            "[synchronization]\nlocal-stratum = 1\n\n[[nts-ke-server]]\nlisten = \"127.0.0.1:0\"\n\
             certificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n{more}\n",
            chain.display(),
            key.display()
        ))
    }

    /// A client that believes the authority, and wants the algorithm that everybody has.
    #[must_use]
    pub fn client(&self) -> NtsClient {
        self.client_of(AeadAlgorithm::SivCmac256)
    }

    /// A client that believes the authority, and wants this algorithm.
    #[must_use]
    pub fn client_of(&self, algorithm: AeadAlgorithm) -> NtsClient {
        NtsClient::new(&self.authority.file(), &[algorithm])
    }
}

impl NtsAddresses {
    /// Waits until a daemon serves time and keys.
    ///
    /// # Panics
    /// If it does not.
    pub fn of(daemon: &mut Daemon) -> Self {
        let state = daemon.wait_until("it serves time and keys", START_PATIENCE, |state| {
            !state.servers.is_empty() && !state.nts_ke_servers.is_empty()
        });
        let address = |text: &str| {
            text.parse()
                .expect("the daemon shows addresses with their ports")
        };
        Self {
            time: address(&state.servers[0].listen_address),
            keys: address(&state.nts_ke_servers[0].listen_address),
        }
    }
}
