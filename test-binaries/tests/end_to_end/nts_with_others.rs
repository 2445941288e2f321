//! NTS with independent implementations, in both roles: chronyd as Debian 12 has it, a newer one
//! that speaks AES-128-GCM-SIV, and NTPsec's ntpd.

use crate::SOON;
use crate::chrony::Chronyd;
use ntp_observe::NtsKeState;
use tempfile::TempDir;
use test_support::{
    Authority, CertificateFiles, Daemon, DaemonConfig, Network, Peers, Running, Side, Skip, folder,
    or_skip, until,
};

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
        Ok(Self {
            peers,
            network,
            folder,
            certificate,
        })
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
        format!(
            "port 0\nntstrustedcerts {}\nserver {NAME} nts iburst minpoll 0 maxpoll 0\n",
            self.authority()
        )
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
        state
            .sources
            .first()
            .is_some_and(|source| source.packets.valid >= 10)
    });
    let nts = state.sources[0].nts.clone().expect("the source has NTS");
    assert_eq!(nts.ke_state, NtsKeState::Established);
    assert_eq!(nts.aead.as_deref(), Some(aead));
    assert_eq!(
        (nts.ke_attempts, nts.ke_successes, nts.naks),
        (1, 1, 0),
        "{nts:?}"
    );
    assert!(nts.cookies >= 7, "the eighth may be on its way: {nts:?}");
    Ok(())
}

fn we_follow_chronyd(
    peers: impl FnOnce(&Peers) -> Result<Peers, Skip>,
    aead: &str,
) -> Result<(), Skip> {
    let scene = Scene::new()?;
    let _chronyd = Chronyd::start(
        &peers(&scene.peers)?,
        scene.at(Side::Server),
        &scene.chrony_serves(),
    )?;
    we_follow(&scene, aead)
}

/// The output of `chronyc authdata` for the only source.
#[derive(Debug, PartialEq, Eq)]
struct AuthData {
    mode: String,
    algorithm: String,
    attempts: u32,
    naks: u32,
    cookies: u32,
}

fn auth_data(chronyd: &Chronyd) -> Option<AuthData> {
    let answer = chronyd.chronyc("authdata");
    let fields: Vec<&str> = answer.stdout.lines().next()?.split(',').collect();
    // Name, mode, key id, type, key length, time since the last establishment, attempts, NAKs,
    // cookies, their length.
    let number = |place: usize| fields.get(place)?.parse().ok();
    Some(AuthData {
        mode: (*fields.get(1)?).to_owned(),
        algorithm: (*fields.get(3)?).to_owned(),
        attempts: number(6)?,
        naks: number(7)?,
        cookies: number(8)?,
    })
}

/// Waits until chronyd has selected its source.
fn selected(chronyd: &Chronyd) {
    let source = until(SOON, || chronyd.source().filter(|fields| fields[1] == "*"));
    assert!(
        source.is_some(),
        "never selected: {:?} {:?}\n{}",
        chronyd.source(),
        auth_data(chronyd),
        chronyd.output()
    );
}

/// The number of valid replies that chronyd has had, and of requests that it has sent.
fn valid_and_sent(chronyd: &Chronyd) -> (u64, u64) {
    let answer = chronyd.chronyc("ntpdata");
    let fields: Vec<&str> = answer
        .stdout
        .lines()
        .next()
        .unwrap_or_default()
        .split(',')
        .collect();
    // Two words or letters show who took the timestamps; requests sent, replies received and valid
    // ones follow.
    let is_origin = |field: &&str| ["D", "K", "H", "Daemon", "Kernel", "Hardware"].contains(field);
    let stamps = fields
        .windows(2)
        .position(|pair| pair.iter().all(is_origin));
    let number = |place: usize| {
        let field = stamps.and_then(|stamps| fields.get(stamps + 2 + place));
        field
            .and_then(|field| field.parse().ok())
            .unwrap_or_else(|| panic!("{answer}"))
    };
    (number(2), number(0))
}

/// Our server with keys that rotate every second, at the server's end.
fn restless(scene: &Scene) -> DaemonConfig {
    scene
        .ours_serves()
        .and("[keyset]\nkey-rotation-interval = 1\nstale-key-count = 32\n")
}

/// Restarts a server between two polls.
fn restart(scene: &Scene, daemon: Daemon, before: impl FnOnce(&TempDir)) -> Result<Daemon, Skip> {
    let folder = daemon.into_folder();
    before(&folder);
    let mut daemon =
        Daemon::start_again_at(&scene.network, Side::Server, folder, &restless(scene))?;
    daemon.wait_until_serving(SOON);
    Ok(daemon)
}

