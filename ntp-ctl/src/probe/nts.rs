//! The page of `ntp-ctl nts`.

use super::lines;
use crate::pages::{fact, fit, stopped};
use crate::terminal::wrap;
use crate::units::{count, seconds, span};
use ntp_observe::NtsKeReason;
use ntp_probe::{Certificate, KeyFacts, NtsReport};

/// The remaining validity below which a certificate gets a warning, in seconds.
const SOON: i64 = 14 * DAY;

/// A day in seconds.
const DAY: i64 = 86_400;

/// The page for people, `width` columns wide; its first line is the verdict.
pub(super) fn page(report: &NtsReport, width: usize) -> String {
    let mut text = verdict(report, width);
    text.push_str(&remarks(report, width));
    text.push('\n');
    text.push_str(&fact("Asked", &report.target, width));
    let clock = format!(
        "{} (this machine's; certificates are checked against it)",
        lines::whole(report.clock)
    );
    text.push_str(&fact("Clock", &clock, width));
    if let Some(keys) = &report.keys {
        text.push_str(&establishment(keys, report.new_cookies, width));
    }
    text.push_str(&lines::time(
        report.outcome.as_ref().ok(),
        report.server.as_ref(),
        width,
    ));
    for (place, certificate) in report.certificates.iter().enumerate() {
        text.push('\n');
        text.push_str(&certificate_lines(certificate, place, width));
    }
    let samples = lines::samples(&report.samples, true);
    if samples.is_empty() {
        text
    } else {
        format!("{text}\n{samples}")
    }
}

fn verdict(report: &NtsReport, width: usize) -> String {
    let failure = match &report.outcome {
        Ok(measured) => {
            let aead = report.keys.as_ref().map_or("NTS", |keys| keys.aead);
            let sentence = format!(
                "NTS works: time from {} is authenticated with {aead}; this machine's clock is {}.",
                measured.address,
                lines::offset(measured)
            );
            return fit(&sentence, width);
        }
        Err(failure) => failure,
    };
    let sentence = format!("NTS does NOT work: {}", stopped(&failure.message));
    let mut text = format!("{}{}", fit(&sentence, width), lines::remedy(failure, width));
    if NtsKeReason::from(failure.code) == NtsKeReason::CertificateUnknownIssuer {
        text.push_str(&wrap(
            "  What to do: ",
            "to trust that authority, name its file with --ca.",
            width,
        ));
    }
    let worked: Vec<String> = report.stages.iter().map(ToString::to_string).collect();
    if !worked.is_empty() {
        text.push_str(&wrap(
            "  Worked: ",
            &format!("{}.", worked.join(", ")),
            width,
        ));
    }
    text.push_str(&wrap(
        "  Failed: ",
        &format!("{} ({}).", failure.stage, failure.code),
        width,
    ));
    text
}

/// Warnings and notes about a server that works.
fn remarks(report: &NtsReport, width: usize) -> String {
    let mut text = String::new();
    if let Some(keys) = report.keys.as_ref().filter(|keys| keys.remaining_s < SOON) {
        let warning = format!(
            "the certificate expires in {}, at {}; the operator should renew it now.",
            left(keys.remaining_s),
            keys.valid_until
        );
        text.push_str(&wrap("  Warning: ", &warning, width));
    }
    if report.exporter_untold {
        let note = "the server exports the keys of AES-128-GCM-SIV as RFC 8915 demands, but does \
                    not announce it in key establishment, as others do; so the first request \
                    failed.";
        text.push_str(&wrap("  Note: ", note, width));
    }
    text
}

fn establishment(keys: &KeyFacts, new_cookies: usize, width: usize) -> String {
    let named = if keys.ntp_server_is_another {
        "named by the NTS-KE server"
    } else {
        "the host of the NTS-KE server"
    };
    let server = format!(
        "{} at UDP port {}, {named} ({})",
        keys.ntp_server,
        keys.ntp_port,
        keys.ntp_addresses.join(", ")
    );
    let cookies = u64::try_from(keys.cookies).unwrap_or(u64::MAX);
    let cookies = format!(
        "{} of {} octets; {new_cookies} new came with replies",
        count(cookies, "cookie"),
        keys.cookie_bytes
    );
    [
        (
            "NTS-KE",
            format!("{} in {}", keys.address, seconds(keys.took_s)),
        ),
        (
            "TLS",
            format!("1.3, {}, {}", keys.key_exchange, keys.cipher_suite),
        ),
        ("AEAD", format!("{} ({})", keys.aead, keys.aead_id)),
        ("Cookies", cookies),
        ("NTP server", server),
    ]
    .map(|(name, line)| fact(name, &line, width))
    .concat()
}

fn certificate_lines(certificate: &Certificate, place: usize, width: usize) -> String {
    let title = if place == 0 {
        "Certificate"
    } else {
        "Issued by"
    };
    let nameless = certificate.subject.is_empty();
    let subject = if nameless {
        "(no subject, only names)"
    } else {
        &certificate.subject
    };
    let mut text = fact(title, subject, width);
    let mut add = |name: &str, line: &str| text.push_str(&fact(&format!("  {name}"), line, width));
    if !certificate.names.is_empty() {
        add("for", &certificate.names.join(", "));
    }
    add("issuer", &certificate.issuer);
    add("valid", &validity(certificate));
    add("key", &certificate.key);
    add(
        "SHA-256",
        &format!("{} (for pinned-keys)", certificate.key_sha256),
    );
    text
}

fn validity(certificate: &Certificate) -> String {
    let left = match certificate.remaining_s {
        ended if ended < 0 => format!("ended {} ago", left(-ended)),
        remaining => format!("{} left", left(remaining)),
    };
    format!(
        "{} to {} ({left})",
        certificate.not_before, certificate.not_after
    )
}

/// The remaining time in whole days, or exactly below two days.
fn left(remaining_s: i64) -> String {
    let days = remaining_s / DAY;
    #[expect(
        clippy::cast_precision_loss,
        reason = "of a time of less than two days"
    )]
    let short = || span(remaining_s as f64);
    if days >= 2 {
        format!("{days} days")
    } else {
        short()
    }
}
