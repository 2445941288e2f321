//! `ntp-ctl nts` and `ntp-ctl query` with chronyd as Debian 12 has it, and with a newer one.

use serde_json::Value;
use tempfile::TempDir;
use test_binaries::harness::{Authority, Ended, Network, Peers, Side, Skip, binary, confined_in, folder, run, until};
use test_binaries::or_skip;

use crate::PROMPTLY;
use crate::chrony::Chronyd;

/// The name in the certificate, of the server's end of the cable.
const NAME: &str = "nts.example";

/// A chronyd with NTS at the other end of a cable.
struct Scene {
    network: Network,
    folder: TempDir,
    _chronyd: Chronyd,
}

impl Scene {
    fn new(peers: &Peers) -> Result<Self, Skip> {
        let network = Network::new()?;
        network.set_names(&[(NAME, "192.0.2.2".parse().expect("invariant: an address"))]);
        let folder = folder();
        let certificate = Authority::new(folder.path()).sign("server", &[NAME]);
        let (key, chain) = (certificate.key.display(), certificate.chain.display());
        let serves = format!(
            "local stratum 1\nallow all\nport 123\nntsserverkey {key}\nntsservercert {chain}\nntsprocesses 0\n"
        );
        let chronyd = Chronyd::start(peers, Some(network.namespace(Side::Server)), &serves)?;
        let scene = Self { network, folder, _chronyd: chronyd };
        let query = ["query", NAME, "--samples", "1", "--timeout", "1"];
        let serves = || scene.ctl(&query).ok()?.status.success().then_some(());
        until(PROMPTLY, serves).expect("chronyd answers plain requests");
        Ok(scene)
    }

    fn ctl(&self, args: &[&str]) -> Result<Ended, Skip> {
        let mut ctl = confined_in(Some(self.network.namespace(Side::Client)), binary("ntp-ctl"))?;
        ctl.args(args);
        Ok(run(ctl))
    }

    fn nts(&self, more: &[&str]) -> Result<Value, Skip> {
        let authority = self.folder.path().join("ca.pem").display().to_string();
        let ended = self
            .ctl(&[&["nts", NAME, "--ca", &authority, "--no-system-ca", "--samples", "2", "--json"], more].concat())?;
        Ok(serde_json::from_str(&ended.stdout).expect("a report is JSON"))
    }
}

fn claim(report: &Value, aead: &str) {
    assert!(report["error"].is_null(), "{report:#}");
    assert_eq!((&report["keys"]["aead"], &report["keys"]["cookies"]), (&aead.into(), &8.into()), "{report:#}");
    assert_eq!(report["new_cookies"], 2, "{report:#}");
    let offset = report["measured"]["offset_s"].as_f64().expect("a number");
    let bound = report["measured"]["error_bound_s"].as_f64().expect("a number");
    assert!(offset.abs() <= bound && bound < 0.1, "both clocks are this machine's: {report:#}");
}

#[test]
fn chronyd_gives_authenticated_time_by_every_algorithm_that_it_has() {
    let peers = or_skip!(Peers::find());
    let scene = or_skip!(Scene::new(&peers));
    let report = or_skip!(scene.nts(&[]));
    claim(&report, "AES-SIV-CMAC-256");

    let refused = or_skip!(scene.nts(&["--aead", "AES-SIV-CMAC-512"]));
    assert_eq!(refused["error"]["code"], "no-common-aead", "{refused:#}");
}

#[test]
fn a_newer_chronyd_gives_authenticated_time_by_its_faster_algorithm() {
    let peers = or_skip!(or_skip!(Peers::find()).newer());
    let scene = or_skip!(Scene::new(&peers));
    claim(&or_skip!(scene.nts(&[])), "AES-128-GCM-SIV");
}
