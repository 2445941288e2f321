//! Reasons of the system and of the clock, in sentences with a remedy. Text for people is made here and nowhere else.

use ntp_observe::{ClockFacts, ClockMode, Document, SteeringObstacle, SystemReason};

use crate::authentication_words;
use crate::source_words;
use crate::units::{behind, count, seconds, span};

/// A reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// What is the matter: a sentence without a capital letter and without a full stop.
    pub(crate) what: String,
    /// What the operator can do, in the same form; `None` when there is nothing to be done.
    pub(crate) remedy: Option<String>,
}

impl Words {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn plain(what: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: None }
    }

    /// Both in one sentence.
    pub(crate) fn whole(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {remedy}", self.what),
            None => self.what.clone(),
        }
    }
}

/// Why the clock is not synchronised, or what to be warned of.
pub(crate) fn system(reason: &SystemReason, document: &Document) -> Words {
    match reason {
        SystemReason::Starting
        | SystemReason::NoSourcesConfigured
        | SystemReason::WaitingForFirstReplies { .. }
        | SystemReason::WaitingForQuorum { .. }
        | SystemReason::WaitingForSamples => beginning(reason),
        SystemReason::WaitingForAuthenticated { .. }
        | SystemReason::NoAuthenticatedSource { .. }
        | SystemReason::CertificateUnproven { .. }
        | SystemReason::ImplausibleTime { .. }
        | SystemReason::Unauthenticated { .. }
        | SystemReason::KeyEstablishmentSilent { .. } => authentication_words::system(reason, document),
        SystemReason::NoSourceUsable { .. }
        | SystemReason::NoMajority { .. }
        | SystemReason::TooFewAgreeing { .. }
        | SystemReason::FewSources { .. }
        | SystemReason::LocalClock { .. } => selection(reason, document),
        SystemReason::DistanceTooLarge { .. } | SystemReason::LastUpdateTooOld { .. } => ageing(reason),
        SystemReason::ClockNotSteerable { .. }
        | SystemReason::MeasuringOnly
        | SystemReason::PanicThreshold { .. }
        | SystemReason::AccumulatedStepsExceeded { .. }
        | SystemReason::ClockSetError { .. }
        | SystemReason::ClockMovedByOther { .. }
        | SystemReason::ClockSteeredByOther { .. } => correction(reason),
        SystemReason::Unknown { code } => unknown(code),
    }
}

pub(crate) fn unknown(code: &str) -> Words {
    Words::new(
        format!("the daemon gives the reason `{code}`, which this ntp-ctl does not know"),
        "use the ntp-ctl of the same release as the daemon",
    )
}

fn beginning(reason: &SystemReason) -> Words {
    match reason {
        SystemReason::NoSourcesConfigured => Words::new(
            "no source is configured",
            "name at least one in the configuration file, in a section [[source]] with mode and address (three or more \
             are best), or start the daemon with -p pool.ntp.org",
        ),
        SystemReason::WaitingForQuorum { answered, pending } => Words::new(
            format!("{} of {} sources have answered so far", answered, answered + pending),
            "wait: ten seconds after the first answer, those that are there decide",
        ),
        SystemReason::WaitingForFirstReplies { asked } => Words::new(
            format!("none of {} has answered yet", count(u64::from(*asked), "source")),
            "wait a few seconds; if it stays so, the reasons beside the sources say more: mostly a firewall blocks UDP \
             port 123, or the network is down",
        ),
        SystemReason::WaitingForSamples => Words::new(
            "the sources answer, but have not given enough samples to be judged yet",
            "wait for a few more polls",
        ),
        _ => Words::new("the daemon has just started", "wait a few seconds and ask again"),
    }
}

fn selection(reason: &SystemReason, document: &Document) -> Words {
    match reason {
        SystemReason::NoMajority { usable, agreeing, needed, disagreeing } => Words::new(
            format!(
                "the sources contradict one another: of {usable} usable, at most {agreeing} agree, and it takes \
                 {needed}{}",
                outside(disagreeing, document)
            ),
            "find out who is wrong and remove it, or add sources until the true ones are the majority (with four, one \
             liar is outvoted)",
        ),
        SystemReason::TooFewAgreeing { agreeing, needed } => Words::new(
            format!(
                "only {} {}, and it takes {needed}",
                count(u64::from(*agreeing), "source"),
                if *agreeing == 1 { "is left that agrees" } else { "agree" }
            ),
            "add sources, mend those that are not used, or lower [synchronization] minimum-agreeing-sources",
        ),
        SystemReason::FewSources { count: sources } => Words::new(
            match sources {
                1 => "there is only 1 source: nobody would notice if it were wrong".to_owned(),
                number => format!(
                    "there are only {}: they cannot outvote one that is wrong",
                    count((*number).into(), "source")
                ),
            },
            "configure at least three, better four",
        ),
        SystemReason::LocalClock { stratum } => Words::new(
            format!("no source is used, and this machine's own clock is handed out at stratum {stratum}"),
            "this is what [synchronization] local-stratum asks for; see the reasons beside the sources",
        ),
        SystemReason::NoSourceUsable { known } => Words::new(
            match known {
                1 => "the only source cannot be used".to_owned(),
                number => format!("none of {} can be used", count((*number).into(), "source")),
            },
            "see the reason beside each source",
        ),
        other => unknown(other.code()),
    }
}

