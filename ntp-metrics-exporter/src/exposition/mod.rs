//! A document as OpenMetrics.

mod nts;

use crate::metrics::{
    Metric, SERVER, SERVER_COUNTERS, SOURCE, SOURCE_COUNTERS, SYSTEM, SYSTEM_COUNTERS,
};
use ntp_observe::{Document, FetchError, ServerFacts, SourceFacts, SystemReason, TimestampCounts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeSet;
use std::fmt;

/// Names and values of the labels of one series.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// The exposition of a document, or of the reason why there is none.
pub(crate) fn render(fetched: Result<Document, FetchError>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(fetched)));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("invariant: writing to a string cannot fail");
    text
}

#[derive(Debug)]
struct Exposition(Result<Document, FetchError>);

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let up = if self.0.is_ok() { 1.0 } else { 0.0 };
        page.gauges(
            "ntp_up",
            "1 if the daemon could be asked, otherwise 0.",
            [(vec![], up)],
        )?;
        match &self.0 {
            Ok(document) => page.document(document),
            Err(error) => page.gauges(
                "ntp_fetch_error",
                "1, with the reason why the daemon could not be asked.",
                [(vec![("reason", error.word())], 1.0)],
            ),
        }
    }
}

/// The page while it is written. Series stand in the order of the document.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn document(&mut self, document: &Document) -> fmt::Result {
        self.identity(document)?;
        self.reasons(document)?;
        for metric in SYSTEM {
            self.gauge_of(metric, &[(vec![], document)])?;
        }
        for metric in SYSTEM_COUNTERS {
            self.counter_of(metric, &[(vec![], document)])?;
        }
        self.sources(&document.sources)?;
        self.servers(&document.servers)?;
        self.nts_ke_servers(&document.nts_ke_servers)?;
        self.keyset(document.keyset.as_ref())
    }

    /// The releases, the uptime and the clock.
    fn identity(&mut self, document: &Document) -> fmt::Result {
        let daemon = &document.daemon;
        let version = daemon.version.as_str();
        self.info(
            "ntp_build",
            "The releases of the daemon and of this exporter.",
            &vec![
                ("version", version),
                ("exporter_version", env!("CARGO_PKG_VERSION")),
            ],
        )?;
        self.gauges(
            "ntp_uptime_seconds",
            "How long the daemon has been running, in seconds.",
            [(vec![("version", version)], daemon.uptime_s)],
        )?;
        let clock = &document.clock;
        self.info(
            "ntp_clock",
            "The clock that is looked after, and the one that the configuration asked for.",
            &vec![
                ("mode", clock.mode.word()),
                ("requested", clock.requested.word()),
            ],
        )
    }

    /// The reasons why the clock is not synchronized, and the warnings.
    fn reasons(&mut self, document: &Document) -> fmt::Result {
        let system = &document.system;
        self.gauges(
            "ntp_system_reason",
            "1 for each reason why the clock is not synchronized.",
            codes(&system.reasons).map(|code| (vec![("reason", code)], 1.0)),
        )?;
        self.gauges(
            "ntp_system_warning",
            "1 for each thing that is not as it should be although the clock may be synchronized.",
            codes(&system.warnings).map(|code| (vec![("reason", code)], 1.0)),
        )
    }

    fn sources(&mut self, sources: &[SourceFacts]) -> fmt::Result {
        let ids: Vec<String> = sources.iter().map(|source| source.id.to_string()).collect();
        let ordinals = ordinals(sources.len());
        let labels = sources
            .iter()
            .zip(&ids)
            .map(|(source, id)| source_labels(source, id))
            .collect();
        let labeled: Vec<(Labels<'_>, &SourceFacts)> = distinct(labels, &ordinals)
            .into_iter()
            .zip(sources)
            .collect();
        self.gauges(
            "ntp_source_state",
            "1, with the state of the source and the reason for it.",
            labeled.iter().map(|(labels, source)| {
                (
                    with(
                        labels,
                        &[
                            ("state", source.state.word()),
                            ("reason", source.reason.word()),
                        ],
                    ),
                    1.0,
                )
            }),
        )?;
        for metric in SOURCE {
            self.gauge_of(metric, &labeled)?;
        }
        for metric in SOURCE_COUNTERS {
            self.counter_of(metric, &labeled)?;
        }
        self.counters(
            "ntp_source_discarded_packets",
            "Replies thrown away, by the test that they failed.",
            labeled.iter().flat_map(|(labels, source)| {
                source
                    .discards
                    .iter()
                    .map(move |(word, number)| (with(labels, &[("reason", word)]), *number))
            }),
        )?;
        self.counters(
            "ntp_source_timestamps",
            "Our timestamps, by who made them.",
            labeled.iter().flat_map(|(labels, source)| {
                timestamps(&source.timestamps).map(move |(direction, origin, number)| {
                    (
                        with(labels, &[("direction", direction), ("origin", origin)]),
                        number,
                    )
                })
            }),
        )?;
        self.nts_of_sources(&labeled)
    }

    fn servers(&mut self, servers: &[ServerFacts]) -> fmt::Result {
        let ordinals = ordinals(servers.len());
        let labels = servers.iter().map(server_labels).collect();
        let labeled: Vec<(Labels<'_>, &ServerFacts)> = distinct(labels, &ordinals)
            .into_iter()
            .zip(servers)
            .collect();
        for metric in SERVER {
            self.gauge_of(metric, &labeled)?;
        }
        for metric in SERVER_COUNTERS {
            self.counter_of(metric, &labeled)?;
        }
        self.counters(
            "ntp_server_dropped_packets",
            "Datagrams thrown away, by the test that they failed.",
            labeled.iter().flat_map(|(labels, server)| {
                server
                    .dropped
                    .iter()
                    .map(move |(word, number)| (with(labels, &[("reason", word)]), *number))
            }),
        )?;
        self.counters(
            "ntp_server_nts_unusable_cookies",
            "Cookies of NTS that could not be opened, by the cause: no such key (too old, or of \
             another server), forged, a length that none of ours has, or a content of another \
             version.",
            labeled.iter().flat_map(|(labels, server)| {
                let causes = server.nts_cookies_refused.iter();
                causes.map(move |(word, number)| (with(labels, &[("reason", word)]), *number))
            }),
        )?;
        self.counters(
            "ntp_server_receive_timestamps",
            "Receive timestamps of requests, by who made them.",
            labeled.iter().flat_map(|(labels, server)| {
                [
                    ("kernel", server.receive_timestamps_kernel),
                    ("daemon", server.receive_timestamps_daemon),
                ]
                .map(|(origin, number)| (with(labels, &[("origin", origin)]), number))
            }),
        )
    }

    fn gauge_of<T>(&mut self, metric: &Metric<T, f64>, facts: &[(Labels<'_>, &T)]) -> fmt::Result {
        let series = facts
            .iter()
            .filter_map(|(labels, fact)| Some((labels.clone(), (metric.value)(fact)?)));
        self.gauges(metric.name, metric.help, series)
    }

    fn counter_of<T>(
        &mut self,
        metric: &Metric<T, u64>,
        facts: &[(Labels<'_>, &T)],
    ) -> fmt::Result {
        let series = facts
            .iter()
            .filter_map(|(labels, fact)| Some((labels.clone(), (metric.value)(fact)?)));
        self.counters(metric.name, metric.help, series)
    }

    fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Gauge)?;
        for (labels, value) in series {
            if labels.is_empty() {
                gauge(&mut family, value)?;
            } else {
                gauge(&mut family.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }

    fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Counter)?;
        for (labels, value) in series {
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            } else {
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn info(&mut self, name: &str, help: &str, labels: &Labels<'_>) -> fmt::Result {
        self.family(name, help, MetricType::Info)?
            .encode_info(labels)
    }

    /// Opens a family. The encoder appends the unit to the name by itself.
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        let (stem, unit) = match (name.strip_suffix("_seconds"), name.strip_suffix("_bytes")) {
            (Some(stem), _) => (stem, Some(&Unit::Seconds)),
            (_, Some(stem)) => (stem, Some(&Unit::Bytes)),
            _ => (name, None),
        };
        self.0.encode_descriptor(stem, help, unit, kind)
    }
}

/// Writes whole numbers without a fraction, as people and ntpd-rs write them.
fn gauge(series: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
    /// Below this an `f64` holds every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the value is whole and in range"
        )]
        return series.encode_gauge(&(value as i64));
    }
    series.encode_gauge(&value)
}

/// The labels that ntpd-rs puts on every metric of a source.
fn source_labels<'a>(source: &'a SourceFacts, id: &'a str) -> Labels<'a> {
    vec![
        ("name", &source.name),
        ("address", source.address.as_deref().unwrap_or_default()),
        ("id", id),
    ]
}

/// The label that ntpd-rs puts on every metric of a server, and the interface where one address is
/// used on several.
fn server_labels(server: &ServerFacts) -> Labels<'_> {
    let interface = server.interface.as_deref().map(|name| ("interface", name));
    [("listen_address", server.listen_address.as_str())]
        .into_iter()
        .chain(interface)
        .collect()
}

/// `"1"`, `"2"`, … for labels.
fn ordinals(count: usize) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}

