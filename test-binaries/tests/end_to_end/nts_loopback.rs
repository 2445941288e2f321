//! What the tests of our NTS server on the loopback device have in common.

use std::net::SocketAddr;

use ntp_proto::nts::AeadAlgorithm;
use tempfile::TempDir;
use test_binaries::NtsClient;
use test_binaries::harness::{Authority, CertificateFiles, Daemon, DaemonConfig, folder};

use crate::PROMPTLY;

/// An authority, and a certificate of 127.0.0.1.
pub(crate) struct Loopback {
    pub(crate) authority: Authority,
    pub(crate) certificate: CertificateFiles,
    /// Holds their files.
    _folder: TempDir,
}

/// Where a daemon serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// The time.
    pub(crate) time: SocketAddr,
    /// Keys.
    pub(crate) keys: SocketAddr,
}

impl Loopback {
    pub(crate) fn new() -> Self {
        let folder = folder();
        let authority = Authority::new(folder.path());
        let certificate = authority.sign("server", &["127.0.0.1"]);
        Self { authority, certificate, _folder: folder }
    }

    /// A server of time and keys, with more lines for the latter.
    pub(crate) fn server(&self, more: &str) -> DaemonConfig {
        let CertificateFiles { chain, key } = &self.certificate;
        DaemonConfig::with_virtual_clock(0.0, 0.0).and_server("127.0.0.1:0").and(&format!(
            "[synchronization]\nlocal-stratum = 1\n\n[[nts-ke-server]]\nlisten = \"127.0.0.1:0\"\n\
             certificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n{more}\n",
            chain.display(),
            key.display()
        ))
    }

    /// A client that wants AES-SIV-CMAC-256, and believes the authority.
    pub(crate) fn client(&self) -> NtsClient {
        NtsClient::new(&self.authority.file(), &[AeadAlgorithm::SivCmac256])
    }
}

/// Waits until a daemon serves time and keys.
pub(crate) fn serving(daemon: &mut Daemon) -> Addresses {
    let state = daemon.wait_until("it serves time and keys", PROMPTLY, |state| {
        !state.servers.is_empty() && !state.nts_ke_servers.is_empty()
    });
    let address = |text: &str| text.parse().expect("the daemon tells addresses with their ports");
    Addresses {
        time: address(&state.servers[0].listen_address),
        keys: address(&state.nts_ke_servers[0].listen_address),
    }
}
