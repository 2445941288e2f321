//! Independent clients take the time from our server, over IPv4 and IPv6.

use crate::chrony::{Chronyd, offset_by_chronyd};
use crate::{PROMPTLY, SOON};
use std::net::{SocketAddr, UdpSocket};
use test_support::{
    Daemon, DaemonConfig, Network, Peers, Running, Side, Skip, announce_skip, confined_in, folder,
    or_skip, run, until,
};

/// The offset of the served clock from the machine's, so that no client can be right by chance.
const AHEAD: f64 = 0.25;

/// The largest error of a client on the same machine, however busy that is.
const TOLERANCE: f64 = 0.05;

fn config() -> DaemonConfig {
    DaemonConfig::with_virtual_clock(AHEAD, 0.0)
        .and("[synchronization]\nlocal-stratum = 1\nreference-id = \"TEST\"\n")
}

/// A server on both loopback addresses, and where they are.
fn serve() -> Result<(Daemon, Vec<SocketAddr>), Skip> {
    let mut config = config().and_server("127.0.0.1:0");
    match UdpSocket::bind("[::1]:0") {
        Ok(_) => config = config.and_server("[::1]:0"),
        Err(error) => announce_skip(&Skip(format!("IPv6, which this machine lacks: {error}"))),
    }
    let mut daemon = Daemon::start(&config)?;
    let addresses = daemon.wait_until_serving(PROMPTLY);
    Ok((daemon, addresses))
}

/// A server at port 123, for those who know no other, with loopback addresses of its own.
fn serve_at_the_usual_port(network: &Network) -> Result<Daemon, Skip> {
    let config = config().and_server("127.0.0.1:123").and_server("[::1]:123");
    let mut daemon = Daemon::start_at(network, Side::Client, &config)?;
    daemon.wait_until_serving(PROMPTLY);
    Ok(daemon)
}

fn assert_ahead(offset: f64, who: &str) {
    assert!(
        (offset - AHEAD).abs() < TOLERANCE,
        "{who} measures {offset} s in place of {AHEAD} s"
    );
}

#[test]
fn chronyd_measures_our_offset() {
    let peers = or_skip!(Peers::find());
    let (_daemon, addresses) = or_skip!(serve());

    for address in addresses {
        assert_ahead(or_skip!(offset_by_chronyd(&peers, address)), "chronyd");
    }
}

/// chronyd with these options for its server follows us.
fn chronyd_follows_us(options: &str) -> Result<(), Skip> {
    let peers = Peers::find()?;
    let (_daemon, addresses) = serve()?;
    let chronyd = Chronyd::ask(
        &peers,
        addresses[0],
        &format!("iburst minpoll 0 maxpoll 4 {options}"),
    )?;

    let source = until(SOON, || chronyd.source().filter(|fields| fields[1] == "*"));

    let tracking = chronyd.chronyc("tracking");
    assert!(
        source.is_some(),
        "never selected: {:?}\n{tracking}",
        chronyd.source()
    );
    let fields: Vec<&str> = tracking.stdout.trim().split(',').collect();
    assert_eq!(fields.get(2), Some(&"2"), "chronyd's stratum: {tracking}");
    assert_eq!(
        fields.last(),
        Some(&"Normal"),
        "chronyd's leap status: {tracking}"
    );
    Ok(())
}

#[test]
fn chronyd_selects_us_as_its_source() {
    or_skip!(chronyd_follows_us(""));
}

#[test]
fn chronyd_follows_us_in_version_3() {
    or_skip!(chronyd_follows_us("version 3"));
}

/// We do not answer in interleaved mode (RFC 9769), and a client that asks for it has to see that.
#[test]
fn chronyd_follows_us_when_it_asks_for_interleaved_mode() {
    or_skip!(chronyd_follows_us("xleave"));
}

#[test]
fn the_clients_of_ntplib_measure_our_offset() {
    const PROGRAM: &str = "
import sys, ntplib
for version in (None, 1, 2, 3, 4):
    how = dict() if version is None else dict(version=version)
    reply = ntplib.NTPClient().request(sys.argv[1], port=int(sys.argv[2]), timeout=10, **how)
    print(reply.offset, reply.stratum, reply.leap, reply.mode, reply.version, ntplib.ref_id_to_text(reply.ref_id, reply.stratum))
";
    let peers = or_skip!(Peers::find());
    let (_daemon, addresses) = or_skip!(serve());

    for address in addresses {
        let mut python = or_skip!(peers.python(None));
        python.args([
            "-c",
            PROGRAM,
            &address.ip().to_string(),
            &address.port().to_string(),
        ]);
        let ended = run(python);

        assert!(ended.status.success(), "{ended}");
        let lines: Vec<Vec<&str>> = ended
            .stdout
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines.len(), 5, "{ended}");
        // Version 2 is what it asks in by default.
        for (fields, version) in lines.iter().zip(["2", "1", "2", "3", "4"]) {
            assert_ahead(fields[0].parse().unwrap(), "ntplib");
            assert_eq!(
                &fields[1..5],
                ["1", "0", "4", version],
                "stratum, leap, mode, version: {ended}"
            );
            assert!(ended.stdout.contains("TEST"), "the reference id: {ended}");
        }
    }
}

#[test]
fn ntpdig_measures_our_offset() {
    let peers = or_skip!(Peers::find());
    let network = or_skip!(Network::new());
    let program = or_skip!(peers.path("usr/bin/ntpdig"));
    let _daemon = or_skip!(serve_at_the_usual_port(&network));

    for (family, address) in [("-4", "127.0.0.1"), ("-6", "::1")] {
        let mut ntpdig = or_skip!(peers.python(Some(network.namespace(Side::Client))));
        ntpdig
            .arg(&program)
            .args(["--json", "-t", "10", family, address]);
        let ended = run(ntpdig);

        let report: serde_json::Value =
            serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended}"));
        assert_ahead(report["offset"].as_f64().unwrap(), "ntpdig");
        assert_eq!(report["stratum"], 1, "{ended}");
        assert_eq!(report["leap"], "no-leap", "{ended}");
    }
}

/// OpenNTPD wants a user of its own, and files in places that we cannot choose: both only exist for
/// it. It has not the right to adjust the clock, and says so.
#[test]
fn openntpd_measures_our_offset() {
    const IN_ITS_OWN_PLACE: &str = "mount -t tmpfs tmpfs /var/lib && mkdir -p /var/lib/openntpd/run /var/lib/openntpd/db && exec \"$@\"";
    let peers = or_skip!(Peers::find());
    let network = or_skip!(Network::new());
    let program = or_skip!(peers.path("usr/sbin/ntpd"));
    let _daemon = or_skip!(serve_at_the_usual_port(&network));
    let folder = folder();
    let (home, file) = (folder.path().join("home"), folder.path().join("ntpd.conf"));
    std::fs::create_dir(&home).unwrap();
    std::fs::write(&file, "server 127.0.0.1\n").unwrap();
    network.set_user("ntpd", &home);

    let mut shell = or_skip!(confined_in(Some(network.namespace(Side::Client)), "sh"));
    shell
        .args(["-c", IN_ITS_OWN_PLACE, "sh"])
        .arg(program)
        .args(["-d", "-v", "-f"])
        .arg(file);
    shell.arg("-p").arg(folder.path().join("pid"));
    let line =
        Running::start("openntpd", shell).wait_for_line("reply from 127.0.0.1: offset ", SOON);

    let offset = line
        .split_once("offset ")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    assert_ahead(offset.unwrap_or_else(|| panic!("{line}")), "openntpd");
}
