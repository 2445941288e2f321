//! chrony.conf.

use crate::{Memory, Outcome, seconds};
use ntp_config::{AeadAlgorithm, SourceKind};
use ntp_migrate::Verdict::{self, Approximated, Dropped, Kept};
use ntp_proto::clock::Authentication;
use ntp_proto::packet::{Stratum, Version};
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn a_file_as_distributions_ship_it_loses_nothing() {
    let result = Outcome::chrony(
        "# comment\n! comment\n; comment\n% comment\n\
         pool 2.pool.example iburst\n\
         driftfile /var/lib/chrony/drift\n\
         makestep 1.0 3\n\
         rtcsync\n\
         leapsectz right/UTC\n\
         logdir /var/log/chrony\n\
         keyfile /etc/chrony.keys\n\
         ntsdumpdir /var/lib/chrony\n\
         maxupdateskew 100.0\n",
    );

    assert_eq!(result.sources(), ["pool 2.pool.example:123 4"]);
    assert_eq!(result.migration.count(Dropped), 0);
    assert_eq!(result.migration.lines.len(), 9);
    assert_eq!(result.verdict(5), Kept);
    assert_eq!(result.verdict(8), Kept);
    let synchronization = &result.config.synchronization;
    assert_eq!(
        synchronization.settings.steps.startup_threshold.to_f64(),
        1.0
    );
    assert_eq!(synchronization.settings.steps.threshold, None);
    assert_eq!(
        synchronization.leap_seconds_file,
        Some(PathBuf::from("/usr/share/zoneinfo/leap-seconds.list"))
    );
}

#[test]
fn the_options_of_a_source_keep_their_meaning() {
    let result = Outcome::chrony(
        "server a.example port 1123 minpoll 3 maxpoll 6 version 3 iburst\n\
         server 2001:db8::1 maxpoll 3\n\
         server b.example minpoll 11\n\
         pool p.example maxsources 7 minpoll -2 maxpoll 20\n\
         POOL q.example\n",
    );

    assert_eq!(
        result.sources(),
        [
            "server a.example:1123",
            "server [2001:db8::1]:123",
            "server b.example:123",
            "pool p.example:123 7",
            "pool q.example:123 4",
        ]
    );
    let polls: Vec<(i8, i8)> = (0..5).map(|index| result.polls(index)).collect();
    assert_eq!(polls, [(3, 6), (3, 3), (11, 11), (0, 15), (4, 10)]);
    assert_eq!(result.config.sources[0].settings.version, Version::V3);
    assert_eq!(result.verdict(1), Kept);
    assert_eq!(result.verdict(4), Approximated);
    assert!(result.notes(4).contains("`minpoll` -2: 0 is used"));
    assert!(result.notes(4).contains("`maxpoll` 20: 15 is used"));
}

#[test]
fn sources_with_nts_have_their_port_certificates_and_algorithms() {
    let result = Outcome::chrony(
        "ntstrustedcerts /etc/pki/own.crt\n\
         ntstrustedcerts 1 /etc/pki/one.crt\n\
         ntstrustedcerts 1 /etc/pki/two.crt\n\
         ntstrustedcerts 2 /etc/pki/unused.crt\n\
         ntsaeads 15 30\n\
         server a.example nts ntsport 4461 iburst\n\
         server b.example nts certset 1\n\
         pool c.example nts maxsources 1 iburst prefer\n\
         pool d.example nts maxsources 4\n\
         authselectmode require\n",
    );

    assert_eq!(
        result.sources(),
        [
            "nts a.example:4461",
            "nts b.example:4460",
            "nts c.example:4460",
            "nts d.example:4460"
        ]
    );
    assert_eq!(
        result.trust(0).certificate_authorities,
        [PathBuf::from("/etc/pki/own.crt")]
    );
    assert!(result.trust(0).system_authorities);
    assert_eq!(
        result.trust(0).aead_algorithms,
        [AeadAlgorithm::SivCmac256, AeadAlgorithm::Aes128GcmSiv]
    );
    assert_eq!(
        result.trust(1).certificate_authorities,
        ["/etc/pki/one.crt", "/etc/pki/two.crt"].map(PathBuf::from)
    );
    assert!(!result.trust(1).system_authorities);
    assert_eq!(result.verdict(4), Approximated);
    assert_eq!(result.verdict(6), Kept);
    assert_eq!(result.verdict(7), Kept);
    assert!(!result.notes(8).contains("pools"), "{}", result.notes(8));
    assert!(result.notes(9).contains("no pools with NTS"));
    assert_eq!(
        result.config.synchronization.settings.authentication,
        Authentication::Require
    );
}

#[test]
fn nts_is_never_done_without() {
    // Without the system's certificates and without own ones, no server can be verified.
    let result = Outcome::chrony("nosystemcert\nserver a.example nts\nserver b.example\n");

    assert_eq!(result.sources(), ["server b.example:123"]);
    assert_eq!(result.verdict(2), Dropped);
    assert!(
        result.notes(2).contains("no certificate is trusted"),
        "{}",
        result.notes(2)
    );
}

