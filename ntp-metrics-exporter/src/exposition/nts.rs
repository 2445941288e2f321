//! The metrics about NTS.

use super::{Labels, Page, distinct, ordinals, with};
use crate::metrics::{KEYSET, NTS_KE_SERVER, NTS_KE_SERVER_COUNTERS};
use ntp_observe::{KeysetFacts, NtsFacts, NtsKeServerFacts, SourceFacts};
use std::fmt;

impl Page<'_> {
    /// Key establishment of the sources. Sources without NTS have no series.
    pub(super) fn nts_of_sources(&mut self, labeled: &[(Labels<'_>, &SourceFacts)]) -> fmt::Result {
        let with_nts: Vec<(&Labels<'_>, &NtsFacts)> = labeled
            .iter()
            .filter_map(|(labels, source)| Some((labels, source.nts.as_ref()?)))
            .collect();
        self.gauges(
            "ntp_source_nts_ke_state",
            "1, with the state of key establishment with the source, and the algorithm of the keys \
             in use.",
            with_nts.iter().map(|(labels, nts)| {
                let aead = nts.aead.as_deref().unwrap_or_default();
                (
                    with(labels, &[("state", nts.ke_state.word()), ("aead", aead)]),
                    1.0,
                )
            }),
        )?;
        self.counters(
            "ntp_source_nts_ke",
            "Key establishments with the source, by result: success, or the reason of the failure.",
            with_nts.iter().flat_map(|(labels, nts)| {
                results(("success", nts.ke_successes), &nts.ke_failures)
                    .map(|(result, number)| (with(labels, &[("result", result)]), number))
            }),
        )
    }

    /// Our NTS-KE servers.
    pub(super) fn nts_ke_servers(&mut self, servers: &[NtsKeServerFacts]) -> fmt::Result {
        let ordinals = ordinals(servers.len());
        let labels = servers
            .iter()
            .map(|server| vec![("listen_address", server.listen_address.as_str())])
            .collect();
        let labeled: Vec<(Labels<'_>, &NtsKeServerFacts)> = distinct(labels, &ordinals)
            .into_iter()
            .zip(servers)
            .collect();
        for metric in NTS_KE_SERVER {
            self.gauge_of(metric, &labeled)?;
        }
        for metric in NTS_KE_SERVER_COUNTERS {
            self.counter_of(metric, &labeled)?;
        }
        self.counters(
            "ntp_nts_ke_server_handshakes",
            "Connections of the NTS-KE server that have ended, by result: granted, or the reason \
             of the refusal.",
            labeled.iter().flat_map(|(labels, server)| {
                results(("granted", server.granted), &server.refused)
                    .map(|(result, number)| (with(labels, &[("result", result)]), number))
            }),
        )
    }

    /// The keys that seal cookies.
    pub(super) fn keyset(&mut self, keyset: Option<&KeysetFacts>) -> fmt::Result {
        self.gauges(
            "ntp_nts_keyset_current_key",
            "1, with the number of the key that seals cookies.",
            keyset.map(|keyset| (vec![("id", keyset.current_key_id.as_str())], 1.0)),
        )?;
        let facts: Vec<(Labels<'_>, &KeysetFacts)> =
            keyset.map(|keyset| (vec![], keyset)).into_iter().collect();
        KEYSET
            .iter()
            .try_for_each(|metric| self.gauge_of(metric, &facts))
    }
}

/// All counters by result, the success first.
fn results<'a>(
    good: (&'static str, u64),
    bad: &'a std::collections::BTreeMap<String, u64>,
) -> impl Iterator<Item = (&'a str, u64)> {
    std::iter::once(good).chain(bad.iter().map(|(word, number)| (word.as_str(), *number)))
}

#[cfg(test)]
mod tests {
    use crate::exposition::render;
    use crate::samples;

    fn page() -> String {
        render(Ok(samples::nts()))
    }

    #[track_caller]
    fn assert_lines(page: &str, lines: &[&str]) {
        for line in lines {
            assert!(
                page.lines().any(|one| one == *line),
                "no line\n{line}\nin\n{page}"
            );
        }
    }

    #[test]
    fn names_of_ntpd_rs_for_nts_are_kept_where_they_mean_the_same() {
        let source = r#"name="ntp1.example.org",address="192.0.2.1:123",id="1""#;
        let cookies = format!("ntp_source_nts_cookies_available{{{source}}} 8");
        assert_lines(
            &page(),
            &[
                &cookies,
                r#"ntp_server_nts_received_packets_total{listen_address="0.0.0.0:123"} 410"#,
                r#"ntp_server_nts_accepted_packets_total{listen_address="0.0.0.0:123"} 400"#,
                r#"ntp_server_nts_denied_packets_total{listen_address="0.0.0.0:123"} 1"#,
                r#"ntp_server_nts_nak_packets_total{listen_address="0.0.0.0:123"} 6"#,
            ],
        );
        assert!(
            !page().contains("ntp_server_nts_rate_limited_packets_total{"),
            "what is not known has no series"
        );
    }

    #[test]
    fn a_source_with_nts_shows_its_keys_and_how_it_came_by_them() {
        let source = r#"name="ntp1.example.org",address="192.0.2.1:123",id="1""#;
        let state = r#"state="established",aead="AES-SIV-CMAC-256""#;
        let page = page();

        for line in [
            format!("ntp_source_nts_ke_state{{{source},{state}}} 1"),
            format!(r#"ntp_source_nts_ke_total{{{source},result="success"}} 1"#),
            format!(r#"ntp_source_nts_ke_total{{{source},result="connection-refused"}} 3"#),
            format!("ntp_source_nts_key_age_seconds{{{source}}} 3600"),
            format!("ntp_source_nts_naks_total{{{source}}} 2"),
            format!("ntp_source_nts_provisional{{{source}}} 0"),
            format!("ntp_source_nts_certificate_expiry_timestamp_seconds{{{source}}} 1772323200"),
        ] {
            assert_lines(&page, &[&line]);
        }
        let plain =
            |line: &&str| line.starts_with("ntp_source_nts") && line.contains("ntp2.example.org");
        assert_eq!(page.lines().find(plain), None);
    }

    #[test]
    fn an_nts_ke_server_shows_its_clients_and_its_certificate() {
        let page = page();
        let address = r#"listen_address="[::]:4460""#;
        for (name, more, value) in [
            ("connections_total", "", "120"),
            ("handshakes_total", r#",result="granted""#, "110"),
            ("handshakes_total", r#",result="timeout""#, "2"),
            ("open_connections", "", "3"),
            ("connections_capacity", "", "512"),
            ("certificate_start_timestamp_seconds", "", "1764547200"),
            ("certificate_expiry_timestamp_seconds", "", "1772323200"),
            ("certificate_error", "", "0"),
            ("up", "", "1"),
        ] {
            let line = format!("ntp_nts_ke_server_{name}{{{address}{more}}} {value}");
            assert_lines(&page, &[&line]);
        }
    }

    #[test]
    fn the_keys_of_cookies_show_their_age_and_whether_they_will_last() {
        assert_lines(
            &page(),
            &[
                r#"ntp_nts_keyset_current_key{id="0badcafe"} 1"#,
                "ntp_nts_keyset_keys 8",
                "ntp_nts_keyset_key_age_seconds 10800",
                "ntp_nts_keyset_next_rotation_seconds 75600",
                "ntp_nts_keyset_stored 1",
            ],
        );
        let mut document = samples::nts();
        document.keyset.as_mut().unwrap().storage_error = Some("read-only file system".into());
        assert_lines(&render(Ok(document)), &["ntp_nts_keyset_stored 0"]);
    }

    #[test]
    fn without_nts_there_is_no_series_of_it() {
        let page = render(Ok(samples::synchronized()));

        let series = page
            .lines()
            .filter(|line| line.contains("_nts_") && !line.starts_with('#'));
        let counters_of_servers = |line: &&str| !line.starts_with("ntp_server_nts_");
        assert_eq!(
            series.filter(counters_of_servers).collect::<Vec<_>>(),
            [""; 0]
        );
    }
}