/// A series must not come twice: labels that were there before get one more, `duplicate`, from
/// `"2"` on. Two sources of one name have the same labels as long as neither has an address.
fn distinct<'a>(mut all: Vec<Labels<'a>>, ordinals: &'a [String]) -> Vec<Labels<'a>> {
    for place in 1..all.len() {
        let (before, rest) = all.split_at_mut(place);
        let Some(labels) = rest.first_mut() else {
            continue;
        };
        let same = before
            .iter()
            .filter(|earlier| earlier.starts_with(labels))
            .count();
        if let Some(ordinal) = ordinals.get(same).filter(|_| same > 0) {
            labels.push(("duplicate", ordinal));
        }
    }
    all
}

fn with<'a>(labels: &Labels<'a>, more: &[(&'static str, &'a str)]) -> Labels<'a> {
    labels.iter().chain(more).copied().collect()
}

/// The words of the reasons, each once: a series must not come twice.
fn codes(reasons: &[SystemReason]) -> impl Iterator<Item = &str> {
    let codes: BTreeSet<&str> = reasons.iter().map(SystemReason::word).collect();
    codes.into_iter()
}

fn timestamps(counts: &TimestampCounts) -> [(&'static str, &'static str, u64); 6] {
    [
        ("transmit", "hardware", counts.transmit_hardware),
        ("transmit", "kernel", counts.transmit_kernel),
        ("transmit", "daemon", counts.transmit_daemon),
        ("receive", "hardware", counts.receive_hardware),
        ("receive", "kernel", counts.receive_kernel),
        ("receive", "daemon", counts.receive_daemon),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn lines(document: &Document) -> Vec<String> {
        render(Ok(document.clone()))
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[track_caller]
    fn assert_line(lines: &[String], line: &str) {
        assert!(
            lines.iter().any(|one| one == line),
            "no line\n{line}\nin\n{}",
            lines.join("\n")
        );
    }

    #[test]
    fn the_exposition_ends_with_its_end_mark() {
        assert!(render(Ok(Document::default())).ends_with("# EOF\n"));
    }

    #[test]
    fn names_of_ntpd_rs_are_kept_where_they_mean_the_same() {
        let lines = lines(&samples::synchronized());
        let source = r#"{name="ntp1.example.org",address="192.0.2.1:123",id="1"}"#;
        let server = r#"{listen_address="0.0.0.0:123"}"#;

        for line in [
            "ntp_system_stratum 3".to_owned(),
            "ntp_system_leap_indicator 0".to_owned(),
            "ntp_system_root_delay_seconds 0.00138".to_owned(),
            "ntp_system_root_dispersion_seconds 0.0005".to_owned(),
            "ntp_system_poll_interval_seconds 64".to_owned(),
            "ntp_system_accumulated_steps_seconds 1.5".to_owned(),
            "ntp_system_accumulated_steps_threshold_seconds -1".to_owned(),
            r#"ntp_uptime_seconds{version="0.1.0"} 11105"#.to_owned(),
            format!("ntp_source_poll_interval_seconds{source} 64"),
            format!("ntp_source_unanswered_polls{source} 2"),
            format!("ntp_source_offset_seconds{source} -0.000123"),
            format!("ntp_source_delay_seconds{source} 0.01234"),
            format!("ntp_source_uncertainty_seconds{source} 0.0000456"),
            format!("ntp_source_root_delay_seconds{source} 0.0005"),
            format!("ntp_source_root_dispersion_seconds{source} 0.001"),
            format!("ntp_server_received_packets_total{server} 1000"),
            format!("ntp_server_accepted_packets_total{server} 990"),
            format!("ntp_server_denied_packets_total{server} 4"),
            format!("ntp_server_ignored_packets_total{server} 0"),
            format!("ntp_server_rate_limited_packets_total{server} 1"),
            format!("ntp_server_response_send_errors_total{server} 3"),
        ] {
            assert_line(&lines, &line);
        }
    }

    #[test]
    fn our_own_metrics_say_whether_and_how_well_the_clock_is_synchronized() {
        let lines = lines(&samples::synchronized());

        for line in [
            "ntp_up 1",
            "ntp_synchronized 1",
            "ntp_clock_steering 1",
            "ntp_clock_error_bound_seconds 0.0012",
            "ntp_clock_offset_seconds -0.0000123",
            "ntp_clock_frequency_ratio -0.000012345",
            r#"ntp_clock_info{mode="system",requested="auto"} 1"#,
            "ntp_system_steps_total 2",
            r#"ntp_system_warning{reason="few-sources"} 1"#,
        ] {
            assert_line(&lines, line);
        }
        assert!(
            lines.iter().any(
                |line| line.starts_with(r#"ntp_build_info{version="0.1.0",exporter_version=""#)
            )
        );
    }

    #[test]
    fn each_source_shows_its_state_with_the_reason_and_its_counters() {
        let lines = lines(&samples::synchronized());
        let source = r#"name="ntp1.example.org",address="192.0.2.1:123",id="1""#;
        let received = r#"direction="receive",origin="kernel""#;
        let unresolved = r#"name="ntp2.example.org",address="",id="2",state="unresolved""#;
        let too_short = r#"listen_address="0.0.0.0:123",reason="too-short""#;

        for line in [
            format!(r#"ntp_source_state{{{source},state="selected",reason="system-peer"}} 1"#),
            format!("ntp_source_reach_ratio{{{source}}} 0.5"),
            format!(r#"ntp_source_discarded_packets_total{{{source},reason="duplicate"}} 1"#),
            format!("ntp_source_timestamps_total{{{source},{received}}} 21"),
            format!(r#"ntp_source_state{{{unresolved},reason="resolving"}} 1"#),
            format!("ntp_server_dropped_packets_total{{{too_short}}} 5"),
        ] {
            assert_line(&lines, &line);
        }
    }

    #[test]
    fn one_address_on_two_interfaces_is_told_apart() {
        let mut document = samples::synchronized();
        let mut other = document.servers[0].clone();
        other.interface = Some("eth1".into());
        document.servers.push(other);

        let lines = lines(&document);

        let server = r#"listen_address="0.0.0.0:123",interface="eth1""#;
        assert_line(
            &lines,
            &format!("ntp_server_received_packets_total{{{server}}} 1000"),
        );
    }

    #[test]
    fn a_number_that_is_not_known_has_no_series() {
        let text = render(Ok(samples::synchronized()));

        assert!(!text.contains("NaN"));
        assert!(!text.contains(r#"ntp_source_offset_seconds{name="ntp2.example.org""#));
    }

    #[test]
    fn every_reason_of_an_unsynchronized_clock_is_shown_once() {
        let mut document = Document::default();
        let reason = SystemReason::TooFewAgreeing {
            agreeing: 1,
            needed: 3,
        };
        document.system.reasons = vec![reason.clone(), SystemReason::Starting, reason];

        let lines = lines(&document);

        assert_line(&lines, "ntp_synchronized 0");
        assert_line(&lines, r#"ntp_system_reason{reason="starting"} 1"#);
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.contains("too-few-agreeing"))
                .count(),
            1
        );
    }

    #[test]
    fn a_daemon_that_cannot_be_asked_is_down_with_the_reason() {
        let text = render(Err(FetchError::NoSocket {
            path: "/run/x.sock".into(),
        }));

        assert!(text.contains("ntp_up 0\n"), "{text}");
        assert!(
            text.contains("ntp_fetch_error{reason=\"no-socket\"} 1\n"),
            "{text}"
        );
        assert!(!text.contains("ntp_synchronized"), "{text}");
    }

    #[test]
    fn units_are_declared_and_every_family_is_described_once() {
        let lines = lines(&samples::synchronized());
        assert_line(&lines, "# UNIT ntp_clock_error_bound_seconds seconds");
        assert_line(&lines, "# TYPE ntp_server_received_packets counter");

        let mut described: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("# TYPE "))
            .collect();
        let all = described.len();
        described.sort();
        described.dedup();
        assert_eq!(described.len(), all);
    }

    /// The series of a page, without their values.
    fn series(page: &str) -> Vec<&str> {
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        samples
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, _)| series)
            .collect()
    }

    #[test]
    fn two_unresolved_sources_of_one_name_are_two_series() {
        let mut document = samples::nts();
        let unresolved = SourceFacts {
            id: 0,
            ..document.sources[1].clone()
        };
        document.sources = vec![
            unresolved.clone(),
            document.sources[0].clone(),
            unresolved.clone(),
            unresolved,
        ];
        document.servers.push(document.servers[0].clone());
        document
            .nts_ke_servers
            .push(document.nts_ke_servers[0].clone());

        let page = render(Ok(document));

        let mut all = series(&page);
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(
            all.len(),
            count,
            "a series that comes twice makes the page invalid:\n{page}"
        );
        for duplicate in ["2", "3"] {
            assert!(
                page.contains(&format!(
                    "name=\"ntp2.example.org\",address=\"\",id=\"0\",duplicate=\"{duplicate}\""
                )),
                "{page}"
            );
        }
    }

    #[test]
    fn cookies_that_do_not_open_are_counted_by_the_cause() {
        let lines = lines(&samples::nts());
        for (reason, number) in [
            ("bad-length", 0),
            ("forged", 2),
            ("no-such-key", 40),
            ("unknown-content", 0),
        ] {
            let labels = format!(r#"listen_address="0.0.0.0:123",reason="{reason}""#);
            let line = format!("ntp_server_nts_unusable_cookies_total{{{labels}}} {number}");
            assert_line(&lines, &line);
        }
    }

    #[test]
    fn quotes_in_a_name_cannot_break_the_format() {
        let mut document = samples::synchronized();
        document.sources[0].name = "a\"b\nc".into();

        let lines = lines(&document);

        assert!(
            lines.iter().any(|line| line.contains(r#"name="a\"b\nc""#)),
            "{}",
            lines.join("\n")
        );
    }
}
