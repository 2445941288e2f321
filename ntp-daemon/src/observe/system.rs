//! The state of the system, with the reasons for it.

use super::clock::obstacle;
use super::dates::{date, unix_date};
use super::nts;
use crate::client::rivals::Program;
use crate::context::DaemonContext;
use ntp_observe::{
    DisciplineFacts, DisciplineName, DisciplineState, Leap, SourceCounts, SystemFacts, SystemReason,
};
use ntp_os_clock::Clock;
use ntp_proto::client::entry::SourceEntry;
use ntp_proto::client::{AssociationState, Client};
use ntp_proto::clock::{
    Authentication, ClockProcess, DisciplineKind, Doubt, Halt, LoopState, Outcome, Standing,
};
use ntp_proto::packet::{LeapIndicator, ReferenceId, Stratum};
use ntp_proto::server::ServedState;
use ntp_proto::time::{Frequency, Now, PollInterval, Seconds};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The number of sources from which a falseticker can be outvoted.
const ENOUGH_TO_OUTVOTE: usize = 3;
/// The number of poll intervals without an update after which a warning is due.
const STALE_AFTER_POLLS: f64 = 8.0;
/// The time for which another program that has steered the clock is shown.
const RIVALRY_SHOWN: Duration = Duration::from_secs(3600);

/// `known` is the number of all sources, those without an address included.
pub(super) fn facts(
    client: &Client,
    clock: &Clock,
    context: &DaemonContext,
    now: Now,
    known: usize,
) -> SystemFacts {
    let process = client.clock();
    let free = process.timescale().to_free(now.local);
    let served = client.served_state(now);
    let synchronized = process.is_synchronized(free);
    let offset = process.remaining_offset(now);
    let system = process.system();
    let bound = system.map(|system| system.root_distance_at(free));
    let all = known_reasons(client, clock, context, now, known);
    let watched = process.watched(now);
    let mut warnings = warnings(client, now, synchronized);
    warnings.extend(rivalry(context, now).filter(|_| synchronized));
    SystemFacts {
        synchronized,
        stratum: served.stratum.to_bits(),
        leap: leap(served.leap),
        reference_id: (served.stratum < Stratum::UNSYNCHRONIZED)
            .then(|| reference(client, &served)),
        reference_time: system.map(|system| date(system.reference_time)),
        last_update_ago_s: system.map(|system| (free - system.updated).to_f64().max(0.0)),
        offset_s: offset.map(Seconds::to_f64),
        jitter_s: offset.map(|_| process.jitter().to_f64()),
        // The error of the clock has the opposite sign of its correction.
        frequency_ratio: process
            .frequency_uncertainty()
            .map(|_| -process.frequency().to_f64()),
        frequency_uncertainty_ratio: process.frequency_uncertainty().map(Frequency::to_f64),
        root_delay_s: system.map(|system| system.root_delay.to_f64()),
        root_dispersion_s: system.map(|system| system.root_dispersion_at(free).to_f64()),
        error_bound_s: bound.map(|bound| bound.max(offset.unwrap_or_default().abs()).to_f64()),
        watched_offset_s: watched.map(|(offset, _)| offset.to_f64()),
        watched_for_s_more: watched.map(|(_, left)| left.to_f64()),
        precision_s: Some(process.precision().seconds().to_f64()),
        poll_s: process
            .wanted_poll()
            .map(|_| shortest_poll(client).seconds().to_f64()),
        accumulated_steps_s: process.accumulated_steps().unwrap_or_default().to_f64(),
        accumulated_steps_threshold_s: process.config().steps.accumulated.map(Seconds::to_f64),
        step_count: process.step_count(),
        discipline: discipline(process),
        source_counts: counts(client, known),
        reasons: if synchronized {
            Vec::new()
        } else {
            all.clone()
        },
        warnings: if synchronized {
            all.into_iter().chain(warnings).collect()
        } else {
            warnings
        },
    }
}

