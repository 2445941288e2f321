//! NTS against servers of all kinds.

mod servers;

use ntp_config::{HostPort, Trust};
use ntp_probe::{NtsReport, Options, nts};
use ntp_proto::nts::AeadAlgorithm;
use ntp_proto::server::{AccessList, AccessPolicy, FilterAction, ServedState, ServerConfig};
use rcgen::date_time_ymd;
use servers::{Authority, Exporter, KeyService, TimeService, key_set, silent};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

fn quick(samples: usize) -> Options {
    Options {
        samples,
        interval: Duration::from_millis(10),
        timeout: Duration::from_secs(60),
        family: None,
    }
}

fn target(address: SocketAddr) -> HostPort {
    HostPort {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

/// A server of NTP that does NTS.
fn ntp() -> TimeService {
    TimeService {
        keys: Some(key_set(1)),
        ..TimeService::default()
    }
}

async fn asked(authority: &Authority, server: SocketAddr) -> NtsReport {
    nts(&target(server), &authority.trust(), &quick(3)).await
}

/// The same with less patience for silence, and enough of it for a handshake on a busy machine.
async fn asked_briefly(authority: &Authority, server: SocketAddr) -> NtsReport {
    let options = Options {
        timeout: Duration::from_secs(6),
        ..quick(2)
    };
    nts(&target(server), &authority.trust(), &options).await
}

/// The stage, the word and both sentences of a failure.
fn failure(report: &NtsReport) -> (&str, &'static str, String) {
    let failure = report.outcome.as_ref().unwrap_err();
    let sentence = format!(
        "{}; {}",
        failure.message,
        failure.remedy.as_deref().unwrap_or_default()
    );
    (failure.stage.word(), failure.code, sentence)
}

fn stages(report: &NtsReport) -> Vec<&str> {
    report.stages.iter().map(|stage| stage.word()).collect()
}

#[tokio::test]
async fn authenticated_time_comes_with_all_that_has_led_to_it() {
    let authority = Authority::new();
    let server = KeyService::new(
        &authority,
        TimeService {
            ahead: -0.5,
            ..ntp()
        }
        .start(),
    )
    .start();

    let report = asked(&authority, server).await;

    let measured = report.outcome.as_ref().unwrap();
    assert!(
        (measured.offset_s + 0.5).abs() <= measured.error_bound_s,
        "{measured:?}"
    );
    assert_eq!(measured.sample_count, 3);
    assert_eq!(report.new_cookies, 3, "one for each that was used");
    let all = [
        "authorities",
        "dns",
        "tcp",
        "tls",
        "certificate",
        "alpn",
        "records",
        "ntp-address",
        "ntp",
    ];
    assert_eq!(stages(&report), all);
    let keys = report.keys.as_ref().unwrap();
    assert_eq!(
        (keys.aead, keys.aead_id, keys.cookies),
        ("AES-128-GCM-SIV", 30, 8)
    );
    assert_eq!(
        (keys.key_exchange, keys.ntp_server_is_another),
        ("X25519MLKEM768", false)
    );
    assert!(
        keys.cookie_bytes > 64 && keys.took_s > 0.0 && keys.remaining_s > 86_400,
        "{keys:?}"
    );
    let certificate = &report.certificates[0];
    assert_eq!(
        (certificate.names.as_slice(), certificate.key_sha256.len()),
        (&["127.0.0.1".to_owned()][..], 64)
    );
    assert_eq!(certificate.issuer, "CN=Authority of the tests");
    assert!(!report.exporter_untold);
}

#[tokio::test]
async fn the_algorithm_that_is_asked_for_is_used() {
    let authority = Authority::new();
    let server = KeyService::new(&authority, ntp().start()).start();
    let trust = Trust {
        aead_algorithms: vec![AeadAlgorithm::SivCmac512],
        ..authority.trust()
    };

    let report = nts(&target(server), &trust, &quick(1)).await;

    assert!(report.outcome.is_ok(), "{report:?}");
    assert_eq!(report.keys.unwrap().aead, "AES-SIV-CMAC-512");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_shown_and_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::named("Somebody"));
    let server = KeyService::new(&other, ntp().start()).start();

    let report = asked(&authority, server).await;

    let (stage, word, sentence) = failure(&report);
    assert_eq!((stage, word), ("certificate", "certificate-unknown-issuer"));
    assert!(sentence.contains("CN=Somebody"), "{sentence}");
    assert_eq!(stages(&report), ["authorities", "dns", "tcp", "tls"]);
    assert_eq!(report.certificates.len(), 1);
    assert_eq!(report.keys, None);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told_by_its_names() {
    let authority = Authority::new();
    let server = KeyService {
        certificate: |params| {
            params.subject_alt_names = vec![rcgen::SanType::DnsName(
                "elsewhere.example".try_into().unwrap(),
            )];
        },
        ..KeyService::new(&authority, ntp().start())
    };

    let (_, word, sentence) = failure(&asked(&authority, server.start()).await);

    assert_eq!(word, "certificate-wrong-name");
    assert!(
        sentence.contains("it is for elsewhere.example; use a name of the server"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_certificate_outside_its_time_raises_the_question_whose_clock_is_wrong() {
    let authority = Authority::new();
    let ended = KeyService {
        certificate: |params| {
            (params.not_before, params.not_after) =
                (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        },
        ..KeyService::new(&authority, ntp().start())
    };
    let report = asked(&authority, ended.start()).await;
    let (_, word, sentence) = failure(&report);
    assert_eq!(word, "certificate-expired");
    assert!(report.outcome.as_ref().unwrap_err().is_about_dates());
    assert!(
        sentence.contains("2020-01-01 00:00:00 UTC") && sentence.contains("with a watch"),
        "{sentence}"
    );
    assert!(report.certificates[0].remaining_s < 0);

    let coming = KeyService {
        certificate: |params| params.not_before = date_time_ymd(2900, 1, 1),
        ..KeyService::new(&authority, ntp().start())
    };
    assert_eq!(
        failure(&asked(&authority, coming.start()).await).1,
        "certificate-not-yet-valid"
    );
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();

    let report = asked(&Authority::new(), closed).await;

    let (stage, word, _) = failure(&report);
    assert_eq!((stage, word), ("tcp", "connection-refused"));
}

#[tokio::test]
async fn without_authorities_no_request_is_sent() {
    let trust = Trust {
        certificate_authorities: vec!["/nowhere/authority.pem".into()],
        ..Trust::default()
    };

    let report = nts(&target(silent()), &trust, &quick(1)).await;

    let (stage, word, sentence) = failure(&report);
    assert_eq!((stage, word), ("authorities", "no-authorities"));
    assert!(sentence.contains("/nowhere/authority.pem"), "{sentence}");
    assert!(report.stages.is_empty());
}

#[tokio::test]
async fn keys_without_any_udp_reply_hint_at_a_blocked_port() {
    let authority = Authority::new();
    let server = KeyService::new(&authority, silent()).start();

    let report = asked_briefly(&authority, server).await;

    let (stage, word, sentence) = failure(&report);
    assert_eq!((stage, word), ("ntp", "no-reply"));
    assert!(
        sentence.starts_with("keys were established, but no UDP replies come"),
        "{sentence}"
    );
    assert!(sentence.contains("port 123 may be blocked"), "{sentence}");
    assert_eq!(stages(&report).last(), Some(&"ntp-address"));
    assert_eq!(report.keys.unwrap().cookies, 8);
    assert_eq!(report.certificates.len(), 1);
}

#[tokio::test]
async fn a_network_that_drops_long_packets_is_recognized() {
    let authority = Authority::new();
    let ntp = TimeService {
        longest_request: 48,
        ..ntp()
    };
    let server = KeyService::new(&authority, ntp.start()).start();

    let (_, word, sentence) = failure(&asked_briefly(&authority, server).await);

    assert_eq!(word, "nts-packets-lost");
    assert!(sentence.contains("longer than 48 octets"), "{sentence}");
}

#[tokio::test]
async fn replies_without_authentication_are_not_believed() {
    let authority = Authority::new();
    let server = KeyService::new(&authority, TimeService::default().start()).start();

    let report = asked(&authority, server).await;

    let (_, word, sentence) = failure(&report);
    assert_eq!(word, "nts-unauthenticated");
    assert!(
        sentence.contains("arrive without NTS authentication"),
        "{sentence}"
    );
    assert_eq!(report.server, None, "nothing that is not proved is shown");
}

#[tokio::test]
async fn a_server_that_does_not_know_its_cookie_is_said_to_have_just_given_it() {
    let authority = Authority::new();
    let keys = KeyService {
        keys: key_set(2),
        ..KeyService::new(&authority, ntp().start())
    };

    let report = asked(&authority, keys.start()).await;

    let (_, word, sentence) = failure(&report);
    assert_eq!(word, "nts-nak");
    assert!(sentence.contains("has just granted (NTSN)"), "{sentence}");
    assert_eq!(report.samples.len(), 1);
}

#[tokio::test]
async fn an_altered_reply_is_forged() {
    let authority = Authority::new();
    let alter = |octets: &mut Vec<u8>| *octets.last_mut().unwrap() ^= 1;
    let server = KeyService::new(&authority, TimeService { alter, ..ntp() }.start()).start();

    assert_eq!(failure(&asked(&authority, server).await).1, "nts-forged");
}

#[tokio::test]
async fn keys_exported_as_the_rfc_demands_are_tried_where_nothing_was_said() {
    let authority = Authority::new();
    let keys = KeyService {
        exporter: Exporter::RfcUntold,
        ..KeyService::new(&authority, ntp().start())
    };

    let report = asked(&authority, keys.start()).await;

    assert!(report.outcome.is_ok(), "{report:?}");
    assert!(report.exporter_untold);
    assert_eq!(
        (report.samples[0].result, report.samples.len()),
        ("nts-nak", 4)
    );

    let older = KeyService {
        exporter: Exporter::Older,
        ..KeyService::new(&authority, ntp().start())
    };
    let report = asked(&authority, older.start()).await;
    assert!(
        report.outcome.is_ok() && !report.exporter_untold,
        "{report:?}"
    );
}

#[tokio::test]
async fn other_exporters_are_tried_once() {
    let authority = Authority::new();
    let keys = KeyService {
        exporter: Exporter::RfcUntold,
        keys: key_set(2),
        ..KeyService::new(&authority, ntp().start())
    };

    let report = asked(&authority, keys.start()).await;

    assert_eq!(failure(&report).1, "nts-nak");
    assert_eq!(report.samples.len(), 2);
}

#[tokio::test]
async fn an_authentic_kiss_and_an_authentic_bad_clock_are_told_as_such() {
    let authority = Authority::new();
    let access = AccessPolicy {
        allow: Some(AccessList::default()),
        allow_action: FilterAction::Deny,
        ..AccessPolicy::default()
    };
    let config = ServerConfig {
        access,
        ..ServerConfig::default()
    };
    let refusing = KeyService::new(&authority, TimeService { config, ..ntp() }.start()).start();
    assert_eq!(failure(&asked(&authority, refusing).await).1, "kiss-deny");

    let state = ServedState::UNSYNCHRONIZED;
    let lost = KeyService::new(&authority, TimeService { state, ..ntp() }.start()).start();
    let report = asked(&authority, lost).await;
    assert_eq!(failure(&report).1, "server-unsynchronized");
    assert_eq!(report.server.unwrap().stratum, 16);
}

#[tokio::test]
async fn no_secret_is_in_the_report() {
    let authority = Authority::new();
    let server = KeyService::new(&authority, ntp().start()).start();

    let report = serde_json::to_value(asked(&authority, server).await).unwrap();

    let names: Vec<&str> = report["keys"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| ["c2s", "s2c", "cookie"].contains(name)),
        "{names:?}"
    );
    assert!(report["keys"]["cookies"].is_u64() && report["error"].is_null());
}