fn rotation_and_restart_cost_chronyd_nothing(
    peers: impl FnOnce(&Peers) -> Result<Peers, Skip>,
) -> Result<(), Skip> {
    let scene = Scene::new()?;
    let mut daemon = Daemon::start_at(&scene.network, Side::Server, &restless(&scene))?;
    daemon.wait_until_serving(SOON);
    let asks = scene
        .chrony_asks()
        .replace("minpoll 0 maxpoll 0", "minpoll 2 maxpoll 2");
    let chronyd = Chronyd::start(&peers(&scene.peers)?, scene.at(Side::Client), &asks)?;
    selected(&chronyd);
    let key = daemon
        .state()
        .and_then(|state| state.keyset)
        .map(|keys| keys.current_key_id);
    daemon.wait_until("the keys have rotated", SOON, |state| {
        state.keyset.as_ref().map(|keys| &keys.current_key_id) != key.as_ref()
    });
    next_reply(&chronyd);
    let _daemon = restart(&scene, daemon, |_| ())?;
    next_reply(&chronyd);
    next_reply(&chronyd);
    let (valid, sent) = valid_and_sent(&chronyd);
    assert!(
        sent - valid <= 1,
        "{sent} sent, of which one may be on its way, and {valid} valid replies"
    );
    assert_eq!(
        auth_data(&chronyd).map(|data| (data.naks, data.attempts)),
        Some((0, 0))
    );
    Ok(())
}

fn next_reply(chronyd: &Chronyd) {
    let (before, _) = valid_and_sent(chronyd);
    let came = until(SOON, || (valid_and_sent(chronyd).0 > before).then_some(()));
    assert!(
        came.is_some(),
        "no further reply: {:?}\n{}",
        auth_data(chronyd),
        chronyd.output()
    );
}

#[test]
fn rotation_of_keys_and_a_restart_cost_chronyd_no_poll() {
    or_skip!(rotation_and_restart_cost_chronyd_nothing(|peers| Ok(
        peers.clone()
    )));
}

#[test]
fn rotation_of_keys_and_a_restart_cost_a_newer_chronyd_no_poll() {
    or_skip!(rotation_and_restart_cost_chronyd_nothing(Peers::newer));
}

/// Our client of our restless server, synchronized, asking every four seconds.
fn ours_of_ours(scene: &Scene) -> Result<(Daemon, Daemon), Skip> {
    let mut server = Daemon::start_at(&scene.network, Side::Server, &restless(scene))?;
    server.wait_until_serving(SOON);
    let config = DaemonConfig::with_virtual_clock(0.35, 40e-6).and(&format!(
        "[[source]]\nmode = \"nts\"\naddress = \"{NAME}\"\ncertificate-authority = \"{}\"\nburst = 1\n\
         poll-interval-limits = {{ min = 2, max = 2 }}\n",
        scene.authority()
    ));
    let mut client = Daemon::start_at(&scene.network, Side::Client, &config)?;
    client.wait_until_right(0.001, SOON);
    Ok((client, server))
}

fn replies_beyond(client: &mut Daemon, count: u64) -> ntp_observe::Document {
    client.wait_until("more replies", SOON, |state| {
        state.sources[0].packets.valid > count
    })
}

#[test]
fn rotation_of_keys_and_a_restart_cost_us_no_poll() {
    let scene = or_skip!(Scene::new());
    let (mut client, server) = or_skip!(ours_of_ours(&scene));
    replies_beyond(&mut client, 1);
    let _server = or_skip!(restart(&scene, server, |_| ()));
    let state = replies_beyond(&mut client, 3);
    let source = &state.sources[0];
    let nts = source.nts.clone().unwrap();
    assert!(
        source.packets.sent - source.packets.valid <= 1,
        "{:?}",
        source.packets
    );
    assert_eq!((nts.ke_attempts, nts.naks), (1, 0), "{nts:?}");
}

#[test]
fn keys_that_are_lost_cost_us_one_poll() {
    let scene = or_skip!(Scene::new());
    let (mut client, server) = or_skip!(ours_of_ours(&scene));
    replies_beyond(&mut client, 1);
    let lose =
        |folder: &TempDir| std::fs::remove_file(folder.path().join("storage/nts-keys")).unwrap();
    let server = or_skip!(restart(&scene, server, lose));
    let state = replies_beyond(&mut client, 4);
    let source = &state.sources[0];
    let nts = source.nts.clone().unwrap();
    // The one that was refused, and perhaps one that is on its way.
    assert!(
        source.packets.sent - source.packets.valid <= 2,
        "{:?}",
        source.packets
    );
    assert_eq!((nts.ke_attempts, nts.naks), (2, 1), "{nts:?}");
    assert_eq!(server.state().unwrap().servers[0].nts_naks_sent, 1);
}

