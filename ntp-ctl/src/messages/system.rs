//! Reasons of the system and of the clock, in sentences with a remedy.

use crate::messages::{Message, authentication, headline, source_name};
use crate::units::{behind, count, percent, ppm, seconds, signed_seconds, span};
use ntp_observe::{ClockFacts, ClockMode, Document, SteeringObstacle, SystemReason};

/// The message for a reason or a warning of the system.
pub(crate) fn reason(reason: &SystemReason, document: &Document) -> Message {
    match reason {
        SystemReason::Starting
        | SystemReason::NoSourcesConfigured
        | SystemReason::WaitingForFirstReplies { .. }
        | SystemReason::WaitingForQuorum { .. }
        | SystemReason::WaitingForSamples => beginning(reason, document),
        SystemReason::WaitingForAuthenticated { .. }
        | SystemReason::NoAuthenticatedSource { .. }
        | SystemReason::CertificateUnproven { .. }
        | SystemReason::ImplausibleTime { .. }
        | SystemReason::Unauthenticated { .. }
        | SystemReason::KeyEstablishmentSilent { .. } => authentication::system(reason, document),
        SystemReason::NoSourceUsable { .. }
        | SystemReason::NoMajority { .. }
        | SystemReason::TooFewAgreeing { .. }
        | SystemReason::FewSources { .. }
        | SystemReason::LocalClock { .. } => selection(reason, document),
        SystemReason::DistanceTooLarge { .. } | SystemReason::LastUpdateTooOld { .. } => {
            aging(reason)
        }
        SystemReason::ClockNotSteerable { .. }
        | SystemReason::MeasuringOnly
        | SystemReason::PanicThreshold { .. }
        | SystemReason::AccumulatedStepsExceeded { .. }
        | SystemReason::LargeOffsetWatched { .. }
        | SystemReason::ClockDisturbed { .. }
        | SystemReason::RateBeyondLimit { .. }
        | SystemReason::ClockSetError { .. }
        | SystemReason::ClockMovedByOther { .. }
        | SystemReason::ClockSteeredByOther { .. } => correction(reason),
        SystemReason::Unknown { code } => Message::unknown(code),
    }
}

fn beginning(reason: &SystemReason, document: &Document) -> Message {
    match reason {
        SystemReason::NoSourcesConfigured => Message::new(
            "no source is configured",
            "name at least one in the configuration file, in a section [[source]] with mode and \
             address (three or more are best), or start the daemon with -p pool.ntp.org",
        ),
        SystemReason::WaitingForQuorum { answered, pending } => Message::new(
            match (answered, answered + pending) {
                (1, all) => format!("1 of {all} sources has answered so far"),
                (answered, all) => format!("{answered} of {all} sources have answered so far"),
            },
            "wait: ten seconds after the first answer, the sources that have answered decide",
        ),
        SystemReason::WaitingForFirstReplies { asked } => {
            headline::of(document).unwrap_or_else(|| {
                Message::new(
                    match asked {
                        1 => "the only source has not answered yet".to_owned(),
                        number => format!("none of {number} sources has answered yet"),
                    },
                    "wait a few seconds; if it stays so, see the reasons below the table",
                )
            })
        }
        SystemReason::WaitingForSamples => Message::new(
            "the sources have not given enough samples yet",
            "wait for a few more polls",
        ),
        _ => headline::of(document).unwrap_or_else(|| {
            Message::new(
                "the daemon has just started",
                "wait a few seconds and run `ntp-ctl status` again",
            )
        }),
    }
}

fn selection(reason: &SystemReason, document: &Document) -> Message {
    match reason {
        SystemReason::NoMajority { usable: 0 | 1, .. } => Message::new(
            "the only usable source reports an impossible time",
            "see the reasons below the table, and use another source",
        ),
        SystemReason::NoMajority {
            usable,
            agreeing,
            needed,
            disagreeing,
        } => Message::new(
            match agreeing {
                0 | 1 => format!("the {usable} usable sources contradict one another"),
                agreeing => {
                    format!("the sources contradict one another: only {agreeing} of {usable} agree")
                }
            },
            "find out which one is wrong (`ntp-ctl sources`) and remove it, or add sources until \
             the right ones are the majority (with four, a single one that is wrong is outvoted)",
        )
        .with_detail(Some(format!(
            "it takes {needed} that agree{}",
            outside(*agreeing, disagreeing, document)
        ))),
        SystemReason::TooFewAgreeing { agreeing, needed } => Message::new(
            match agreeing {
                1 => format!("only 1 source can be used, and it takes {needed} that agree"),
                number => format!("only {number} sources agree, and it takes {needed}"),
            },
            "add sources, fix those that are not used, or lower [synchronization] \
             minimum-agreeing-sources",
        ),
        SystemReason::FewSources { count: 1 } => Message::new(
            "1 source alone cannot be checked",
            "configure three, better four",
        ),
        SystemReason::FewSources { count } => Message::new(
            format!("{count} sources cannot outvote each other"),
            "configure three, better four",
        ),
        SystemReason::LocalClock { stratum } => Message::plain(format!(
            "this machine's own clock is served at stratum {stratum} meanwhile, as local-stratum \
             configures"
        )),
        SystemReason::NoSourceUsable { known } => headline::of(document).unwrap_or_else(|| {
            Message::new(
                match known {
                    1 => "the only source cannot be used".to_owned(),
                    number => format!("none of {} can be used", count((*number).into(), "source")),
                },
                "see the reasons below the table",
            )
        }),
        other => Message::unknown(other.word()),
    }
}

