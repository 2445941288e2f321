//! NTS with independent implementations, in both roles: chronyd as Debian 12 has it, a newer one that speaks
//! AES-128-GCM-SIV, and NTPsec's ntpd.

use std::time::Duration;

use ntp_observe::NtsKeState;
use tempfile::TempDir;
use test_binaries::harness::{
    Authority, CertificateFiles, Daemon, DaemonConfig, Network, Peers, Running, Side, Skip, folder, until,
};
use test_binaries::or_skip;

use crate::SOON;
use crate::chrony::Chronyd;

/// The name in the certificates of these tests, of the server's end of the cable.
const NAME: &str = "nts.example";

/// Two ends of a cable, certificates that both know, and other people's programs.
struct Scene {
    peers: Peers,
    network: Network,
    folder: TempDir,
    certificate: CertificateFiles,
}

impl Scene {
    fn new() -> Result<Self, Skip> {
        let peers = Peers::find()?;
        let network = Network::new()?;
        network.set_names(&[(NAME, "192.0.2.2".parse().expect("invariant: an address"))]);
        let folder = folder();
        let certificate = Authority::new(folder.path()).sign("server", &[NAME]);
        Ok(Self { peers, network, folder, certificate })
    }

    fn authority(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// Lines of chrony's configuration for a server of time and keys.
    fn chrony_serves(&self) -> String {
        let CertificateFiles { chain, key } = &self.certificate;
        format!(
            "local stratum 1\nallow all\nport 123\nntsserverkey {}\nntsservercert {}\n",
            key.display(),
            chain.display()
        )
    }

    /// Lines of chrony's configuration for a client.
    fn chrony_asks(&self) -> String {
        format!("port 0\nntstrustedcerts {}\nserver {NAME} nts iburst minpoll 0 maxpoll 0\n", self.authority())
    }

    fn ours_asks(&self) -> DaemonConfig {
        DaemonConfig::with_virtual_clock(0.35, 40e-6).and(&format!(
            "[[source]]\nmode = \"nts\"\naddress = \"{NAME}\"\ncertificate-authority = \"{}\"\n\
             poll-interval-limits = {{ min = 0, max = 1 }}\n",
            self.authority()
        ))
    }

    fn ours_serves(&self) -> DaemonConfig {
        let CertificateFiles { chain, key } = &self.certificate;
        DaemonConfig::with_virtual_clock(0.0, 0.0).and_server("192.0.2.2:123").and(&format!(
            "[synchronization]\nlocal-stratum = 1\n\n[[nts-ke-server]]\nlisten = \"192.0.2.2:4460\"\n\
             certificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n",
            chain.display(),
            key.display()
        ))
    }

    fn at(&self, side: Side) -> Option<&str> {
        Some(self.network.namespace(side))
    }
}

/// Our client follows a server with NTS, and uses this algorithm.
fn we_follow(scene: &Scene, aead: &str) -> Result<(), Skip> {
    let mut daemon = Daemon::start_at(&scene.network, Side::Client, &scene.ours_asks())?;
    daemon.wait_until_right(0.001, SOON);
    let state = daemon.wait_until("ten authenticated measurements", SOON, |state| {
        state.sources.first().is_some_and(|source| source.packets.valid >= 10)
    });
    let nts = state.sources[0].nts.clone().expect("the source has NTS");
    assert_eq!(nts.ke_state, NtsKeState::Established);
    assert_eq!(nts.aead.as_deref(), Some(aead));
    assert_eq!((nts.ke_attempts, nts.ke_successes, nts.naks), (1, 1, 0), "{nts:?}");
    assert!(nts.cookies >= 7, "the eighth may be on its way: {nts:?}");
    Ok(())
}

fn we_follow_chronyd(peers: impl FnOnce(&Peers) -> Result<Peers, Skip>, aead: &str) -> Result<(), Skip> {
    let scene = Scene::new()?;
    let _chronyd = Chronyd::start(&peers(&scene.peers)?, scene.at(Side::Server), &scene.chrony_serves())?;
    we_follow(&scene, aead)
}

#[test]
fn we_follow_chronyd_with_nts() {
    or_skip!(we_follow_chronyd(|peers| Ok(peers.clone()), "AES-SIV-CMAC-256"));
}

#[test]
fn we_follow_a_newer_chronyd_with_nts_and_its_faster_algorithm() {
    or_skip!(we_follow_chronyd(Peers::newer, "AES-128-GCM-SIV"));
}
