//! The metrics: name, meaning, and the value in the document.
//!
//! A name that ntpd-rs uses for the same thing is kept, so that dashboards and alerts go on
//! working. A name that ends in `_seconds` declares that unit. A value that is not known has no
//! series; the one exception is marked below.

use ntp_observe::{Date, Document, KeysetFacts, NtsKeServerFacts, ServerFacts, SourceFacts};

/// One number about a `T`.
#[derive(Debug)]
pub(crate) struct Metric<T, N> {
    /// The name; that of a counter is without `_total`.
    pub(crate) name: &'static str,
    /// The meaning, with unit and sign.
    pub(crate) help: &'static str,
    /// The value in the document; `None` if it is not known.
    pub(crate) value: fn(&T) -> Option<N>,
}

/// Gauges of the whole daemon.
pub(crate) const SYSTEM: &[Metric<Document, f64>] = &[
    Metric {
        name: "ntp_synchronized",
        help: "1 if the clock is synchronized, otherwise 0; ntp_system_reason says why not.",
        value: |document| Some(flag(document.system.synchronized)),
    },
    Metric {
        name: "ntp_clock_steering",
        help: "1 if the clock named by ntp_clock_info is steered, 0 if it is only measured.",
        value: |document| Some(flag(document.clock.steering)),
    },
    Metric {
        name: "ntp_clock_error_bound_seconds",
        help: "The greatest error that the clock may have now, in seconds.",
        value: |document| document.system.error_bound_s,
    },
    Metric {
        name: "ntp_clock_offset_seconds",
        help: "The offset still to be corrected, in seconds; positive when our clock is behind.",
        value: |document| document.system.offset_s,
    },
    Metric {
        name: "ntp_clock_frequency_ratio",
        help: "The error of the clock's rate that is being corrected, in seconds per second; \
               positive when our clock, left alone, runs fast.",
        value: |document| document.system.frequency_ratio,
    },
    Metric {
        name: "ntp_clock_frequency_uncertainty_ratio",
        help: "How far ntp_clock_frequency_ratio may be wrong, in seconds per second.",
        value: |document| document.system.frequency_uncertainty_ratio,
    },
    Metric {
        name: "ntp_clock_virtual_offset_seconds",
        help: "With a virtual clock: what it reads minus what the machine's clock reads, in \
               seconds.",
        value: |document| document.clock.virtual_minus_system_s,
    },
    Metric {
        name: "ntp_system_stratum",
        help: "Our stratum; 16 while the clock is not synchronized.",
        value: |document| Some(document.system.stratum.into()),
    },
    Metric {
        name: "ntp_system_leap_indicator",
        help: "The leap indicator: 0 none, 1 the last minute of the day has 61 seconds, 2 it has \
               59 seconds, 3 not synchronized.",
        value: |document| document.system.leap.bits().map(f64::from),
    },
    Metric {
        name: "ntp_system_root_delay_seconds",
        help: "The delay of the round trip to the primary source, in seconds.",
        value: |document| document.system.root_delay_s,
    },
    Metric {
        name: "ntp_system_root_dispersion_seconds",
        help: "The dispersion to the primary source, in seconds.",
        value: |document| document.system.root_dispersion_s,
    },
    Metric {
        name: "ntp_system_jitter_seconds",
        help: "The system jitter, in seconds.",
        value: |document| document.system.jitter_s,
    },
    Metric {
        name: "ntp_system_poll_interval_seconds",
        help: "The poll interval that the discipline has come to, in seconds.",
        value: |document| document.system.poll_s,
    },
    Metric {
        name: "ntp_system_last_update_age_seconds",
        help: "The time since the clock was last updated from measurements, in seconds.",
        value: |document| document.system.last_update_ago_s,
    },
    Metric {
        name: "ntp_system_accumulated_steps_seconds",
        help: "The sum of the magnitudes of all steps after the first, in seconds.",
        value: |document| Some(document.system.accumulated_steps_s),
    },
    Metric {
        name: "ntp_system_accumulated_steps_threshold_seconds",
        // ntpd-rs says -1, and alerts compare with it.
        help: "The limit of ntp_system_accumulated_steps_seconds, in seconds; -1 when there is \
               none.",
        value: |document| {
            Some(
                document
                    .system
                    .accumulated_steps_threshold_s
                    .unwrap_or(-1.0),
            )
        },
    },
    Metric {
        name: "ntp_system_sources",
        help: "How many sources there are, those without an address included.",
        value: |document| Some(document.system.source_counts.known.into()),
    },
    Metric {
        name: "ntp_system_usable_sources",
        help: "How many sources pass the tests for use.",
        value: |document| Some(document.system.source_counts.usable.into()),
    },
    Metric {
        name: "ntp_system_agreeing_sources",
        help: "How many sources agree with one another.",
        value: |document| Some(document.system.source_counts.agreeing.into()),
    },
    Metric {
        name: "ntp_system_needed_sources",
        help: "How many sources have to agree before the clock is touched.",
        value: |document| Some(document.system.source_counts.needed.into()),
    },
];

