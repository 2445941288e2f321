//! The first line of the pages, and the lines that follow from it: alarms, further reasons,
//! warnings, remedies.

use crate::messages::{Message, system};
use crate::pages::{fit, stopped};
use crate::terminal::{columns, wrap};
use crate::units::seconds;
use ntp_observe::{ClockMode, Document, SystemReason};

/// The verdict on the clock with its error bound: one line, or lines of at most `width` columns.
pub(crate) fn line(document: &Document, width: usize) -> String {
    fit(&sentence(document), width)
}

fn sentence(document: &Document) -> String {
    let system = &document.system;
    match (system.synchronized, system.reasons.as_slice()) {
        (true, _) => synchronized(document),
        (false, [SystemReason::LocalClock { stratum }]) => {
            format!(
                "Healthy: serving this machine's own clock at stratum {stratum}, as configured."
            )
        }
        (false, [reason, ..]) => format!(
            "NOT synchronized: {}.",
            system::reason(reason, document).cause
        ),
        (false, []) => "NOT synchronized: the daemon gives no reason.".to_owned(),
    }
}

fn synchronized(document: &Document) -> String {
    let system = &document.system;
    let bound = match system.error_bound_s {
        Some(bound) => format!("right to within {}", seconds(bound)),
        None => "right, but its error bound is not known".to_owned(),
    };
    let counts = system.source_counts;
    let agreement = match (counts.agreeing, counts.known) {
        (1, 0 | 1) => "1 source".to_owned(),
        // One agrees with none: the others cannot be used.
        (1, known) => format!("1 of {known} sources can be used"),
        (agreeing, known) => format!("{agreeing} of {known} sources agree"),
    };
    if document.clock.mode == ClockMode::Virtual {
        format!("Synchronized (virtual clock): {bound} ({agreement}).")
    } else {
        format!("Synchronized: the clock is {bound} ({agreement}).")
    }
}

/// The lines between the verdict and the facts.
pub(crate) fn advice(document: &Document, width: usize) -> String {
    let mut text = String::new();
    let alarm = system::clock_alarm(&document.clock);
    if let Some(alarm) = &alarm {
        text.push_str(&advise("", "!! ", alarm, width));
    }
    let serves_on_purpose = document.system.is_healthy() && !document.system.synchronized;
    if !serves_on_purpose {
        text.push_str(&reasons(document, alarm.is_some(), width));
    }
    if let Some(note) = system::virtual_note(&document.clock) {
        text.push_str(&wrap("  Note: ", &format!("{note}."), width));
    }
    text
}

/// Reasons and warnings. Those about steering are left out where an alarm has said them.
fn reasons(document: &Document, alarmed: bool, width: usize) -> String {
    let mut text = String::new();
    for (index, reason) in document.system.reasons.iter().enumerate() {
        let message = system::reason(reason, document);
        // The verdict has said the first one.
        let said = index == 0 && !document.system.synchronized;
        if alarmed && is_about_steering(reason) {
            continue;
        }
        if !said {
            text.push_str(&advise("  ", "Also: ", &message, width));
            continue;
        }
        if let Some(detail) = &message.detail {
            text.push_str(&wrap("  ", &format!("{}.", capitalized(detail)), width));
        }
        text.push_str(&remedy(&message, width));
    }
    for warning in &document.system.warnings {
        text.push_str(&advise(
            "  ",
            "Warning: ",
            &system::reason(warning, document),
            width,
        ));
    }
    text
}

fn advise(indent: &str, title: &str, message: &Message, width: usize) -> String {
    let Message {
        cause,
        detail,
        remedy,
    } = message;
    let detail = detail
        .as_deref()
        .map(|detail| format!(" ({detail})"))
        .unwrap_or_default();
    let first = format!("{indent}{title}");
    // A short remedy goes into the same line.
    let together = remedy
        .as_deref()
        .map(|remedy| stopped(&format!("{cause}{detail}; {remedy}")));
    match together.filter(|together| columns(&first) + columns(together) <= width) {
        Some(together) => wrap(&first, &together, width),
        None => format!(
            "{}{}",
            wrap(&first, &format!("{cause}{detail}."), width),
            self::remedy(message, width)
        ),
    }
}

fn remedy(message: &Message, width: usize) -> String {
    message
        .remedy
        .as_deref()
        .map(|remedy| wrap("  What to do: ", &stopped(remedy), width))
        .unwrap_or_default()
}

fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

fn is_about_steering(reason: &SystemReason) -> bool {
    matches!(
        reason,
        SystemReason::MeasuringOnly | SystemReason::ClockNotSteerable { .. }
    )
}
