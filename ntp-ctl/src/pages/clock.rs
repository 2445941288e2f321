//! The lines about the clock: four that are always shown, and the rest for `--verbose`.

use crate::messages::source_name::label;
use crate::pages::{FACT_COLUMN, fact};
use crate::terminal::shorten;
use crate::units::{behind, count, known, poll, ppm, seconds, signed_seconds, span};
use ntp_observe::{
    ClockFacts, ClockMode, Date, Document, Leap, SourceState, SystemFacts, SystemReason,
};

/// The lines about the clock, all of them if `verbose`.
pub(crate) fn lines(document: &Document, verbose: bool, width: usize) -> String {
    let system = &document.system;
    let room = width.saturating_sub(FACT_COLUMN);
    let mut facts = vec![
        ("Clock", clock_line(&document.clock)),
        ("Offset", offset_line(document)),
        ("Frequency", frequency_line(system)),
        ("Reference", reference_line(document, room)),
    ];
    if verbose {
        facts.extend([
            ("Error bound", bound_line(system)),
            ("Updates", update_line(system)),
            ("Steps", steps_line(system)),
            ("Daemon", daemon_line(document)),
        ]);
    }
    facts
        .into_iter()
        .map(|(name, text)| fact(name, &text, width))
        .collect()
}

fn clock_line(clock: &ClockFacts) -> String {
    let mode = match &clock.mode {
        ClockMode::System | ClockMode::Auto | ClockMode::None => "the machine's",
        ClockMode::Virtual => "a virtual one",
        ClockMode::Other(word) => word,
    };
    let steered = if clock.steering {
        "steered"
    } else {
        "not steered"
    };
    format!(
        "{mode}, {steered}; it reads {}",
        Date::from_unix(clock.now.unix_seconds(), 0)
    )
}

fn offset_line(document: &Document) -> String {
    let system = &document.system;
    let jitter = known(system.jitter_s, seconds);
    match system.offset_s {
        Some(offset) => match signed_seconds(offset) {
            none if none == "0 s" => format!("none left to correct, jitter {jitter}"),
            signed => format!(
                "{signed} (the clock is {}), jitter {jitter}",
                behind(offset)
            ),
        },
        None if document.sources.is_empty() => "not known, as there is no source".to_owned(),
        None => "not measured yet".to_owned(),
    }
}

fn frequency_line(system: &SystemFacts) -> String {
    let Some(ratio) = system.frequency_ratio else {
        return "not measured yet".to_owned();
    };
    let side = if ratio < 0.0 { "slow" } else { "fast" };
    let uncertainty = system
        .frequency_uncertainty_ratio
        .map(|uncertainty| format!(" ± {:.3} ppm", uncertainty * 1e6))
        .unwrap_or_default();
    format!(
        "{}{uncertainty} (left alone, the clock runs {side})",
        ppm(ratio)
    )
}

/// The line about our reference, within `room` columns.
fn reference_line(document: &Document, room: usize) -> String {
    let system = &document.system;
    let own = system
        .reasons
        .iter()
        .chain(&system.warnings)
        .any(|reason| matches!(reason, SystemReason::LocalClock { .. }));
    let leader = document
        .sources
        .iter()
        .find(|source| source.state == SourceState::Selected);
    let reference = match (leader, &system.reference_id) {
        _ if own => "this machine's own clock".to_owned(),
        // A reference that leaves us stratum 16 is followed and not passed on.
        (Some(leader), None) if system.synchronized => label(leader),
        (Some(leader), Some(_)) => label(leader),
        (None, Some(id)) => id.clone(),
        (_, None) => {
            return "none; replies to clients say that the clock is not synchronized".to_owned();
        }
    };
    let leap = match &system.leap {
        Leap::None => "",
        Leap::Insert => "; a leap second will be inserted",
        Leap::Delete => "; a leap second will be left out",
        Leap::Unsynchronized => "; announced as not synchronized",
        Leap::Other(_) => "; an unknown leap announcement",
    };
    let rest = format!(", stratum {}{leap}", system.stratum);
    let room = room.saturating_sub(rest.len()).max(8);
    format!("{}{rest}", shorten(&reference, room))
}

fn bound_line(system: &SystemFacts) -> String {
    match system.error_bound_s {
        Some(bound) => format!(
            "{} (root delay {}, root dispersion {})",
            seconds(bound),
            known(system.root_delay_s, seconds),
            known(system.root_dispersion_s, seconds)
        ),
        None => "not known".to_owned(),
    }
}

fn update_line(system: &SystemFacts) -> String {
    match system.last_update_ago_s {
        Some(ago) => {
            let id = system
                .reference_id
                .as_deref()
                .map(|id| format!("; reference id {id}"))
                .unwrap_or_default();
            format!(
                "the last one {} ago, one every {}{id}",
                span(ago),
                known(system.poll_s, poll)
            )
        }
        None => "none yet".to_owned(),
    }
}

fn steps_line(system: &SystemFacts) -> String {
    let since = match system.step_count {
        0 => "none since the start".to_owned(),
        number => format!("{} since the start", count(number, "step")),
    };
    let limit = system
        .accumulated_steps_threshold_s
        .map(|limit| format!(" (the limit is {})", seconds(limit)));
    if system.accumulated_steps_s == 0.0 && limit.is_none() {
        return since;
    }
    format!(
        "{since}; {} in all, those before the last restart included{}",
        seconds(system.accumulated_steps_s),
        limit.unwrap_or_default()
    )
}

fn daemon_line(document: &Document) -> String {
    let daemon = &document.daemon;
    let config = daemon
        .config_path
        .as_deref()
        .map(|path| format!(", configuration {path}"))
        .unwrap_or_default();
    format!(
        "version {}, process {}, running for {}{config}",
        daemon.version,
        daemon.pid,
        span(daemon.uptime_s)
    )
}
