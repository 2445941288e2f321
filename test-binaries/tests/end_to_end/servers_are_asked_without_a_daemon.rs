//! `ntp-ctl nts` and `ntp-ctl query` with our own daemon, with chronyd as Debian 12 has it, and
//! with a newer one.

use crate::PROMPTLY;
use crate::chrony::Chronyd;
use serde_json::Value;
use tempfile::TempDir;
use test_support::{
    Authority, CertificateFiles, Daemon, DaemonConfig, Ended, Network, Peers, Side, Skip, binary,
    confined_in, folder, or_skip, run, until,
};

/// The name in the certificate, of the server's end of the cable.
const NAME: &str = "nts.example";

/// A server with NTS at the other end of a cable.
struct Scene {
    network: Network,
    folder: TempDir,
    certificate: CertificateFiles,
}

impl Scene {
    fn new() -> Result<Self, Skip> {
        let network = Network::new()?;
        network.set_names(&[(NAME, "192.0.2.2".parse().expect("invariant: an address"))]);
        let folder = folder();
        let certificate = Authority::new(folder.path()).sign("server", &[NAME]);
        Ok(Self {
            network,
            folder,
            certificate,
        })
    }

    /// Starts chronyd, and waits until it answers.
    fn chronyd(&self, peers: &Peers) -> Result<Chronyd, Skip> {
        let CertificateFiles { chain, key } = &self.certificate;
        let (key, chain) = (key.display(), chain.display());
        let lines = format!(
            "local stratum 1\nallow all\nport 123\nntsserverkey {key}\nntsservercert {chain}\n"
        );
        let chronyd = Chronyd::start(peers, Some(self.network.namespace(Side::Server)), &lines)?;
        self.wait_until_it_serves();
        Ok(chronyd)
    }

    /// Starts our daemon, and waits until it answers.
    fn daemon(&self) -> Result<Daemon, Skip> {
        let CertificateFiles { chain, key } = &self.certificate;
        let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_server("192.0.2.2:123").and(&format!(
            "[synchronization]\nlocal-stratum = 1\n\n[[nts-ke-server]]\nlisten = \"192.0.2.2:4460\"\n\
             certificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n",
            chain.display(),
            key.display()
        ));
        let daemon = Daemon::start_at(&self.network, Side::Server, &config)?;
        self.wait_until_it_serves();
        Ok(daemon)
    }

    fn wait_until_it_serves(&self) {
        let query = ["query", NAME, "--samples", "1", "--timeout", "5"];
        let serves = || self.ctl(&query).ok()?.status.success().then_some(());
        until(PROMPTLY, serves).expect("the server answers plain requests");
    }

    fn ctl(&self, args: &[&str]) -> Result<Ended, Skip> {
        let mut ctl = confined_in(
            Some(self.network.namespace(Side::Client)),
            binary("ntp-ctl"),
        )?;
        ctl.args(args);
        Ok(run(ctl))
    }

    fn nts(&self, more: &[&str]) -> Result<Value, Skip> {
        let authority = self.folder.path().join("ca.pem").display().to_string();
        let ended = self.ctl(
            &[
                &[
                    "nts",
                    NAME,
                    "--ca",
                    &authority,
                    "--no-system-ca",
                    "--samples",
                    "2",
                    "--timeout",
                    "60",
                    "--json",
                ],
                more,
            ]
            .concat(),
        )?;
        Ok(serde_json::from_str(&ended.stdout).expect("a report is JSON"))
    }
}

fn claim(report: &Value, aead: &str) {
    assert!(report["error"].is_null(), "{report:#}");
    assert_eq!(
        (&report["keys"]["aead"], &report["keys"]["cookies"]),
        (&aead.into(), &8.into()),
        "{report:#}"
    );
    assert_eq!(report["new_cookies"], 2, "{report:#}");
    let offset = report["measured"]["offset_s"].as_f64().expect("a number");
    let bound = report["measured"]["error_bound_s"]
        .as_f64()
        .expect("a number");
    assert!(
        offset.abs() <= bound,
        "both clocks are this machine's: {report:#}"
    );
}

#[test]
fn our_own_daemon_gives_authenticated_time_without_a_wasted_request() {
    let scene = or_skip!(Scene::new());
    let _daemon = or_skip!(scene.daemon());
    let report = or_skip!(scene.nts(&[]));
    claim(&report, "AES-128-GCM-SIV");
    assert_eq!(report["exporter_untold"], false);
}

#[test]
fn chronyd_gives_authenticated_time_by_every_algorithm_that_it_has() {
    let peers = or_skip!(Peers::find());
    let scene = or_skip!(Scene::new());
    let _chronyd = or_skip!(scene.chronyd(&peers));
    let report = or_skip!(scene.nts(&[]));
    claim(&report, "AES-SIV-CMAC-256");

    let refused = or_skip!(scene.nts(&["--aead", "AES-SIV-CMAC-512"]));
    assert_eq!(refused["error"]["code"], "no-common-aead", "{refused:#}");
}

#[test]
fn a_newer_chronyd_gives_authenticated_time_by_its_faster_algorithm() {
    let peers = or_skip!(or_skip!(Peers::find()).newer());
    let scene = or_skip!(Scene::new());
    let _chronyd = or_skip!(scene.chronyd(&peers));
    claim(&or_skip!(scene.nts(&[])), "AES-128-GCM-SIV");
}
