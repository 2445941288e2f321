//! ntp.conf of ntpd and NTPsec.

use crate::{Memory, Outcome, seconds};
use ntp_config::{AeadAlgorithm, ClockMode};
use ntp_migrate::Verdict::{Approximated, Dropped, Kept};
use ntp_proto::packet::Stratum;
use ntp_proto::server::FilterAction;
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn a_file_as_distributions_ship_it_loses_nothing() {
    let result = Outcome::ntpd(
        "driftfile /var/lib/ntp/ntp.drift\n\
         leapfile /usr/share/zoneinfo/leap-seconds.list # comment\n\
         tos maxclock 11\n\
         tos minclock 4 minsane 3\n\
         pool 0.pool.example iburst\n\
         pool 1.pool.example iburst\n\
         pool 2.pool.example iburst\n\
         pool 3.pool.example iburst\n\
         restrict default kod nomodify nopeer noquery limited\n\
         restrict 127.0.0.1\n\
         restrict ::1\n\
         restrict source notrap nomodify noquery\n",
    );

    // 11 associations, of which the pools themselves are four.
    assert_eq!(
        result.sources(),
        [
            "pool 0.pool.example:123 2",
            "pool 1.pool.example:123 2",
            "pool 2.pool.example:123 2",
            "pool 3.pool.example:123 2",
        ]
    );
    assert_eq!(result.migration.count(Dropped), 0);
    let synchronization = &result.config.synchronization;
    assert_eq!(synchronization.settings.minimum_agreeing, 3);
    assert_eq!(
        synchronization.leap_seconds_file,
        Some("/usr/share/zoneinfo/leap-seconds.list".into())
    );
    let [v4, v6] = result.config.servers.as_slice() else {
        panic!("{}", result.migration.text);
    };
    assert_eq!(
        (v4.listen.to_string(), v6.listen.to_string()),
        ("0.0.0.0:123".into(), "[::]:123".into())
    );
    let limit = v4.config.rate_limit.unwrap();
    assert_eq!((limit.interval, limit.burst), (Duration::from_secs(8), 16));
    assert!(
        v4.config
            .access
            .refusal("203.0.113.1".parse().unwrap())
            .is_none()
    );
}

#[test]
fn restrictions_refuse_the_same_clients() {
    let result = Outcome::ntpd(
        "server a.example\n\
         restrict -4 default ignore\n\
         restrict -6 default noserve\n\
         restrict 10.0.0.0 mask 255.0.0.0 nomodify notrap\n\
         restrict 10.1.0.0/16 noserve\n\
         restrict 2001:db8:: mask ffff:ffff:: nopeer\n\
         restrict localhost\n",
    );

    let access = &result.config.servers[0].config.access;
    for (address, answered) in [
        ("192.0.2.1", false),
        ("10.2.0.1", true),
        ("10.1.0.1", false),
        ("2001:db8::1", true),
        ("2001:db9::1", false),
        ("127.0.0.1", true),
        ("::1", true),
    ] {
        let refusal = access.refusal(address.parse().unwrap());
        assert_eq!(refusal.is_none(), answered, "{address}");
    }
    assert_eq!(result.migration.count(Kept), 7);
}

#[test]
fn flags_of_several_lines_for_one_prefix_add_up() {
    let result = Outcome::ntpd(
        "server a.example\nrestrict 10.0.0.0/8 noserve kod\nrestrict 10.0.0.0/8 nomodify\n",
    );
    let refusal = |address: &str| {
        let access = &result.config.servers[0].config.access;
        access.refusal(address.parse().unwrap())
    };
    assert_eq!(refusal("10.0.0.1"), Some(FilterAction::Deny));
    assert_eq!(refusal("11.0.0.1"), None);
}

#[test]
fn no_client_is_served_where_everyone_is_refused() {
    let result = Outcome::ntpd("server a.example\nrestrict default ignore\n");
    assert!(result.config.servers.is_empty());
    let result = Outcome::ntpd("server a.example\ninterface ignore all\n");
    assert!(result.config.servers.is_empty());
}