/// Counters of the whole daemon.
pub(crate) const SYSTEM_COUNTERS: &[Metric<Document, u64>] = &[Metric {
    name: "ntp_system_steps",
    help: "How many times the clock has been stepped.",
    value: |document| Some(document.system.step_count),
}];

/// Gauges of each source.
pub(crate) const SOURCE: &[Metric<SourceFacts, f64>] = &[
    Metric {
        name: "ntp_source_poll_interval_seconds",
        help: "How often the source is asked, in seconds.",
        value: |source| source.poll_s,
    },
    Metric {
        name: "ntp_source_unanswered_polls",
        help: "Polls in a row without a valid reply.",
        value: |source| Some(source.unanswered_polls.into()),
    },
    Metric {
        name: "ntp_source_reach_ratio",
        help: "The part of the last eight polls that brought a valid reply, 0 to 1.",
        value: |source| Some(f64::from(source.reach.count_ones()) / 8.0),
    },
    Metric {
        name: "ntp_source_offset_seconds",
        help: "The offset of the source, in seconds; positive when our clock is behind.",
        value: |source| source.offset_s,
    },
    Metric {
        name: "ntp_source_delay_seconds",
        help: "The round-trip delay to the source, in seconds.",
        value: |source| source.delay_s,
    },
    Metric {
        name: "ntp_source_uncertainty_seconds",
        help: "The jitter of the source's offset, in seconds.",
        value: |source| source.jitter_s,
    },
    Metric {
        name: "ntp_source_error_bound_seconds",
        help: "How far the offset may be wrong: the root distance through the source, in seconds.",
        value: |source| source.error_bound_s,
    },
    Metric {
        name: "ntp_source_root_delay_seconds",
        help: "The source's own root delay, in seconds.",
        value: |source| source.root_delay_s,
    },
    Metric {
        name: "ntp_source_root_dispersion_seconds",
        help: "The source's own root dispersion, in seconds.",
        value: |source| source.root_dispersion_s,
    },
    Metric {
        name: "ntp_source_stratum",
        help: "The source's stratum.",
        value: |source| source.stratum.map(f64::from),
    },
    Metric {
        name: "ntp_source_rate_limited",
        help: "1 if the source asked for fewer requests (kiss code RATE), otherwise 0.",
        value: |source| Some(flag(source.rate_limited)),
    },
    Metric {
        name: "ntp_source_nts_cookies_available",
        help: "How many cookies are left to ask a source with NTS.",
        value: |source| source.nts.as_ref().map(|nts| nts.cookies.into()),
    },
    Metric {
        name: "ntp_source_nts_key_age_seconds",
        help: "How old the keys for a source with NTS are, in seconds.",
        value: |source| source.nts.as_ref()?.keys_age_s,
    },
    Metric {
        name: "ntp_source_nts_certificate_expiry_timestamp_seconds",
        help: "When the certificate behind a source with NTS expires, in seconds of Unix time.",
        value: |source| source.nts.as_ref()?.certificate_not_after.map(unix),
    },
    Metric {
        name: "ntp_source_nts_provisional",
        help: "1 if the certificate was checked without knowing the time, otherwise 0.",
        value: |source| source.nts.as_ref().map(|nts| flag(nts.provisional)),
    },
];