#[test]
fn a_source_whose_time_would_be_another_one_is_dropped() {
    let result = Outcome::chrony(
        "server a.example key 1\n\
         server b.example noselect\n\
         server c.example offset 0.5\n\
         server d.example offset 0.0\n\
         peer e.example\n\
         server\n\
         keyfile /etc/chrony.keys\n",
    );

    assert_eq!(result.sources(), ["server d.example:123"]);
    for number in [1, 2, 3, 5, 6, 7] {
        assert_eq!(result.verdict(number), Dropped, "line {number}");
    }
    assert_eq!(result.verdict(4), Kept);
    assert!(result.notes(1).contains("symmetric keys"));
}

#[test]
fn makestep_becomes_the_step_thresholds() {
    let steps = |text: &str| {
        let result = Outcome::chrony(&format!("server a.example\n{text}\n"));
        let steps = result.config.synchronization.settings.steps;
        (
            steps.startup_threshold.to_f64(),
            steps.threshold,
            result.verdict(2),
        )
    };

    assert_eq!(steps("makestep 0.1 3"), (0.1, None, Approximated));
    assert_eq!(steps("makestep 0.5 -1"), (0.5, seconds(0.5), Kept));
    assert_eq!(steps("makestep 0 -1"), (0.0, seconds(0.001), Approximated));
    assert_eq!(steps("makestep 1 0"), (0.001, None, Approximated));
    assert_eq!(steps("makestep 1").2, Dropped);
    assert_eq!(steps("makestep nan 3").2, Dropped);
}

#[test]
fn the_server_keeps_its_addresses_and_its_rate_limit() {
    let result = Outcome::chrony(
        "server a.example\n\
         allow 192.0.2.0/24\n\
         bindaddress 192.0.2.1\n\
         bindaddress 2001:db8::1\n\
         binddevice eth0\n\
         port 1123\n\
         ratelimit interval 1 burst 16 leak 2\n\
         clientloglimit 1048576\n\
         local stratum 8 orphan\n",
    );

    let servers = &result.config.servers;
    let listen: Vec<String> = servers.iter().map(|s| s.listen.to_string()).collect();
    assert_eq!(listen, ["192.0.2.1:1123", "[2001:db8::1]:1123"]);
    assert_eq!(servers[0].interface.as_deref(), Some("eth0"));
    let limit = servers[0].config.rate_limit.unwrap();
    assert_eq!(limit.interval, Duration::from_secs(2));
    assert_eq!(limit.burst, 16);
    assert_eq!(limit.table_entries, 8192);
    assert_eq!(result.verdict(7), Kept);
    assert_eq!(
        result.config.synchronization.settings.local_stratum,
        Stratum::from_bits(8)
    );
    assert_eq!(result.verdict(9), Approximated);
}

#[test]
fn a_rate_limit_below_a_second_is_in_milliseconds() {
    let interval = |exponent: i32| {
        let text = format!("server a.example\nallow\nratelimit interval {exponent}\n");
        let result = Outcome::chrony(&text);
        let limit = result.config.servers[0].config.rate_limit.unwrap();
        (limit.interval.as_millis(), result.verdict(3))
    };

    assert_eq!(interval(-3), (125, Kept));
    assert_eq!(interval(-4), (62, Approximated));
    assert_eq!(interval(-19), (1, Approximated));
    assert_eq!(interval(12), (4_096_000, Kept));
}

#[test]
fn without_allow_or_with_port_0_there_is_no_server() {
    let nts = "ntsserverkey /k.pem\nntsservercert /c.pem\n";
    for text in [
        format!("server a.example\n{nts}"),
        format!("server a.example\nallow\nport 0\n{nts}"),
        format!("server a.example\nallow\ndeny all\n{nts}"),
    ] {
        let result = Outcome::chrony(&text);
        assert!(result.config.servers.is_empty(), "{text}");
        assert!(result.config.nts_ke_servers.is_empty(), "{text}");
        assert!(result.migration.count(Approximated) >= 2, "{text}");
    }
}

#[test]
fn the_nts_ke_server_keeps_its_files_and_limits() {
    let result = Outcome::chrony(
        "server a.example\n\
         allow 10.0.0.0/8\n\
         ntsserverkey /etc/pki/key.pem\n\
         ntsservercert /etc/pki/chain.pem\n\
         ntsport 4461\n\
         ntsprocesses 4\n\
         maxntsconnections 200\n\
         ntsntpserver time.example\n\
         ntsrotate 86400\n\
         ntsservercert /etc/pki/second.pem\n",
    );

    let [server] = result.config.nts_ke_servers.as_slice() else {
        panic!("{}", result.migration.text);
    };
    assert_eq!(server.listen.to_string(), "0.0.0.0:4461");
    assert_eq!(server.private_key, PathBuf::from("/etc/pki/key.pem"));
    assert_eq!(
        server.certificate_chain,
        PathBuf::from("/etc/pki/chain.pem")
    );
    assert_eq!(server.concurrent_connections, 200);
    assert_eq!(server.ntp_server.as_deref(), Some("time.example"));
    assert_eq!(result.config.nts_ke.handshake_threads.unwrap().get(), 4);
    assert_eq!(
        result.config.keyset.key_rotation_interval,
        Duration::from_secs(86_400)
    );
    assert_eq!(result.verdict(10), Dropped);
    assert_eq!(result.migration.count(Dropped), 1);
}