/// The names of the sources outside the largest group.
fn outside(disagreeing: &[u64], document: &Document) -> String {
    let names: Vec<String> =
        document.sources.iter().filter(|source| disagreeing.contains(&source.id)).map(source_words::label).collect();
    if names.is_empty() { String::new() } else { format!(" (outside the largest group: {})", names.join(", ")) }
}

fn ageing(reason: &SystemReason) -> Words {
    match reason {
        SystemReason::DistanceTooLarge { distance_s, limit_s } => Words::new(
            format!("the clock may be wrong by {}, and the limit is {}", seconds(*distance_s), seconds(*limit_s)),
            "use sources that are nearer or better; see the error bounds of the sources",
        ),
        SystemReason::LastUpdateTooOld { age_s } => Words::new(
            format!("the last measurement that could be used was {} ago", span(*age_s)),
            "see the reasons beside the sources: has the network gone?",
        ),
        other => unknown(other.code()),
    }
}

fn correction(reason: &SystemReason) -> Words {
    match reason {
        SystemReason::ClockNotSteerable { cause } => {
            let cause = obstacle(cause);
            Words { what: format!("the clock cannot be steered: {}", cause.what), remedy: cause.remedy }
        }
        SystemReason::MeasuringOnly => Words::new(
            "the daemon only measures and leaves the clock alone, as it was told to",
            "to have the clock steered, set [clock] mode = \"system\"",
        ),
        SystemReason::PanicThreshold { offset_s, limit_s } => Words::new(
            format!(
                "the clock is {}, and the daemon does not correct more than {} on its own",
                behind(*offset_s),
                seconds(*limit_s)
            ),
            "make sure that the sources are right; then set the clock by hand, or raise [synchronization] \
             single-step-panic-threshold or startup-step-panic-threshold, and restart the daemon",
        ),
        SystemReason::AccumulatedStepsExceeded { sum_s, limit_s } => Words::new(
            format!(
                "all steps of the clock would add up to {}, and the limit is {}",
                seconds(*sum_s),
                seconds(*limit_s)
            ),
            "find out why the clock has to be stepped so often; then raise [synchronization] \
             accumulated-step-panic-threshold and restart the daemon",
        ),
        SystemReason::ClockSetError { error } => Words::new(
            format!("the operating system refused to set the clock: {error}"),
            "see that the daemon has the capability CAP_SYS_TIME",
        ),
        SystemReason::ClockMovedByOther { by_s } => Words::new(
            format!("something else moved the clock by {}", crate::units::signed_seconds(*by_s)),
            "let only one program set the clock: look for another NTP daemon, a VM tool or a cron job",
        ),
        SystemReason::ClockSteeredByOther { found_ratio, suspects, .. } => Words::new(
            format!(
                "another program steers the clock too{}: it ran {:+.3} ppm instead of as this daemon had set it",
                if suspects.is_empty() { String::new() } else { format!(" (perhaps {})", suspects.join(" or ")) },
                found_ratio * 1e6
            ),
            "stop the other program: only one can steer the clock",
        ),
        other => unknown(other.code()),
    }
}

/// Why the machine's clock is not steered.
pub(crate) fn obstacle(obstacle: &SteeringObstacle) -> Words {
    match obstacle {
        SteeringObstacle::AsConfigured => {
            Words::new("the configuration wants it so", "to have it steered, set [clock] mode = \"system\"")
        }
        SteeringObstacle::NotPermitted { error } => Words::new(
            format!("the daemon may not set it ({error})"),
            "give the daemon the capability CAP_SYS_TIME (a container needs --cap-add SYS_TIME), or run it on the host",
        ),
        SteeringObstacle::NotSupported { error } => Words::new(
            format!("this system has no way to steer it ({error})"),
            "set [clock] mode = \"virtual\" to serve the time without it",
        ),
        SteeringObstacle::Failed { error } => {
            Words::new(format!("setting it failed ({error})"), "see the daemon's log, mend the cause and restart it")
        }
        SteeringObstacle::Unknown { code } => unknown(code),
    }
}

/// The loud line for a clock that is not what people think it is; `None` when the machine's clock is steered.
pub(crate) fn clock_alarm(clock: &ClockFacts) -> Option<Words> {
    let what = match (&clock.mode, clock.steering) {
        (ClockMode::System | ClockMode::Auto, true) => return None,
        (ClockMode::Virtual, true) => match clock.virtual_minus_system_s {
            // The virtual clock is ahead when the machine's is behind it.
            Some(lead) => format!(
                "THE MACHINE'S CLOCK IS NOT STEERED: the daemon keeps a virtual clock of its own, and the machine's \
                 clock is {} it",
                if lead == 0.0 { "level with".to_owned() } else { behind(lead).replace("ahead", "ahead of") }
            ),
            None => "THE MACHINE'S CLOCK IS NOT STEERED: the daemon keeps a virtual clock of its own".to_owned(),
        },
        (ClockMode::Virtual, false) => "NO CLOCK IS STEERED: the virtual clock is only measured".to_owned(),
        (ClockMode::Other(word), true) => format!("the daemon keeps a clock of the kind `{word}`"),
        (_, false) | (ClockMode::None, true) => "THE CLOCK IS NOT STEERED: the daemon only measures".to_owned(),
    };
    let cause = clock.obstacle.as_ref().map(obstacle);
    Some(match cause {
        Some(cause) => Words { what: format!("{what}; {}", cause.what), remedy: cause.remedy },
        None => Words::plain(what),
    })
}
