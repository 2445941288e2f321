//! The lines about NTS: keys and cookies of a source, and our NTS-KE server.

use crate::terminal::wrap;
use crate::units::{count, span};
use ntp_observe::{
    CertificateFacts, Date, Document, KeysetFacts, NtsFacts, NtsKeErrorFacts, NtsKeServerFacts,
    NtsKeState,
};

/// The remaining validity below which a certificate gets an alarm, in seconds: certificates are
/// usually renewed a month before.
const SOON: i64 = 7 * 86_400;

/// The beginning of a line that asks for action.
const LOUD: &str = "!! ";

/// The cell in the table of sources: the cookies left, or that there are no keys.
pub(crate) fn cell(nts: &NtsFacts) -> String {
    match &nts.aead {
        Some(_) => count(nts.cookies.into(), "cookie"),
        None => "no keys".to_owned(),
    }
}

/// The facts of one source, each with its name.
pub(crate) fn facts(nts: &NtsFacts) -> [(&'static str, String); 2] {
    [("NTS", keys(nts)), ("NTS-KE", establishment(nts))]
}

fn keys(nts: &NtsFacts) -> String {
    let Some(aead) = &nts.aead else {
        return "no keys, so the server is not asked".to_owned();
    };
    let length = nts
        .cookie_length
        .map(|length| format!(" of {length} octets"))
        .unwrap_or_default();
    let age = nts
        .keys_age_s
        .map(|age| format!(", keys {} old", span(age)))
        .unwrap_or_default();
    let mut text = format!(
        "{aead}, {}{length}{age}",
        count(nts.cookies.into(), "cookie")
    );
    if nts.naks > 0 {
        text.push_str(&format!("; refused {} (NTSN)", times(nts.naks)));
    }
    if let Some(end) = nts.certificate_not_after {
        text.push_str(&format!("; certificate valid until {end}"));
    }
    if nts.provisional {
        text.push_str(", which was checked without knowing the time");
    }
    text
}

fn establishment(nts: &NtsFacts) -> String {
    let state = match &nts.ke_state {
        NtsKeState::Waiting => "scheduled",
        NtsKeState::Establishing => "in progress",
        NtsKeState::Established => "keys granted",
        NtsKeState::Failed => "failed",
        NtsKeState::Other(word) => word,
    };
    let mut text = format!("{}, {state}", nts.ke_server);
    if let Some(next) = nts.next_ke_in_s {
        text.push_str(&format!("; next try in {}", span(next)));
    }
    text.push_str(&format!(
        "; {} of {} succeeded",
        nts.ke_successes,
        count(nts.ke_attempts, "attempt")
    ));
    let failures = words(&nts.ke_failures);
    if !failures.is_empty() {
        text.push_str(&format!("; failed: {failures}"));
    }
    if let Some(NtsKeErrorFacts {
        stage,
        message,
        ago_s,
        ..
    }) = &nts.last_ke_error
    {
        // While it fails, the state of the source contains the reason.
        let why = if nts.ke_state == NtsKeState::Failed {
            String::new()
        } else {
            format!(": {message}")
        };
        text.push_str(&format!(
            "; last failure {} ago ({}){why}",
            span(*ago_s),
            stage.word()
        ));
    }
    text
}

fn times(number: u64) -> String {
    match number {
        1 => "once".to_owned(),
        number => format!("{number} times"),
    }
}

fn words(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let counts = counts
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(word, number)| format!("{word} {number}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// The lines about our NTS-KE server and its keys; empty for a client.
pub(crate) fn serving(document: &Document, width: usize) -> String {
    let mut text = String::new();
    if !document.nts_ke_servers.is_empty() {
        text.push_str("\nServing NTS keys (NTS-KE) on\n");
    }
    for server in &document.nts_ke_servers {
        text.push_str(&wrap("  ", &server_line(server), width));
        for line in certificate_lines(server, document.clock.now) {
            text.push_str(&wrap("    ", &line, width));
        }
    }
    if let Some(keyset) = &document.keyset {
        text.push_str(if document.nts_ke_servers.is_empty() {
            "\nNTS cookie keys\n"
        } else {
            ""
        });
        text.push_str(&wrap("  ", &keyset_line(keyset), width));
    }
    text
}

/// The failures of our NTS-KE server that the operator must fix; usually none.
pub(crate) fn alarms(document: &Document, width: usize) -> String {
    let mut alarms: Vec<String> = Vec::new();
    for server in &document.nts_ke_servers {
        let lines = certificate_lines(server, document.clock.now);
        let loud = lines.iter().filter_map(|line| line.strip_prefix(LOUD));
        alarms.extend(loud.map(|line| format!("{LOUD}{}: {line}", server.listen_address)));
    }
    let error = document
        .keyset
        .as_ref()
        .and_then(|keyset| keyset.storage_error.as_deref());
    alarms.extend(error.map(unstored));
    let alarms: String = alarms.iter().map(|alarm| wrap("", alarm, width)).collect();
    if alarms.is_empty() {
        alarms
    } else {
        format!("\n{alarms}")
    }
}

fn server_line(server: &NtsKeServerFacts) -> String {
    let refused = words(&server.refused);
    let refused = if refused.is_empty() {
        String::new()
    } else {
        format!("; refused: {refused}")
    };
    let limit = server.connection_limit;
    let full = if limit > 0 && server.open_connections >= limit {
        ", so further clients wait"
    } else {
        ""
    };
    format!(
        "{}: {}, {} granted keys; {} of at most {limit} open{full}{refused}",
        server.listen_address,
        count(server.accepted, "connection"),
        server.granted,
        server.open_connections,
    )
}

fn certificate_lines(server: &NtsKeServerFacts, now: Date) -> Vec<String> {
    if let Some(error) = &server.start_error {
        return vec![format!(
            "!! no client gets keys here: {error}; the daemon tries again every few seconds"
        )];
    }
    let mut lines: Vec<String> = server
        .certificate
        .iter()
        .map(|certificate| certificate_line(certificate, now))
        .collect();
    let remains = if server.certificate.is_some() {
        "the earlier one stays in use"
    } else {
        "no client gets keys"
    };
    if let Some(error) = &server.certificate_error {
        lines.push(format!(
            "!! the certificate cannot be read, and {remains}: {error}. Fix the files"
        ));
    } else if server.certificate.is_none() {
        lines.push(format!("!! there is no certificate yet: {remains}"));
    }
    lines
}

fn certificate_line(certificate: &CertificateFacts, now: Date) -> String {
    let CertificateFacts {
        subject,
        not_before,
        not_after,
    } = certificate;
    let now = now.unix_seconds();
    let (wait, left) = (
        not_before.unix_seconds().saturating_sub(now),
        not_after.unix_seconds().saturating_sub(now),
    );
    let whose = format!("certificate of {subject}");
    if wait > 0 {
        return format!(
            "!! {whose} becomes valid in {} ({not_before}): is this machine's clock right?",
            days(wait)
        );
    }
    match left {
        ..0 => format!(
            "!! {whose} expired {} ago ({not_after}): clients refuse it. Renew it",
            days(-left)
        ),
        0..SOON => format!(
            "!! {whose} expires in {} ({not_after}). Renew it",
            days(left)
        ),
        _ => format!("{whose}, valid until {not_after} ({} left)", days(left)),
    }
}

fn days(seconds: i64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the lives of certificates are far below 2^53 s"
    )]
    let seconds = seconds as f64;
    span(seconds)
}

fn keyset_line(keyset: &KeysetFacts) -> String {
    let next = match keyset.next_rotation_in_s {
        Some(next) => format!("the next rotation is in {}", span(next)),
        None => "the key is not rotated".to_owned(),
    };
    let accepted = if keyset.key_count == 1 { "is" } else { "are" };
    let stored = match (&keyset.storage_error, keyset.stored) {
        (Some(error), _) => unstored(error),
        (None, true) => "the keys survive a restart".to_owned(),
        (None, false) => "the keys do not survive a restart".to_owned(),
    };
    format!(
        "Cookies are sealed with key {}, {} old; {next}; {} {accepted} accepted; {stored}",
        keyset.current_key_id,
        span(keyset.key_age_s),
        count(keyset.key_count.into(), "key"),
    )
}

fn unstored(error: &str) -> String {
    format!(
        "{LOUD}the keys cannot be stored ({error}), and clients must repeat key establishment \
         after a restart"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::samples;

    fn flat(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn shown(document: &Document) -> String {
        flat(&serving(document, 100))
    }

    #[test]
    fn a_source_says_how_its_keys_are_and_where_they_come_from() {
        let [(_, keys), (_, from)] = facts(&samples::nts_source(8).nts.unwrap());

        assert_eq!(
            keys,
            "AES-SIV-CMAC-256, 8 cookies of 100 octets, keys 1 h old; certificate valid until \
             2026-03-01T00:00:00Z"
        );
        assert_eq!(
            from,
            "nts.example.org:4461, keys granted; 1 of 1 attempt succeeded"
        );
    }

    #[test]
    fn a_source_without_keys_says_what_has_become_of_its_attempts() {
        let nts = samples::nts_without_keys().nts.unwrap();
        let [(_, keys), (_, from)] = facts(&nts);

        assert_eq!(cell(&nts), "no keys");
        assert!(keys.starts_with("no keys"), "{keys}");
        assert_eq!(
            from,
            "nts.example.org:4461, failed; next try in 1 min 4 s; 0 of 3 attempts succeeded; \
             failed: connection-refused 2, timed-out 1; last failure 12 s ago (tcp)"
        );
        let fixed = NtsFacts {
            ke_state: NtsKeState::Established,
            ..nts
        };
        assert!(facts(&fixed)[1].1.ends_with(
            "(tcp): nts.example.org:4461, TCP connection: connection refused; check the \
             port and the firewalls"
        ));
    }

    #[test]
    fn doubts_about_keys_are_in_the_facts() {
        let nts = NtsFacts {
            naks: 2,
            provisional: true,
            ..samples::nts_source(1).nts.unwrap()
        };

        let [(_, keys), _] = facts(&nts);

        assert_eq!(cell(&nts), "1 cookie");
        assert!(
            keys.contains("refused 2 times (NTSN)")
                && keys.ends_with("checked without knowing the time"),
            "{keys}"
        );
    }

    #[test]
    fn a_server_of_keys_shows_its_clients_its_certificate_and_its_keys() {
        let page = shown(&samples::serving_nts());

        assert_eq!(
            page,
            "Serving NTS keys (NTS-KE) on [::]:4460: 120 connections, 110 granted keys; 3 of at \
             most 512 open; refused: timeout 2, tls 5 certificate of time.example.org, valid until \
             2026-03-01T00:00:00Z (58 d 20 h left) Cookies are sealed with key 0badcafe, 3 h old; \
             the next rotation is in 21 h; 8 keys are accepted; the keys survive a restart"
        );
        assert_eq!(serving(&samples::synchronized(), 100), "");
    }

    #[test]
    fn a_certificate_that_clients_refuse_or_soon_will_is_said_loudly() {
        let with = |not_before, not_after| {
            let mut document = samples::serving_nts();
            let certificate = document.nts_ke_servers[0].certificate.as_mut().unwrap();
            let now = document.clock.now.unix_seconds();
            certificate.not_before = Date::from_unix(now + not_before, 0);
            certificate.not_after = Date::from_unix(now + not_after, 0);
            shown(&document)
        };

        assert!(with(-100, 86_400).contains("!! certificate of time.example.org expires in 1 d"));
        assert!(
            with(-100, -7200).contains("expired 2 h ago")
                && with(-100, -1).contains("clients refuse it. Renew it")
        );
        assert!(with(3600, 10_000_000).contains("becomes valid in 1 h"));
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_said_with_what_it_means() {
        let mut document = samples::serving_nts();
        document.nts_ke_servers[0].certificate_error = Some("/c.pem: no such file".into());
        assert!(shown(&document).contains(
            "!! the certificate cannot be read, and the earlier one stays in use: /c.pem"
        ));
        document.nts_ke_servers[0].certificate = None;
        assert!(
            shown(&document)
                .contains("and no client gets keys: /c.pem: no such file. Fix the files")
        );
        document.nts_ke_servers[0].certificate_error = None;
        assert!(shown(&document).contains("!! there is no certificate yet: no client gets keys"));
    }

    #[test]
    fn keys_that_will_be_lost_are_said() {
        let mut document = samples::serving_nts();
        document.nts_ke_servers.clear();
        let keyset = document.keyset.as_mut().unwrap();
        (keyset.stored, keyset.key_count, keyset.next_rotation_in_s) = (false, 1, None);
        assert!(
            shown(&document).starts_with("NTS cookie keys Cookies are sealed with key 0badcafe")
        );
        assert!(shown(&document).ends_with(
            "the key is not rotated; 1 key is accepted; the keys do not survive a restart"
        ));

        document.keyset.as_mut().unwrap().storage_error = Some("read-only file system".into());
        assert!(
            shown(&document)
                .contains("!! the keys cannot be stored (read-only file system), and clients")
        );
    }
}