/// Counters of each source.
pub(crate) const SOURCE_COUNTERS: &[Metric<SourceFacts, u64>] = &[
    Metric {
        name: "ntp_source_sent_packets",
        help: "Requests sent to the source.",
        value: |source| Some(source.packets.sent),
    },
    Metric {
        name: "ntp_source_received_packets",
        help: "Datagrams received from the source.",
        value: |source| Some(source.packets.received),
    },
    Metric {
        name: "ntp_source_valid_packets",
        help: "Replies of the source that passed every test.",
        value: |source| Some(source.packets.valid),
    },
    Metric {
        name: "ntp_source_unanswered_packets",
        help: "Requests that no valid reply came to.",
        value: |source| Some(source.packets.unanswered),
    },
    Metric {
        name: "ntp_source_nts_naks",
        help: "NTS NAKs received from a source with NTS (kiss code NTSN).",
        value: |source| source.nts.as_ref().map(|nts| nts.naks),
    },
];

/// Gauges of each listening address.
pub(crate) const SERVER: &[Metric<ServerFacts, f64>] = &[
    Metric {
        name: "ntp_server_clients",
        help: "How many clients the rate limiter remembers.",
        value: |server| server.clients.map(|clients| large(clients.used)),
    },
    Metric {
        name: "ntp_server_clients_capacity",
        help: "How many clients the rate limiter can remember.",
        value: |server| server.clients.map(|clients| large(clients.size)),
    },
    Metric {
        name: "ntp_server_receive_buffer_bytes",
        help: "The receive buffer that the operating system granted, in bytes.",
        value: |server| server.receive_buffer_bytes.map(large),
    },
];

/// Counters of each listening address.
pub(crate) const SERVER_COUNTERS: &[Metric<ServerFacts, u64>] = &[
    Metric {
        name: "ntp_server_received_packets",
        help: "Datagrams received.",
        value: |server| Some(server.received),
    },
    Metric {
        name: "ntp_server_accepted_packets",
        help: "Requests answered with the time.",
        value: |server| Some(server.answered),
    },
    Metric {
        name: "ntp_server_denied_packets",
        help: "Requests refused by the access rules with a kiss-o'-death packet.",
        value: |server| Some(server.denied),
    },
    Metric {
        name: "ntp_server_ignored_packets",
        help: "Requests that the access rules leave without an answer.",
        value: |server| Some(server.ignored),
    },
    Metric {
        name: "ntp_server_rate_limited_packets",
        help: "Requests refused because the client asks too often.",
        value: |server| Some(server.rate_limited),
    },
    Metric {
        name: "ntp_server_kiss_packets",
        help: "Kiss-o'-death packets sent.",
        value: |server| Some(server.kisses_sent),
    },
    Metric {
        name: "ntp_server_response_send_errors",
        help: "Replies that the operating system did not take.",
        value: |server| Some(server.send_errors),
    },
    Metric {
        name: "ntp_server_nts_received_packets",
        help: "Requests that are known to have had NTS.",
        value: |server| {
            let refused = server
                .nts_refused
                .values()
                .fold(0, |sum: u64, number| sum.saturating_add(*number));
            Some(
                refused
                    .saturating_add(server.nts_answered)
                    .saturating_add(server.nts_naks_sent),
            )
        },
    },
    Metric {
        name: "ntp_server_nts_accepted_packets",
        help: "Requests with NTS that were answered with authenticated time.",
        value: |server| Some(server.nts_answered),
    },
    Metric {
        name: "ntp_server_nts_denied_packets",
        help: "Requests with NTS refused by the access rules.",
        value: |server| server.nts_refused.get("denied").copied(),
    },
    Metric {
        name: "ntp_server_nts_rate_limited_packets",
        help: "Requests with NTS refused because the client asks too often.",
        value: |server| server.nts_refused.get("rate-limited").copied(),
    },
    Metric {
        name: "ntp_server_nts_nak_packets",
        help: "Requests with NTS that were answered with an NTS NAK, as their cookie cannot be \
               used (kiss code NTSN).",
        value: |server| Some(server.nts_naks_sent),
    },
];

