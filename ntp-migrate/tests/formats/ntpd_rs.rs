//! ntp.toml of ntpd-rs.

use crate::{Memory, Outcome, seconds};
use ntp_migrate::Verdict::{Approximated, Dropped, Kept};
use std::time::Duration;

fn ntpd_rs(text: &str) -> Outcome {
    Outcome::of(
        &Memory::of(&[("/etc/ntpd-rs/ntp.toml", text)]),
        "/etc/ntpd-rs/ntp.toml",
        None,
    )
}

#[test]
fn what_both_understand_is_kept() {
    let result = ntpd_rs(
        r#"[source-defaults]
poll-interval-limits = { min = 5, max = 9 }

[[source]]
mode = "nts"
address = "a.example:4461"
certificate-authority = "/etc/pki/a.pem"

[[source]]
mode = "pool"
address = "p.example"
count = 3
ignore = ["192.0.2.1"]

[[server]]
listen = "0.0.0.0:123"
rate-limiting-cutoff-ms = 1000
rate-limiting-cache-size = 1024
allowlist = { filter = ["192.0.2.0/24"], action = "ignore" }

[[nts-ke-server]]
listen = "0.0.0.0:4460"
certificate-chain-path = "/etc/pki/chain.pem"
private-key-path = "/etc/pki/key.pem"

[synchronization]
minimum-agreeing-sources = 2
single-step-panic-threshold = 1800
startup-step-panic-threshold = { forward = "inf", backward = 1800 }
local-stratum = 10

[keyset]
stale-key-count = 24
"#,
    );

    assert_eq!(
        result.sources(),
        ["nts a.example:4461", "pool p.example:123 3"]
    );
    assert_eq!(result.polls(0), (5, 9));
    assert_eq!(result.trust(0).certificate_authorities.len(), 1);
    let server = &result.config.servers[0];
    assert_eq!(
        server.config.rate_limit.unwrap().interval,
        Duration::from_secs(1)
    );
    assert!(
        server
            .config
            .access
            .refusal("10.0.0.1".parse().unwrap())
            .is_some()
    );
    assert_eq!(result.config.nts_ke_servers.len(), 1);
    assert_eq!(result.config.keyset.stale_key_count, 24);
    let settings = &result.config.synchronization.settings;
    assert_eq!(settings.minimum_agreeing, 2);
    assert_eq!(settings.steps.startup.backward, seconds(1800.0));
    assert_eq!(result.migration.count(Kept), result.migration.lines.len());
}

#[test]
fn what_is_not_supported_is_dropped_with_our_words() {
    let result = ntpd_rs(
        r#"[[source]]
mode = "server"
address = "a.example"
ntp-version = 5
enable-srv-resolution = false

[[source]]
mode = "sock"
path = "/run/gps.sock"
precision = 1e-6

[[source]]
mode = "nts-pool"
address = "pool.example"
count = 4

[csptp]
priority_1 = 100

[frobnicate]
x = 1

[[nts-ke-server]]
listen = "0.0.0.0"
certificate-chain-path = "/c.pem"
private-key-path = "/k.pem"
accepted-pool-authentication-tokens = ["secret"]
"#,
    );

    assert_eq!(result.sources(), ["server a.example:123"]);
    assert_eq!((result.verdict(2), result.verdict(5)), (Kept, Kept));
    for number in [4, 8, 9, 10, 13, 14, 15, 17, 20, 24, 25, 26, 27] {
        assert_eq!(result.verdict(number), Dropped, "line {number}");
    }
    assert!(result.notes(4).contains("NTPv5"), "{}", result.notes(4));
    assert!(result.notes(8).contains("reference clocks"));
    assert!(result.notes(13).contains("NTS pools"));
}

#[test]
fn keys_without_effect_are_approximated() {
    let result = ntpd_rs(
        r#"[observability]
log-level = "debug"
observation-path = "/var/run/ntpd-rs/observe"
log-path = "/var/log/ntpd-rs.log"

[synchronization]
startup-step-panic-threshold = { backward = 100 }

[synchronization.algorithm]
initial-wander = 1e-8

[keyset]
key-storage-path = "/var/lib/ntpd-rs/keys"

[[source]]
mode = "server"
address = "a.example"
"#,
    );

    assert_eq!(result.config.observability.observation_path, None);
    assert_eq!(result.config.observability.log_level.as_str(), "debug");
    assert_eq!(result.config.keyset.key_storage_path, None);
    let startup = result.config.synchronization.settings.steps.startup;
    assert_eq!((startup.forward, startup.backward), (None, seconds(100.0)));
    assert_eq!(result.verdict(2), Kept);
    for number in [3, 4, 7, 9, 13] {
        assert_eq!(result.verdict(number), Approximated, "line {number}");
    }
}

#[test]
fn a_source_that_is_refused_is_dropped_as_a_whole() {
    let result = ntpd_rs(
        "[[source]]\nmode = \"server\"\naddress = \"0.0.0.0\"\nntp-version = 4\n\
         [[source]]\nmode = \"server\"\naddress = \"a.example\"\n\
         [[source]]\naddress = \"b.example\"\n[[source]]\nmode = 3\n",
    );
    assert_eq!(result.sources(), ["server a.example:123"]);
    for number in [2, 3, 4, 9, 11] {
        assert_eq!(result.verdict(number), Dropped, "line {number}");
    }
}

#[test]
fn text_that_is_no_toml_is_an_error_with_its_place() {
    let files = Memory::of(&[("/ntp.toml", "[[source]]\nmode = \n")]);
    let from = Some(ntp_migrate::Format::NtpdRs);
    let error = ntp_migrate::migrate(&["/ntp.toml".into()], from, &files).unwrap_err();
    assert!(error.to_string().starts_with("/ntp.toml:2: "), "{error}");
}

#[test]
fn sections_that_contradict_one_another_are_left_out() {
    let result = ntpd_rs(
        r#"[source-defaults]
poll-interval-limits = { max = 5 }
[[source]]
mode = "server"
address = "a.example"
poll-interval-limits = { min = 8 }
"#,
    );
    assert_eq!(result.verdict(2), Dropped);
    assert_eq!(result.polls(0), (8, 10));

    // Which port is meant for the clients is not clear.
    let result = ntpd_rs(
        r#"[[server]]
listen = "0.0.0.0:1001"
[[server]]
listen = "0.0.0.0:1002"
[[nts-ke-server]]
listen = "0.0.0.0"
certificate-chain-path = "/c.pem"
private-key-path = "/k.pem"
"#,
    );
    assert_eq!(result.config.servers.len(), 2);
    assert_eq!(result.verdict(6), Dropped);
    assert!(result.notes(6).contains("several ports"));
}
