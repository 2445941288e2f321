//! What the log says about the client's events: transitions, with their reason.

use crate::observe::Facts;
use ntp_proto::client::{Event, Removal, SourceState};
use ntp_proto::clock::{ClockEvent, Doubt, Halt, Standing};
use std::net::SocketAddr;

/// Writes an event into the log.
pub(crate) fn tell(event: &Event, facts: &Facts) {
    match event {
        Event::Resolve { host, .. } => tracing::debug!(%host, "looking up"),
        Event::Unresolved { group, error } => {
            tracing::warn!(
                name = facts.name_of(*group),
                "the name cannot be looked up and will be tried again: {error}"
            );
        }
        Event::Establish { host, port, .. } => tracing::debug!(%host, port, "establishing keys for NTS"),
        Event::Established { group, algorithm, cookies } => {
            tracing::info!(name = facts.name_of(*group), %algorithm, cookies, "keys for NTS established");
        }
        Event::NotEstablished { group, failure } => tracing::warn!(
            name = facts.name_of(*group),
            stage = failure.stage,
            "no keys for NTS, which will be tried again: {}",
            failure.message
        ),
        Event::SameServer { group, rival } => tracing::warn!(
            name = facts.name_of(*group),
            "this source leads to the same server as {}, and one clock counts once: it is not used; name another server",
            facts.name_of(*rival)
        ),
        Event::TimeDoubted => tracing::warn!(
            "no source with NTS can be used, as certificates have expired by this clock: the clock, or the last known time in the \
             state file, is doubted, and certificates are judged as at a first start"
        ),
        Event::SourceAdded { address, group, .. } => {
            tracing::info!(%address, name = facts.name_of(*group), "new source");
        }
        Event::SourceRemoved { address, reason, .. } => {
            let why = match reason {
                Removal::Useless => "it brought nothing of use",
                Removal::Falseticker => "it kept contradicting the majority",
                Removal::Denied => "it denied us",
                Removal::Moved => "its name has another address",
                Removal::Authenticated => "a source with NTS has the same server",
                Removal::Certificate => "its certificate is not valid now that the time is known",
            };
            tracing::info!(%address, "source replaced: {why}");
        }
        Event::SourceChanged { address, from, to, .. } => tell_source(*address, from.as_ref(), to),
        Event::Clock(event) => tell_clock(event, facts),
    }
}

fn tell_source(address: SocketAddr, from: Option<&SourceState>, to: &SourceState) {
    match to {
        SourceState::Judged(Standing::Falseticker { offset, missed_by, truechimers }) => tracing::warn!(
            %address, offset_s = offset.to_f64(), missed_by_s = missed_by.to_f64(), majority = truechimers,
            "falseticker: the source contradicts the majority"
        ),
        SourceState::Judged(Standing::ContradictsAuthenticated { offset, missed_by, authenticated }) => tracing::warn!(
            %address, offset_s = offset.to_f64(), missed_by_s = missed_by.to_f64(), authenticated,
            "the source contradicts those with NTS and is not used"
        ),
        SourceState::Judged(Standing::Unwitnessed(doubt)) => tell_doubt(address, *doubt),
        SourceState::Judged(Standing::TooDistant { distance, limit }) => tracing::warn!(
            %address, distance_s = distance.to_f64(), limit_s = limit.to_f64(),
            "the source could be wrong by more than is accepted"
        ),
        SourceState::Judged(Standing::NoMajority) => {
            tracing::warn!(%address, "the sources contradict each other and no majority agrees");
        }
        SourceState::Unreachable { unanswered } => tracing::warn!(%address, unanswered, "the source does not answer"),
        SourceState::Unusable(discard) => {
            tracing::warn!(%address, reason = ?discard, "the source's replies cannot be used");
        }
        SourceState::Demobilized(kiss) => tracing::warn!(%address, ?kiss, "the source told us to go away"),
        SourceState::SendFailed(error) => {
            let error = std::io::Error::from_raw_os_error(*error);
            tracing::warn!(%address, "cannot send to the source: {error}");
        }
        SourceState::Judged(standing) => {
            let recovered = matches!(from, Some(SourceState::Unreachable { .. } | SourceState::SendFailed(_)));
            if recovered {
                tracing::info!(%address, ?standing, "the source answers again");
            } else {
                tracing::debug!(%address, ?standing, "the source was judged");
            }
        }
        SourceState::Measured | SourceState::NoReplyYet { .. } => tracing::debug!(%address, ?to, "source"),
    }
}

fn tell_doubt(address: SocketAddr, doubt: Doubt) {
    match doubt {
        Doubt::CertificateUnproven => tracing::warn!(
            %address,
            "the clock was never right, so that the certificate of this source cannot be judged, and no other source agrees \
             with it: the clock is left alone. Add a source, set the clock by hand and restart, or allow it with \
             first-time-from = \"single\" in [synchronization]"
        ),
        Doubt::Implausible { until, .. } => tracing::warn!(
            %address, limit = ntp_observe::Date::from_unix(until, 0).to_string(),
            "the only source that can be used has no NTS and claims a time that is implausible: the clock is left alone. Add a \
             source that agrees, or one with NTS"
        ),
    }
}

fn tell_clock(event: &ClockEvent, facts: &Facts) {
    match event {
        ClockEvent::Synchronized => tracing::info!("the clock is synchronised"),
        ClockEvent::Lost => tracing::warn!("the clock is no longer synchronised"),
        ClockEvent::Resumed => tracing::info!("the clock is being corrected again"),
        ClockEvent::Stepped(step) if facts.warn_on_jump => {
            tracing::warn!(step_s = step.to_f64(), "the clock was stepped");
        }
        ClockEvent::Stepped(step) => tracing::info!(step_s = step.to_f64(), "the clock was stepped"),
        ClockEvent::Halted(Halt::Panic { offset, limit }) => tracing::error!(
            offset_s = offset.to_f64(),
            limit_s = limit.to_f64(),
            "the clock is off by more than the panic threshold and is left alone; if the sources are right, set it by \
             hand (and remove the state file of [storage], if it holds a wrong time) or raise the threshold in \
             [synchronization], then restart"
        ),
        ClockEvent::Halted(Halt::AccumulatedSteps { sum, limit }) => tracing::error!(
            sum_s = sum.to_f64(),
            limit_s = limit.to_f64(),
            "all steps together would exceed accumulated-step-panic-threshold; the clock is left alone. If the sources \
             are right, remove the state file or raise the threshold, then restart"
        ),
        ClockEvent::Halted(Halt::ClockRefused) => {
            tracing::error!("the operating system refused a correction of the clock");
        }
        ClockEvent::Halted(Halt::RateBeyondLimit { needed, limit }) => tracing::error!(
            needed_ppm = needed.to_f64() * 1e6,
            limit_ppm = limit.to_f64() * 1e6,
            "the clock's rate is off by more than can be corrected, so that its error grows; the clock source of this machine \
             is broken: see /sys/devices/system/clocksource/clocksource0/available_clocksource for others"
        ),
        ClockEvent::Disturbed(disturbance) if !disturbance.suspended.is_zero() => tracing::info!(
            suspended_s = disturbance.suspended.as_secs(),
            "the machine was suspended; the clock is confirmed anew"
        ),
        ClockEvent::Disturbed(disturbance) => tracing::warn!(
            step_s = disturbance.step.to_seconds(),
            "another program has set the clock; it is confirmed anew. If another time service runs here, stop one of the two"
        ),
    }
}