#[test]
fn symmetric_keys_and_names_in_restrictions_are_dropped() {
    let result = Outcome::ntpd(
        "server a.example key 3\n\
         keys /etc/ntp.keys\n\
         trustedkey 3\n\
         restrict client.example noserve\n\
         server b.example autokey\n\
         peer c.example\n\
         server d.example noselect\n\
         server e.example bias 0.1\n\
         server f.example\n",
    );
    assert_eq!(result.sources(), ["server f.example:123"]);
    assert_eq!(result.migration.count(Dropped), 8);

    // Many distributions name the file without any key in use.
    let result = Outcome::ntpd("server f.example\nkeys /etc/ntp.keys\n");
    assert_eq!(result.verdict(2), Approximated);
}

#[test]
fn rate_limits_are_converted_exactly() {
    let limit = |text: &str| {
        let result = Outcome::ntpd(&format!(
            "server a.example\nrestrict default limited\n{text}\n"
        ));
        let limit = result.config.servers[0].config.rate_limit.unwrap();
        (limit.interval.as_millis(), limit.burst)
    };
    assert_eq!(limit("discard average 4"), (16_000, 16));
    assert_eq!(limit("limit average 2.0 burst 30 kod 0.5"), (500, 30));
    assert_eq!(limit("limit average 0.1"), (10_000, 20));

    let result = Outcome::ntpd("server a.example\nlimit average 2\n");
    assert!(result.config.servers[0].config.rate_limit.is_none());
    assert_eq!(result.verdict(2), Approximated);
}