#[test]
fn keys_that_another_program_rotates_are_not_taken_over() {
    let result = Outcome::chrony("server a.example\nntsrotate 0\n");
    assert_eq!(result.verdict(2), Dropped);
}

#[test]
fn selection_keeps_its_numbers_within_what_the_sources_can_be() {
    let settings = |text: &str| {
        let result = Outcome::chrony(text);
        (result.config.synchronization.settings, result)
    };

    let three = "server a.example\nserver b.example\nserver c.example\n";
    let (read, result) = settings(&format!("{three}minsources 2\nmaxdistance 0.5\n"));
    assert_eq!(read.minimum_agreeing, 2);
    assert_eq!(read.maximum_distance.to_f64(), 0.5);
    assert_eq!((result.verdict(4), result.verdict(5)), (Kept, Kept));

    let (read, result) = settings(&format!("{three}minsources 9\nmaxdistance 30\n"));
    assert_eq!(read.minimum_agreeing, 3);
    assert_eq!(read.maximum_distance.to_f64(), 16.0);
    assert_eq!(
        (result.verdict(4), result.verdict(5)),
        (Approximated, Approximated)
    );

    // The daemon would never be synchronized.
    let (read, result) = settings(&format!("{three}authselectmode require\n"));
    assert_eq!(read.authentication, Authentication::Prefer);
    assert_eq!(result.verdict(4), Dropped);

    let nts = "server a.example nts\nserver b.example\nserver c.example\n";
    let (read, _) = settings(&format!("{nts}authselectmode require\nminsources 3\n"));
    assert_eq!(read.minimum_agreeing, 1);
}

#[test]
fn the_largest_correction_is_kept_without_its_count() {
    let result = Outcome::chrony("server a.example\nmaxchange 1000 1 2\nleapseclist /l.list\n");

    let settings = &result.config.synchronization;
    assert_eq!(settings.settings.steps.running.forward, seconds(1000.0));
    assert_eq!(settings.settings.steps.running.backward, seconds(1000.0));
    assert_eq!(result.verdict(2), Approximated);
    assert_eq!(settings.leap_seconds_file, Some("/l.list".into()));
    assert_eq!(result.verdict(3), Kept);
}

#[test]
fn what_has_no_equivalent_is_dropped_with_the_reason() {
    let dropped = [
        ("refclock PPS /dev/pps0", "reference clocks"),
        ("peer a.example", "symmetric associations"),
        ("broadcast 60 192.0.2.255", "broadcast"),
        ("hwtimestamp *", "hardware timestamps"),
        ("smoothtime 400 0.01", "smearing"),
        ("cmdallow 192.0.2.0/24", "metrics exporter"),
        ("log tracking measurements", "metrics exporter"),
        ("acquisitionport 123", "random port"),
        (
            "bindacqaddress 192.0.2.1",
            "address that the system chooses",
        ),
        ("leapsecmode slew", "leap second"),
        ("ntpsigndsocket /x", "MS-SNTP"),
        ("frobnicate 1", "not a directive"),
    ];
    for (line, reason) in dropped {
        let result = Outcome::chrony(&format!("{line}\nserver z.example\n"));
        assert_eq!(result.verdict(1), Dropped, "{line}");
        assert!(
            result.notes(1).contains(reason),
            "{line}: {}",
            result.notes(1)
        );
    }
    let others: [(&str, Verdict); 7] = [
        ("acquisitionport 0", Kept),
        ("dscp 0", Kept),
        ("leapsecmode system", Kept),
        ("cmddeny all", Kept),
        ("user _chrony", Approximated),
        ("cmdport 0", Approximated),
        ("hwclockfile /etc/adjtime", Approximated),
    ];
    for (line, verdict) in others {
        let result = Outcome::chrony(&format!("{line}\nserver z.example\n"));
        assert_eq!(result.verdict(1), verdict, "{line}");
    }
}

#[test]
fn a_source_that_is_named_twice_is_written_once() {
    let result = Outcome::chrony(
        "server a.example nts\nserver A.example. nts ntsport 4460\nserver a.example\n",
    );

    assert_eq!(
        result.sources(),
        ["nts a.example:4460", "server a.example:123"]
    );
    assert_eq!(result.verdict(2), Approximated);
    assert!(matches!(
        result.config.sources[0].kind,
        SourceKind::Nts { .. }
    ));
}

#[test]
fn directories_of_certificates_are_listed() {
    let files = Memory::of(&[
        ("/c.conf", "ntstrustedcerts /pki\nserver a.example nts\n"),
        ("/pki/b.pem", ""),
        ("/pki/a.crt", ""),
        ("/pki/readme", ""),
    ]);
    let result = Outcome::of(&files, "/c.conf", None);

    assert_eq!(
        result.trust(0).certificate_authorities,
        ["/pki/a.crt", "/pki/b.pem"].map(PathBuf::from)
    );
}
