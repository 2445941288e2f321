//! Elements that the pages of `query` and `nts` share.

use crate::pages::{fact, stopped};
use crate::terminal::wrap;
use crate::units::{UNKNOWN, behind, known, seconds, signed_seconds};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use ntp_observe::{Date, Leap};
use ntp_probe::{Failure, Measured, Sample, ServerFacts};

/// The offset in words, with its error bound.
pub(super) fn offset(measured: &Measured) -> String {
    format!(
        "{} (± {})",
        behind(measured.offset_s),
        seconds(measured.error_bound_s)
    )
}

/// The date without fractions of a second.
pub(super) fn whole(date: Date) -> Date {
    Date::from_unix(date.unix_seconds(), 0)
}

/// The remedy for a failure; empty if its sentence contains it.
pub(super) fn remedy(failure: &Failure, width: usize) -> String {
    let remedy = failure.remedy.as_deref();
    remedy
        .map(|remedy| wrap("  What to do: ", &stopped(remedy), width))
        .unwrap_or_default()
}

/// The lines about the measurement and the server.
pub(super) fn time(
    measured: Option<&Measured>,
    server: Option<&ServerFacts>,
    width: usize,
) -> String {
    let mut text = String::new();
    if let Some(measured) = measured {
        text.push_str(&fact("Offset", &offset_line(measured), width));
        text.push_str(&fact("Delay", &delay_line(measured), width));
    }
    if let Some(server) = server {
        text.push_str(&fact("Server", &server_line(server), width));
        text.push_str(&fact("Root", &root_line(server), width));
    }
    text
}

fn offset_line(measured: &Measured) -> String {
    let jitter = measured
        .jitter_s
        .map(|jitter| format!(", jitter {}", seconds(jitter)))
        .unwrap_or_default();
    format!(
        "{} ± {}{jitter} (+ means that our clock is behind)",
        signed_seconds(measured.offset_s),
        seconds(measured.error_bound_s)
    )
}

fn delay_line(measured: &Measured) -> String {
    let delay = seconds(measured.delay_s);
    match (measured.sent_by, measured.received_by) {
        (sent, received) if sent == received => {
            format!("{delay}; both timestamps are the {sent}'s")
        }
        (sent, received) => {
            format!("{delay}; timestamps of the {sent} (sent) and the {received} (received)")
        }
    }
}

fn server_line(server: &ServerFacts) -> String {
    let leap = match &server.leap {
        Leap::None => "no leap second announced",
        Leap::Insert => "announces a minute of 61 s",
        Leap::Delete => "announces a minute of 59 s",
        Leap::Unsynchronized => "NOT synchronized",
        Leap::Other(word) => word,
    };
    format!(
        "{}, stratum {}, reference {}, {leap}, NTP version {}",
        server.address, server.stratum, server.reference_id, server.version
    )
}

fn root_line(server: &ServerFacts) -> String {
    let set = server
        .reference_time
        .map(|at| format!(", clock last set {}", whole(at)))
        .unwrap_or_default();
    format!(
        "delay {}, dispersion {}, precision {}{set}",
        seconds(server.root_delay_s),
        seconds(server.root_dispersion_s),
        seconds(server.precision_s)
    )
}

/// The table of samples, one row for each request; with NTS also the new cookies.
pub(super) fn samples(samples: &[Sample], with_cookies: bool) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let cookies = |text: &str| with_cookies.then(|| text.to_owned());
    let header = ["Sample", "Offset", "Delay"].map(str::to_owned);
    table.set_header(
        header
            .into_iter()
            .chain(cookies("Cookies"))
            .chain(["Result".to_owned()]),
    );
    for (index, sample) in samples.iter().enumerate() {
        let new = sample
            .new_cookies
            .map_or_else(|| UNKNOWN.to_owned(), |new| format!("+{new}"));
        let result = format!("{}, {}", sample.result, sample.address);
        table.add_row(
            numbers(index, sample)
                .into_iter()
                .chain(cookies(&new))
                .chain([result]),
        );
    }
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index < last {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}

fn numbers(index: usize, sample: &Sample) -> [String; 3] {
    [
        (index + 1).to_string(),
        known(sample.offset_s, signed_seconds),
        known(sample.delay_s, seconds),
    ]
}