#[test]
fn addresses_to_listen_on_are_kept() {
    let listen = |text: &str| {
        let result = Outcome::ntpd(&format!("server a.example\n{text}"));
        let servers = result.config.servers.iter();
        servers
            .map(|s| format!("{} {}", s.listen, s.interface.clone().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        listen("interface ignore wildcard\ninterface listen 192.0.2.1\nnic listen ::1\n"),
        ["192.0.2.1:123 ", "[::1]:123 "]
    );
    assert_eq!(listen("interface ignore ipv6\n"), ["0.0.0.0:123 "]);
    assert_eq!(
        listen("interface listen eth0\n"),
        ["0.0.0.0:123 eth0", "[::]:123 eth0"]
    );
    assert_eq!(
        listen("interface ignore ipv6\ninterface listen eth0\n"),
        ["0.0.0.0:123 eth0"]
    );
    assert_eq!(
        listen("interface ignore all\ninterface listen eth0\n"),
        ["0.0.0.0:123 eth0", "[::]:123 eth0"]
    );
    let result = Outcome::ntpd("server a.example\ninterface drop eth1\n");
    assert_eq!(result.verdict(2), Dropped);
}

#[test]
fn nts_of_ntpsec_is_kept_on_both_sides() {
    let result = Outcome::ntpd(
        "nts ca /etc/pki/site.pem\n\
         nts aead AES_SIV_CMAC_512\n\
         nts cert /etc/pki/chain.pem key /etc/pki/key.pem\n\
         nts enable\n\
         nts cookie /var/lib/ntp/nts-keys\n\
         nts mintls TLS1.3\n\
         server a.example nts iburst minpoll 5 maxpoll 8\n\
         server b.example:4461 nts ca /etc/pki/b.pem aead AES_SIV_CMAC_256 noval\n",
    );

    assert_eq!(
        result.sources(),
        ["nts a.example:4460", "nts b.example:4461"]
    );
    assert_eq!(result.polls(0), (5, 8));
    let trust = result.trust(0);
    assert_eq!(
        trust.certificate_authorities,
        [PathBuf::from("/etc/pki/site.pem")]
    );
    assert!(!trust.system_authorities);
    assert_eq!(
        trust.aead_algorithms,
        [AeadAlgorithm::SivCmac512, AeadAlgorithm::SivCmac256]
    );
    assert_eq!(
        result.trust(1).certificate_authorities,
        [PathBuf::from("/etc/pki/b.pem")]
    );
    assert_eq!(result.trust(1).aead_algorithms, [AeadAlgorithm::SivCmac256]);
    assert!(result.notes(8).contains("verified all the same"));
    let server = &result.config.nts_ke_servers[0];
    assert_eq!(
        server.certificate_chain,
        PathBuf::from("/etc/pki/chain.pem")
    );
    assert_eq!(server.private_key, PathBuf::from("/etc/pki/key.pem"));
    assert_eq!((result.verdict(3), result.verdict(4)), (Kept, Kept));

    let disabled = Outcome::ntpd("server a.example\nnts cert /c key /k\nnts disable\n");
    assert!(disabled.config.nts_ke_servers.is_empty());
}

#[test]
fn tos_and_tinker_become_thresholds() {
    let result = Outcome::ntpd(
        "server a.example\n\
         server b.example\n\
         tinker panic 0 step 0.5\n\
         tos maxdist 0.75 orphan 6\n\
         tinker stepout 300\n\
         disable ntp monitor\n\
         enable stats\n",
    );

    let settings = &result.config.synchronization.settings;
    assert_eq!(settings.steps.running.forward, None);
    assert_eq!(settings.steps.startup.backward, None);
    assert_eq!(settings.steps.threshold, seconds(0.5));
    assert_eq!(settings.steps.startup_threshold.to_f64(), 0.5);
    assert_eq!(settings.maximum_distance.to_f64(), 0.75);
    assert_eq!(settings.local_stratum, Stratum::from_bits(6));
    assert_eq!(result.config.clock.mode, ClockMode::None);
    let verdicts: Vec<_> = (3..=7).map(|number| result.verdict(number)).collect();
    assert_eq!(verdicts, [Kept, Approximated, Approximated, Kept, Dropped]);

    let never = Outcome::ntpd("server a.example\ntinker step 0 panic 500\n");
    let steps = never.config.synchronization.settings.steps;
    assert_eq!(
        (steps.threshold, steps.running.forward),
        (None, seconds(500.0))
    );
}

#[test]
fn the_local_clock_is_no_source_but_a_stratum() {
    let result = Outcome::ntpd("server 127.127.1.0\nfudge 127.127.1.0 stratum 10\n");

    assert!(result.config.sources.is_empty());
    assert_eq!(
        result.config.synchronization.settings.local_stratum,
        Stratum::from_bits(11)
    );
    assert_eq!(result.migration.count(Approximated), 2);

    let others =
        Outcome::ntpd("server 127.127.20.0\nfudge 127.127.20.0 time2 0.4\nrefclock nmea\n");
    assert_eq!(others.migration.count(Dropped), 3);
}

#[test]
fn what_has_no_equivalent_is_dropped_with_the_reason() {
    for (line, reason) in [
        ("broadcastclient", "broadcast"),
        ("statistics loopstats", "metrics exporter"),
        ("leapsmearinterval 86400", "smearing"),
        ("crypto", "Autokey"),
        ("restrict default frobnicate", "not a flag"),
        ("frobnicate", "not a directive"),
        ("tos frobnicate 1", "not an option"),
        ("tinker panic", "malformed"),
    ] {
        let result = Outcome::ntpd(&format!("{line}\nserver z.example\n"));
        assert_eq!(result.verdict(1), Dropped, "{line}");
        assert!(
            result.notes(1).contains(reason),
            "{line}: {}",
            result.notes(1)
        );
    }
}

#[test]
fn included_files_and_ntp_d_are_read() {
    let files = Memory::of(&[
        (
            "/etc/ntp.conf",
            "includefile more.conf\nincludefile /etc/parts\n",
        ),
        ("/etc/more.conf", "server a.example\n"),
        ("/etc/parts/2.conf", "server c.example\n"),
        ("/etc/parts/1.conf", "server b.example\n"),
        ("/etc/parts/readme", "server no.example\n"),
        ("/etc/ntp.d/x.conf", "server d.example\n"),
    ]);
    let result = Outcome::of(&files, "/etc/ntp.conf", None);

    assert_eq!(
        result.sources(),
        [
            "server a.example:123",
            "server b.example:123",
            "server c.example:123",
            "server d.example:123"
        ]
    );
    assert_eq!(result.migration.count(Kept), 6);
}