pub(super) fn leap(leap: LeapIndicator) -> Leap {
    match leap {
        LeapIndicator::NoWarning => Leap::None,
        LeapIndicator::Insert => Leap::Insert,
        LeapIndicator::Delete => Leap::Delete,
        LeapIndicator::Unsynchronized => Leap::Unsynchronized,
    }
}

fn discipline(process: &ClockProcess) -> DisciplineFacts {
    let state = match process.loop_state() {
        LoopState::Unset => DisciplineState::NeverSet,
        LoopState::Measuring => DisciplineState::MeasuringFrequency,
        LoopState::Synchronized => DisciplineState::Synchronized,
        LoopState::Spike => DisciplineState::Spike,
    };
    let name = match process.config().discipline {
        DisciplineKind::Estimate => DisciplineName::Estimate,
        DisciplineKind::PllFll => DisciplineName::PllFll,
    };
    DisciplineFacts { name, state }
}

fn counts(client: &Client, known: usize) -> SourceCounts {
    let (usable, agreeing, needed) = match client.clock().selection().outcome {
        Outcome::NobodyUsable => (0, 0, 1),
        Outcome::NoMajority {
            usable,
            agreeing,
            needed,
        } => (usable, agreeing, needed),
        Outcome::Waiting { usable, pending } => (usable, usable, (usable + pending) / 2 + 1),
        Outcome::Agreed {
            usable,
            agreeing,
            needed,
            ..
        } => (usable, agreeing, needed),
        Outcome::AwaitingAuthenticated { plain } | Outcome::NoneAuthenticated { plain } => {
            (plain, 0, 1)
        }
        Outcome::Unwitnessed { usable, .. } => (usable, 1, 2),
    };
    let needed = needed.max(client.clock().config().minimum_agreeing);
    SourceCounts {
        known: count(known),
        usable: count(usable),
        agreeing: count(agreeing),
        needed: count(needed),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Our reference identifier as text. That of a source over IPv6 is a hash.
fn reference(client: &Client, served: &ServedState) -> String {
    let addresses = client
        .members()
        .map(|member| member.association().address().ip());
    let peer = addresses
        .into_iter()
        .find(|address| ReferenceId::from_address(*address) == served.reference_id);
    served.reference_id.text(
        served.stratum,
        peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    )
}

/// The reasons for which the clock is not corrected now, the most important first.
fn known_reasons(
    client: &Client,
    clock: &Clock,
    context: &DaemonContext,
    now: Now,
    known: usize,
) -> Vec<SystemReason> {
    let process = client.clock();
    let free = process.timescale().to_free(now.local);
    let local = process.is_local_reference(free);
    let own_clock = SystemReason::LocalClock {
        stratum: process.config().local_stratum.to_bits(),
    };
    if local && client.entries().is_empty() {
        // Nothing is missing: the configuration asks for this.
        return vec![own_clock];
    }
    let mut reasons = Vec::new();
    reasons.extend(process.halted().map(|halt| halt_reason(halt, context)));
    // Without sources there is nothing to confirm the clock: it is right as it was set.
    if let Some(disturbance) = process
        .disturbance()
        .filter(|_| !client.entries().is_empty())
    {
        reasons.push(SystemReason::ClockDisturbed {
            by_s: disturbance.step.to_seconds(),
            suspended_s: disturbance.suspended.as_secs_f64(),
        });
    }
    if let Some((offset, left)) = process.watched(now) {
        reasons.push(SystemReason::LargeOffsetWatched {
            offset_s: offset.to_f64(),
            left_s: left.to_f64(),
        });
    }
    reasons.extend(selection_reason(client, context, known, now));
    if !process.steers() {
        reasons.push(match obstacle(clock, context) {
            Some(ntp_observe::SteeringObstacle::AsConfigured) | None => SystemReason::MeasuringOnly,
            Some(cause) => SystemReason::ClockNotSteerable { cause },
        });
    }
    if local {
        reasons.push(own_clock);
    }
    // An offset that is reported already makes the error bound large.
    let reported =
        process.halted().is_some() || process.disturbance().is_some() || process.is_watching();
    if process.steers() && !reported {
        reasons.extend(distance_reason(process, now));
    }
    if !process.is_synchronized(free) {
        reasons.extend(rivalry(context, now));
    }
    if reasons.is_empty() && !process.is_synchronized(free) {
        reasons.push(SystemReason::WaitingForSamples);
    }
    reasons
}

/// The reason for which the clock is left alone.
fn halt_reason(halt: Halt, context: &DaemonContext) -> SystemReason {
    match halt {
        Halt::Panic { offset, limit } => SystemReason::PanicThreshold {
            offset_s: offset.to_f64(),
            limit_s: limit.to_f64(),
        },
        Halt::AccumulatedSteps { sum, limit } => SystemReason::AccumulatedStepsExceeded {
            sum_s: sum.to_f64(),
            limit_s: limit.to_f64(),
        },
        Halt::ClockRefused => SystemReason::ClockSetError {
            error: context.clock_error.clone().unwrap_or_default(),
        },
        // The correction that is needed has the opposite sign of the clock's error.
        Halt::RateBeyondLimit { needed, limit } => SystemReason::RateBeyondLimit {
            frequency_ratio: -needed.to_f64(),
            limit_ratio: limit.to_f64(),
        },
    }
}

/// The reason for which the error bound of the clock exceeds the limit, if it does.
fn distance_reason(process: &ClockProcess, now: Now) -> Option<SystemReason> {
    let free = process.timescale().to_free(now.local);
    let system = process.system()?;
    let limit = process.config().maximum_distance;
    if system.root_distance_at(system.updated) > limit {
        // It was too far off when it was measured, so its age is not the reason.
        Some(SystemReason::DistanceTooLarge {
            distance_s: system.root_distance_at(free).to_f64(),
            limit_s: limit.to_f64(),
        })
    } else {
        (system.root_distance_at(free) > limit).then(|| SystemReason::LastUpdateTooOld {
            age_s: (free - system.updated).to_f64(),
        })
    }
}

/// Another program that has steered the clock a short while ago.
fn rivalry(context: &DaemonContext, now: Now) -> Option<SystemReason> {
    let rivalry = context
        .rivalry
        .as_ref()
        .filter(|rivalry| now.mono.since(rivalry.last) < RIVALRY_SHOWN)?;
    let suspect = |program: &Program| format!("{} ({})", program.name, program.pid);
    Some(SystemReason::ClockSteeredByOther {
        set_ratio: rivalry.latest.ordered.to_f64(),
        found_ratio: rivalry.latest.found.to_f64(),
        count: rivalry.count,
        suspects: rivalry.suspects.iter().map(suspect).collect(),
    })
}

fn unwitnessed(source: u64, doubt: Doubt) -> SystemReason {
    match doubt {
        Doubt::CertificateUnproven => SystemReason::CertificateUnproven { source },
        Doubt::Implausible { claimed, until } => SystemReason::ImplausibleTime {
            source,
            claimed: date(claimed),
            limit: unix_date(until),
        },
    }
}

/// The first NTS key establishment that has had no answer for some seconds.
fn silent_key_establishment(
    client: &Client,
    context: &DaemonContext,
    now: Now,
) -> Option<SystemReason> {
    client.entries().iter().find_map(|entry| {
        let waited_s = nts::silent_for(entry, now.mono)?;
        Some(SystemReason::KeyEstablishmentSilent {
            ke_server: context.name_of(entry.id()),
            waited_s,
        })
    })
}

fn selection_reason(
    client: &Client,
    context: &DaemonContext,
    known: usize,
    now: Now,
) -> Option<SystemReason> {
    match client.clock().selection().outcome {
        Outcome::Agreed { .. } => None,
        Outcome::AwaitingAuthenticated { plain } => Some(SystemReason::WaitingForAuthenticated {
            plain: count(plain),
        }),
        Outcome::NoneAuthenticated { plain } => Some(SystemReason::NoAuthenticatedSource {
            plain: count(plain),
        }),
        Outcome::Unwitnessed { source, doubt, .. } => {
            Some(unwitnessed(source.number().into(), doubt))
        }
        Outcome::Waiting { usable, pending } => {
            let wanted: usize = client.entries().iter().map(SourceEntry::wanted).sum();
            // A source that may not decide alone waits for another one, even if there is none.
            let pending = pending.min(wanted.saturating_sub(usable));
            Some(if pending == 0 {
                SystemReason::NoSourceUsable {
                    known: count(known),
                }
            } else {
                SystemReason::WaitingForQuorum {
                    answered: count(usable),
                    pending: count(pending),
                }
            })
        }
        Outcome::NobodyUsable => Some(none_usable(client, context, known, now)),
        Outcome::NoMajority {
            usable,
            agreeing,
            needed,
        } if agreeing > usable / 2 => Some(SystemReason::TooFewAgreeing {
            agreeing: count(agreeing),
            needed: count(needed),
        }),
        Outcome::NoMajority {
            usable,
            agreeing,
            needed,
        } => Some(SystemReason::NoMajority {
            usable: count(usable),
            agreeing: count(agreeing),
            needed: count(needed),
            disagreeing: disagreeing(client),
        }),
    }
}

/// The numbers of the sources that contradict one another.
fn disagreeing(client: &Client) -> Vec<u64> {
    let split = |member: &&ntp_proto::client::Member| {
        matches!(
            client.state_of(member),
            AssociationState::Judged(Standing::NoMajority)
        )
    };
    client
        .members()
        .filter(split)
        .map(|member| member.association().id().number().into())
        .collect()
}

fn none_usable(client: &Client, context: &DaemonContext, known: usize, now: Now) -> SystemReason {
    let (members, entries) = (client.members().count(), client.entries());
    let silent = client
        .members()
        .all(|member| member.association().counters().received == 0);
    let hope = client
        .members()
        .any(|member| member.association().is_pending())
        || entries.iter().any(SourceEntry::is_pending);
    if entries.is_empty() {
        SystemReason::NoSourcesConfigured
    } else if hope && silent && members == 0 {
        silent_key_establishment(client, context, now).unwrap_or(SystemReason::Starting)
    } else if hope && silent {
        SystemReason::WaitingForFirstReplies {
            asked: count(known),
        }
    } else {
        SystemReason::NoSourceUsable {
            known: count(known),
        }
    }
}

/// The shortest poll interval of all associations.
fn shortest_poll(client: &Client) -> PollInterval {
    client
        .members()
        .map(|member| member.association().poll())
        .min()
        .unwrap_or(PollInterval::MAX)
}

/// The warnings that hold even if the clock is right.
fn warnings(client: &Client, now: Now, synchronized: bool) -> Vec<SystemReason> {
    let mut warnings = Vec::new();
    let wanted: usize = client.entries().iter().map(SourceEntry::wanted).sum();
    let looking = client.entries().iter().any(SourceEntry::is_pending);
    let possible = if looking {
        wanted
    } else {
        client.members().count()
    };
    if (1..ENOUGH_TO_OUTVOTE).contains(&possible) {
        warnings.push(SystemReason::FewSources {
            count: count(possible),
        });
    }
    warnings.extend(unauthenticated(client));
    let process = client.clock();
    if let Some(system) = process.system().filter(|_| synchronized) {
        let age = process.timescale().to_free(now.local) - system.updated;
        if age > shortest_poll(client).seconds() * STALE_AFTER_POLLS {
            warnings.push(SystemReason::LastUpdateTooOld {
                age_s: age.to_f64(),
            });
        }
    }
    warnings
}

/// The warning that the time in use comes without NTS although NTS is preferred.
fn unauthenticated(client: &Client) -> Option<SystemReason> {
    let preferred = client.clock().config().authentication == Authentication::Prefer;
    let with_nts = client
        .entries()
        .iter()
        .filter(|entry| entry.is_nts())
        .count();
    let plain = matches!(
        client.clock().selection().outcome,
        Outcome::Agreed {
            authenticated: 0,
            ..
        }
    );
    (preferred && with_nts > 0 && plain).then(|| SystemReason::Unauthenticated {
        with_nts: count(with_nts),
    })
}