/// Gauges of each address of the NTS-KE server.
pub(crate) const NTS_KE_SERVER: &[Metric<NtsKeServerFacts, f64>] = &[
    Metric {
        name: "ntp_nts_ke_server_up",
        help: "1 if the NTS-KE server runs, 0 if it could not be started and is tried again.",
        value: |server| Some(flag(server.start_error.is_none())),
    },
    Metric {
        name: "ntp_nts_ke_server_open_connections",
        help: "Open connections of the NTS-KE server.",
        value: |server| Some(large(server.open_connections)),
    },
    Metric {
        name: "ntp_nts_ke_server_connections_capacity",
        help: "The limit of open connections of the NTS-KE server.",
        value: |server| Some(large(server.connection_limit)),
    },
    Metric {
        name: "ntp_nts_ke_server_certificate_start_timestamp_seconds",
        help: "When the certificate of the NTS-KE server becomes valid, in seconds of Unix time.",
        value: |server| {
            server
                .certificate
                .as_ref()
                .map(|certificate| unix(certificate.not_before))
        },
    },
    Metric {
        name: "ntp_nts_ke_server_certificate_expiry_timestamp_seconds",
        help: "When the certificate of the NTS-KE server expires, in seconds of Unix time.",
        value: |server| {
            server
                .certificate
                .as_ref()
                .map(|certificate| unix(certificate.not_after))
        },
    },
    Metric {
        name: "ntp_nts_ke_server_certificate_error",
        help: "1 if the files of the certificate could not be read the last time, otherwise 0.",
        value: |server| Some(flag(server.certificate_error.is_some())),
    },
];

/// Counters of each address of the NTS-KE server.
pub(crate) const NTS_KE_SERVER_COUNTERS: &[Metric<NtsKeServerFacts, u64>] = &[Metric {
    name: "ntp_nts_ke_server_connections",
    help: "Connections that the NTS-KE server has accepted.",
    value: |server| Some(server.accepted),
}];

/// Gauges of the keys that seal cookies.
pub(crate) const KEYSET: &[Metric<KeysetFacts, f64>] = &[
    Metric {
        name: "ntp_nts_keyset_keys",
        help: "How many keys are accepted in cookies.",
        value: |keyset| Some(keyset.key_count.into()),
    },
    Metric {
        name: "ntp_nts_keyset_key_age_seconds",
        help: "How long the key that seals cookies has been in use, in seconds.",
        value: |keyset| Some(keyset.key_age_s),
    },
    Metric {
        name: "ntp_nts_keyset_next_rotation_seconds",
        help: "In how many seconds the next key comes into use.",
        value: |keyset| keyset.next_rotation_in_s,
    },
    Metric {
        name: "ntp_nts_keyset_stored",
        help: "1 if the keys will survive a restart, otherwise 0.",
        value: |keyset| Some(flag(keyset.stored && keyset.storage_error.is_none())),
    },
];

fn flag(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

/// A date in seconds of Unix time; exact for the next hundred million years.
#[expect(clippy::cast_precision_loss, reason = "a date is far below 2^53 s")]
fn unix(date: Date) -> f64 {
    date.unix_seconds() as f64
}

/// A count as the number of a gauge; exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of clients and bytes are far below 2^53"
)]
fn large(value: u64) -> f64 {
    value as f64
}
