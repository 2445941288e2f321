//! Plain NTP against servers of all kinds.

mod servers;

use ntp_config::HostPort;
use ntp_probe::{Family, Options, QueryReport, SCHEMA, query};
use ntp_proto::server::{AccessList, AccessPolicy, FilterAction, ServedState, ServerConfig};
use servers::{TimeService, answered_by, odd, silent};
use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Waits longer for a reply than any machine is busy.
fn quick(samples: usize) -> Options {
    Options {
        samples,
        interval: Duration::from_millis(10),
        timeout: Duration::from_secs(60),
        family: None,
    }
}

/// The same with less patience, for those who never give the answer that is waited for.
async fn asked_briefly(address: SocketAddr, samples: usize) -> QueryReport {
    query(
        &target(address),
        &Options {
            timeout: Duration::from_secs(4),
            ..quick(samples)
        },
    )
    .await
}

fn target(address: SocketAddr) -> HostPort {
    HostPort {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

async fn asked(address: SocketAddr, samples: usize) -> QueryReport {
    query(&target(address), &quick(samples)).await
}

/// The word and both sentences of a failure.
fn failure(report: &QueryReport) -> (&'static str, String) {
    let failure = report.outcome.as_ref().unwrap_err();
    assert_eq!(failure.stage.word(), "ntp");
    (
        failure.code,
        format!(
            "{}; {}",
            failure.message,
            failure.remedy.as_deref().unwrap_or_default()
        ),
    )
}

fn words(report: &QueryReport) -> Vec<&'static str> {
    report.samples.iter().map(|sample| sample.result).collect()
}

#[tokio::test]
async fn a_server_that_is_ahead_tells_how_far_we_are_behind() {
    let server = TimeService {
        ahead: 0.25,
        ..TimeService::default()
    }
    .start();

    let report = asked(server, 4).await;

    let measured = report.outcome.as_ref().unwrap();
    assert!(
        (measured.offset_s - 0.25).abs() <= measured.error_bound_s,
        "{measured:?}"
    );
    assert!(
        measured.error_bound_s >= measured.delay_s / 2.0 + 0.001,
        "{measured:?}"
    );
    assert_eq!(
        (measured.sample_count, measured.address.as_str()),
        (4, server.to_string().as_str())
    );
    assert!(measured.jitter_s.is_some());
    assert_eq!(measured.sent_by, "kernel");
    assert!(
        report
            .samples
            .iter()
            .any(|sample| sample.received_by == Some("kernel")),
        "{report:?}"
    );
    let facts = report.server.unwrap();
    assert_eq!(
        (facts.version, facts.stratum, facts.reference_id.as_str()),
        (4, 1, "GPS")
    );
    assert!((facts.root_dispersion_s - 0.001).abs() < 1e-4);
    assert!((facts.reference_time.unwrap().unix_seconds() - report.clock.unix_seconds()).abs() < 5);
}

#[tokio::test]
async fn a_single_sample_has_no_jitter() {
    let report = asked(TimeService::default().start(), 1).await;

    assert_eq!(report.outcome.unwrap().jitter_s, None);
    assert_eq!(report.samples.len(), 1);
}

#[tokio::test]
async fn each_request_has_a_port_and_a_number_of_its_own_and_tells_no_time() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let inner = TimeService::default().start();
    let server = odd(move |octets, from| {
        noted.lock().unwrap().push((from.port(), octets.to_vec()));
        vec![answered_by(inner, octets)]
    });

    asked(server, 4).await.outcome.unwrap();

    let seen = seen.lock().unwrap();
    let ports: HashSet<u16> = seen.iter().map(|(port, _)| *port).collect();
    let numbers: HashSet<&[u8]> = seen.iter().map(|(_, octets)| &octets[40..48]).collect();
    assert_eq!((ports.len(), numbers.len()), (4, 4));
    for (_, octets) in seen.iter() {
        assert_eq!(octets[4..40], [0; 36], "{octets:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_asked_twice() {
    let report = asked_briefly(silent(), 4).await;

    let (word, sentence) = failure(&report);
    assert_eq!(word, "no-reply");
    assert!(sentence.contains("UDP port"), "{sentence}");
    assert_eq!(words(&report), ["no-reply", "no-reply"]);
    assert_eq!(report.server, None);
}

#[tokio::test]
async fn a_closed_port_is_told_by_the_network_without_waiting() {
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let began = Instant::now();

    let report = asked(closed, 4).await;

    let (word, sentence) = failure(&report);
    assert_eq!(word, "port-unreachable");
    assert!(sentence.contains("ICMP port unreachable"), "{sentence}");
    assert!(began.elapsed() < quick(4).timeout, "no time-out has passed");
}

#[tokio::test]
async fn a_lost_reply_does_not_spoil_the_others() {
    let mut number = 0;
    let inner = TimeService::default().start();
    let server = odd(move |octets, _| {
        number += 1;
        if number == 2 {
            Vec::new()
        } else {
            vec![answered_by(inner, octets)]
        }
    });

    // Long enough for the other replies on a busy machine.
    let options = Options {
        timeout: Duration::from_secs(8),
        ..quick(4)
    };
    let report = query(&target(server), &options).await;

    assert_eq!(
        words(&report),
        ["measured", "no-reply", "measured", "measured"]
    );
    assert_eq!(report.outcome.unwrap().sample_count, 3);
}

#[tokio::test]
async fn a_kiss_ends_the_exchanges_at_once() {
    let access = AccessPolicy {
        allow: Some(AccessList::default()),
        allow_action: FilterAction::Deny,
        ..AccessPolicy::default()
    };
    let config = ServerConfig {
        access,
        ..ServerConfig::default()
    };
    let report = asked(
        TimeService {
            config,
            ..TimeService::default()
        }
        .start(),
        4,
    )
    .await;

    let (word, sentence) = failure(&report);
    assert_eq!(word, "kiss-deny");
    assert!(sentence.contains("kiss code DENY"), "{sentence}");
    assert_eq!(words(&report), ["kiss-deny"]);
}

#[tokio::test]
async fn a_server_that_is_asked_too_often_keeps_what_it_has_told() {
    let mut number = 0;
    let inner = TimeService::default().start();
    let server = odd(move |octets, _| {
        number += 1;
        let mut reply = answered_by(inner, octets);
        if number == 3 {
            reply[1] = 0;
            reply[12..16].copy_from_slice(b"RATE");
        }
        vec![reply]
    });

    let report = asked(server, 8).await;

    assert_eq!(words(&report), ["measured", "measured", "kiss-rate"]);
    assert_eq!(report.outcome.unwrap().sample_count, 2);
}

#[tokio::test]
async fn an_unsynchronized_server_is_no_source_but_its_facts_are_shown() {
    let report = asked(
        TimeService {
            state: ServedState::UNSYNCHRONIZED,
            ..TimeService::default()
        }
        .start(),
        4,
    )
    .await;

    let (word, sentence) = failure(&report);
    assert_eq!(word, "server-unsynchronized");
    assert!(
        sentence.contains("(leap indicator 3, stratum 16, INIT)"),
        "{sentence}"
    );
    assert_eq!(report.server.unwrap().stratum, 16);
    assert_eq!(report.samples.len(), 1);
}

#[tokio::test]
async fn an_answer_to_something_else_is_not_believed() {
    let alter = |octets: &mut Vec<u8>| octets[24] ^= 1;
    let report = asked_briefly(
        TimeService {
            alter,
            ..TimeService::default()
        }
        .start(),
        2,
    )
    .await;

    assert_eq!(failure(&report).0, "bogus-origin");
}

#[tokio::test]
async fn what_is_not_ntp_is_said_to_be_something_else() {
    let report = asked_briefly(odd(|_, _| vec![b"HTTP/1.1 400 Bad Request".to_vec()]), 2).await;

    let (word, sentence) = failure(&report);
    assert_eq!(word, "malformed");
    assert!(sentence.contains("is the port right?"), "{sentence}");

    let echo = asked_briefly(odd(|octets, _| vec![octets.to_vec()]), 2).await;
    assert_eq!(failure(&echo).0, "not-a-reply");
}

#[tokio::test]
async fn an_answer_from_another_address_is_not_the_servers() {
    let server = odd(|octets, from| {
        let elsewhere = UdpSocket::bind("127.0.0.2:0").unwrap();
        elsewhere.send_to(octets, from).unwrap();
        Vec::new()
    });

    let report = asked_briefly(server, 2).await;

    assert_eq!(failure(&report).0, "wrong-address");
}

#[tokio::test]
async fn a_name_that_does_not_exist_fails_at_the_look_up() {
    let nowhere = HostPort {
        host: "nowhere.invalid".into(),
        port: 123,
    };
    let report = query(
        &nowhere,
        &Options {
            timeout: Duration::from_secs(5),
            ..quick(1)
        },
    )
    .await;

    let failure = report.outcome.unwrap_err();
    assert_eq!(failure.stage.word(), "dns");
    assert!(
        ["name-not-resolved", "timed-out"].contains(&failure.code),
        "{failure:?}"
    );
    assert!(report.samples.is_empty());
}

#[tokio::test]
async fn one_family_alone_is_asked_if_wanted() {
    let v6 = Options {
        family: Some(Family::V6),
        ..quick(1)
    };
    let report = query(&target(TimeService::default().start()), &v6).await;

    let failure = report.outcome.unwrap_err();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        ("no-address-of-family", "127.0.0.1 has no IPv6 address")
    );
}

#[tokio::test]
async fn the_report_is_json_with_one_of_measured_and_error() {
    let good = serde_json::to_value(asked(TimeService::default().start(), 2).await).unwrap();
    assert_eq!(good["schema"], SCHEMA);
    assert!(
        good["measured"]["offset_s"].is_f64() && good["error"].is_null(),
        "{good:#}"
    );
    assert_eq!(good["server"]["leap"], "none");
    assert!(good["samples"][0]["one_way"]["outbound_s"].is_f64());

    let bad = serde_json::to_value(asked_briefly(silent(), 1).await).unwrap();
    assert!(bad["measured"].is_null());
    assert_eq!(
        (&bad["error"]["code"], &bad["error"]["stage"]),
        (&"no-reply".into(), &"ntp".into())
    );
}