/// The names of the sources outside the largest group, if there is one.
fn outside(agreeing: u32, disagreeing: &[u64], document: &Document) -> String {
    if agreeing < 2 {
        return String::new();
    }
    let names: Vec<String> = document
        .sources
        .iter()
        .filter(|source| disagreeing.contains(&source.id))
        .map(source_name::label)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; outside the largest group: {}", names.join(", "))
    }
}

fn aging(reason: &SystemReason) -> Message {
    match reason {
        SystemReason::DistanceTooLarge {
            distance_s,
            limit_s,
        } => Message::new(
            format!(
                "the clock may be wrong by {}, and the limit is {}",
                seconds(*distance_s),
                seconds(*limit_s)
            ),
            "use sources that are nearer or better; `ntp-ctl sources` shows their error bounds",
        ),
        SystemReason::LastUpdateTooOld { age_s } => Message::new(
            format!("the last usable measurement was {} ago", span(*age_s)),
            "see the reasons below the table: is the network down?",
        ),
        other => Message::unknown(other.word()),
    }
}

fn correction(reason: &SystemReason) -> Message {
    match reason {
        SystemReason::ClockNotSteerable { cause } => obstacle(cause),
        SystemReason::MeasuringOnly => Message::new(
            "the daemon only measures and leaves the clock alone",
            "this is what [clock] mode = \"none\" means; to have the clock steered, set mode = \
             \"system\"",
        ),
        SystemReason::PanicThreshold { offset_s, limit_s } => Message::new(
            format!(
                "the clock is {}; the limit is {}",
                behind(*offset_s),
                seconds(*limit_s)
            ),
            "check the sources (`ntp-ctl sources`); then set the clock by hand (`date -s`), or \
             raise [synchronization] single-step-panic-threshold or startup-step-panic-threshold, \
             and restart the daemon",
        )
        .with_detail(Some(
            "the daemon does not correct more than that on its own".to_owned(),
        )),
        SystemReason::AccumulatedStepsExceeded { sum_s, limit_s } => Message::new(
            format!(
                "all steps would add up to {}; the limit is {}",
                seconds(*sum_s),
                seconds(*limit_s)
            ),
            "find out why the clock has to be stepped so often; then raise [synchronization] \
             accumulated-step-panic-threshold and restart the daemon",
        ),
        SystemReason::LargeOffsetWatched { offset_s, left_s } => Message::new(
            format!(
                "the clock is {}; it will be set in {} unless that goes away",
                behind(*offset_s),
                seconds(*left_s)
            ),
            "wait; if the clock is right and the sources are wrong, remove them or stop the daemon \
             before that",
        ),
        SystemReason::ClockDisturbed { .. }
        | SystemReason::ClockMovedByOther { .. }
        | SystemReason::ClockSteeredByOther { .. } => disturbed(reason),
        SystemReason::RateBeyondLimit {
            frequency_ratio,
            limit_ratio,
        } => rate_beyond_limit(*frequency_ratio, *limit_ratio),
        SystemReason::ClockSetError { error } => Message::new(
            "the operating system refused to set the clock",
            "give the daemon the capability CAP_SYS_TIME",
        )
        .with_detail(some(error)),
        other => Message::unknown(other.word()),
    }
}

/// The rate of the clock cannot be corrected in full.
fn rate_beyond_limit(frequency_ratio: f64, limit_ratio: f64) -> Message {
    Message::new(
        format!(
            "the clock's rate is off by {}, more than can be corrected",
            percent(frequency_ratio.abs())
        ),
        "look for another clock source \
         (/sys/devices/system/clocksource/clocksource0/available_clocksource), or have the machine \
         repaired: its error grows all the time",
    )
    .with_detail(Some(format!(
        "left alone, it runs {}; the limit is {}",
        if frequency_ratio < 0.0 {
            "slow"
        } else {
            "fast"
        },
        percent(limit_ratio)
    )))
}

