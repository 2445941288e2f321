//! The page of `ntp-ctl query`.

use super::lines;
use crate::pages::{fact, fit, stopped};
use ntp_probe::QueryReport;

/// The page for people, `width` columns wide; its first line is the verdict.
pub(super) fn page(report: &QueryReport, width: usize) -> String {
    let mut text = match &report.outcome {
        Ok(measured) => {
            let sentence = format!(
                "NTP works: by {}, this machine's clock is {}.",
                measured.address,
                lines::offset(measured)
            );
            fit(&sentence, width)
        }
        Err(failure) => {
            let sentence = format!("NTP does NOT work: {}", stopped(&failure.message));
            format!("{}{}", fit(&sentence, width), lines::remedy(failure, width))
        }
    };
    text.push('\n');
    text.push_str(&fact("Asked", &asked(report), width));
    text.push_str(&fact(
        "Clock",
        &format!("{} (this machine's)", lines::whole(report.clock)),
        width,
    ));
    text.push_str(&lines::time(
        report.outcome.as_ref().ok(),
        report.server.as_ref(),
        width,
    ));
    let samples = lines::samples(&report.samples, false);
    if samples.is_empty() {
        text
    } else {
        format!("{text}\n{samples}")
    }
}

fn asked(report: &QueryReport) -> String {
    if report.addresses.is_empty() || report.addresses == [report.target.as_str()] {
        return format!("{}, without authentication", report.target);
    }
    format!(
        "{} ({}), without authentication",
        report.target,
        report.addresses.join(", ")
    )
}