#[test]
fn keys_that_are_lost_are_noticed_by_chronyd() {
    let scene = or_skip!(Scene::new());
    let mut server = or_skip!(Daemon::start_at(
        &scene.network,
        Side::Server,
        &restless(&scene)
    ));
    server.wait_until_serving(SOON);
    let chronyd = or_skip!(Chronyd::start(
        &scene.peers,
        scene.at(Side::Client),
        &scene.chrony_asks()
    ));
    selected(&chronyd);
    next_reply(&chronyd);
    let lose =
        |folder: &TempDir| std::fs::remove_file(folder.path().join("storage/nts-keys")).unwrap();
    let server = or_skip!(restart(&scene, server, lose));
    next_reply(&chronyd);
    let state = server.state().unwrap();
    assert_eq!(state.nts_ke_servers[0].granted, 1);
    assert!(state.servers[0].nts_naks_sent >= 1);
}

/// NTPsec's ntpd with these lines in its configuration.
fn ntpsec(scene: &Scene, side: Side, lines: &str) -> Result<Running, Skip> {
    let folder = scene.folder.path();
    let file = folder.join("ntpsec.conf");
    let common = format!(
        "disable ntp\nrestrict default noquery\ndriftfile {}\n",
        folder.join("drift").display()
    );
    std::fs::write(&file, common + lines).expect("the configuration can be written");
    let mut command = scene
        .peers
        .apart("ntpsec")?
        .command(scene.at(side), "usr/sbin/ntpd")?;
    command.args(["-n", "-g", "-c"]).arg(file);
    Ok(Running::start("ntpsec", command))
}

#[test]
fn we_follow_ntpsec_with_nts() {
    let scene = or_skip!(Scene::new());
    let CertificateFiles { chain, key } = &scene.certificate;
    let lines = format!(
        "nts enable\nnts cert {}\nnts key {}\nnts cookie {}\ntos orphan 3 orphanwait 1\n",
        chain.display(),
        key.display(),
        scene.folder.path().join("cookie-keys").display()
    );
    let _ntpd = or_skip!(ntpsec(&scene, Side::Server, &lines));
    or_skip!(we_follow(&scene, "AES-SIV-CMAC-256"));
}

#[test]
fn ntpsec_follows_us_with_nts() {
    let scene = or_skip!(Scene::new());
    let mut daemon = or_skip!(Daemon::start_at(
        &scene.network,
        Side::Server,
        &scene.ours_serves()
    ));
    daemon.wait_until_serving(SOON);
    let lines = format!(
        "server {NAME} nts ca {} iburst minpoll 3 maxpoll 3\n",
        scene.authority()
    );
    let ntpd = or_skip!(ntpsec(&scene, Side::Client, &lines));
    let state = daemon.wait_until("its requests are answered", SOON, |state| {
        state.servers[0].nts_answered >= 4
    });
    let (server, keys) = (&state.servers[0], &state.nts_ke_servers[0]);
    assert_eq!(
        (keys.granted, server.nts_naks_sent),
        (1, 0),
        "{}",
        ntpd.output()
    );
    assert!(server.nts_refused.is_empty(), "{server:?}");
}

fn chronyd_follows_us(
    peers: impl FnOnce(&Peers) -> Result<Peers, Skip>,
    algorithm: &str,
) -> Result<(), Skip> {
    let scene = Scene::new()?;
    let mut daemon = Daemon::start_at(&scene.network, Side::Server, &scene.ours_serves())?;
    daemon.wait_until_serving(SOON);
    let chronyd = Chronyd::start(
        &peers(&scene.peers)?,
        scene.at(Side::Client),
        &scene.chrony_asks(),
    )?;
    selected(&chronyd);
    let full = until(SOON, || {
        auth_data(&chronyd).filter(|data| data.cookies == 8)
    });
    let expected = AuthData {
        mode: "NTS".into(),
        algorithm: algorithm.into(),
        attempts: 0,
        naks: 0,
        cookies: 8,
    };
    assert_eq!(full, Some(expected), "{:?}", auth_data(&chronyd));
    let state = daemon.wait_until("its requests are counted", SOON, |state| {
        state.servers[0].nts_answered > 4
    });
    assert_eq!(
        (
            state.nts_ke_servers[0].granted,
            state.servers[0].nts_naks_sent
        ),
        (1, 0)
    );
    Ok(())
}

#[test]
fn chronyd_follows_us_with_nts() {
    or_skip!(chronyd_follows_us(|peers| Ok(peers.clone()), "15"));
}

#[test]
fn a_newer_chronyd_follows_us_with_nts_and_its_faster_algorithm() {
    or_skip!(chronyd_follows_us(Peers::newer, "30"));
}

#[test]
fn we_follow_chronyd_with_nts() {
    or_skip!(we_follow_chronyd(
        |peers| Ok(peers.clone()),
        "AES-SIV-CMAC-256"
    ));
}

#[test]
fn we_follow_a_newer_chronyd_with_nts_and_its_faster_algorithm() {
    or_skip!(we_follow_chronyd(Peers::newer, "AES-128-GCM-SIV"));
}