/// Something other than the daemon has changed the clock.
fn disturbed(reason: &SystemReason) -> Message {
    match reason {
        SystemReason::ClockDisturbed { suspended_s, .. } if *suspended_s > 0.0 => Message::new(
            format!(
                "the machine slept for {}; the clock is being confirmed",
                span(*suspended_s)
            ),
            "wait some seconds for the sources to answer",
        ),
        SystemReason::ClockDisturbed { by_s, .. } => Message::new(
            format!(
                "the clock was set by {} from outside; being confirmed",
                signed_seconds(*by_s)
            ),
            "wait some seconds; if it happens again, let only one program set the clock: look for \
             another NTP daemon, a VM tool or a cron job",
        ),
        SystemReason::ClockMovedByOther { by_s } => Message::new(
            format!(
                "something else moved the clock by {}",
                signed_seconds(*by_s)
            ),
            "let only one program set the clock: look for another NTP daemon, a VM tool or a cron \
             job",
        ),
        SystemReason::ClockSteeredByOther {
            found_ratio,
            suspects,
            ..
        } => Message::new(
            match suspects.as_slice() {
                [] => "another program steers the clock too".to_owned(),
                [one] => format!("another program steers the clock too, perhaps {one}"),
                several => format!(
                    "another program steers the clock too: {}",
                    several.join(" or ")
                ),
            },
            "stop the other program (`systemctl disable --now` with its unit): only one can steer \
             the clock",
        )
        .with_detail(Some(format!(
            "it ran at {}, which this daemon had not set",
            ppm(*found_ratio)
        ))),
        other => Message::unknown(other.word()),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The message for an obstacle to steering the machine's clock.
pub(crate) fn obstacle(obstacle: &SteeringObstacle) -> Message {
    match obstacle {
        SteeringObstacle::AsConfigured => Message::new(
            "the daemon leaves the machine's clock alone, as configured",
            "to have it steered, set [clock] mode = \"system\"",
        ),
        SteeringObstacle::NotPermitted { error } => Message::new(
            "the daemon may not set the clock",
            "give the daemon the capability CAP_SYS_TIME (a container needs --cap-add SYS_TIME), \
             or run it on the host",
        )
        .with_detail(some(error)),
        SteeringObstacle::NotSupported { error } => Message::new(
            "this system has no way to steer its clock",
            "set [clock] mode = \"virtual\" to serve the time without it",
        )
        .with_detail(some(error)),
        SteeringObstacle::Failed { error } => Message::new(
            "setting the clock failed",
            "see the daemon's log, fix the cause and restart the daemon",
        )
        .with_detail(some(error)),
        SteeringObstacle::Unknown { code } => Message::unknown(code),
    }
}

/// The alarm for a clock that is not steered although it should be; `None` when the machine's clock
/// is steered, or left alone as configured.
pub(crate) fn clock_alarm(clock: &ClockFacts) -> Option<Message> {
    let obstacle = clock
        .obstacle
        .as_ref()
        .filter(|obstacle| **obstacle != SteeringObstacle::AsConfigured)?;
    let what = match (&clock.mode, clock.steering) {
        (ClockMode::System | ClockMode::Auto, true) => return None,
        (ClockMode::Virtual, _) => {
            "THE MACHINE'S CLOCK IS NOT STEERED: the daemon keeps a virtual clock of its own"
        }
        (_, _) => "THE CLOCK IS NOT STEERED: the daemon only measures",
    };
    let Message {
        cause: why,
        detail,
        remedy,
    } = self::obstacle(obstacle);
    Some(Message {
        cause: what.to_owned(),
        detail: Some(detail.unwrap_or(why)),
        remedy,
    })
}

/// The difference up to which two clocks count as level, in seconds.
const LEVEL_S: f64 = 1e-6;

/// The note about the machine's clock beside a virtual one that is configured.
pub(crate) fn virtual_note(clock: &ClockFacts) -> Option<String> {
    let on_purpose = matches!(clock.obstacle, None | Some(SteeringObstacle::AsConfigured));
    if clock.mode != ClockMode::Virtual || !on_purpose {
        return None;
    }
    // The virtual clock is ahead when the machine's is behind it.
    let stands = match clock.virtual_minus_system_s {
        Some(lead) if lead.abs() < LEVEL_S => ", level with it".to_owned(),
        Some(lead) => format!(
            ", {}",
            behind(lead)
                .replace("ahead", "ahead of it")
                .replace("behind", "behind it")
        ),
        None => String::new(),
    };
    Some(format!("the machine's own clock is left alone{stands}"))
}
