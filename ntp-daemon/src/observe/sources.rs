//! The associations, and the names that have none yet.

use super::dates::{date, unix_date};
use super::nts;
use super::system::leap;
use crate::context::DaemonContext;
use crate::os_error;
use ntp_config::SourceKind;
use ntp_observe::{
    OneWay, PacketCounts, SourceFacts, SourceMode, SourceReason, SourceState, TimestampCounts,
};
use ntp_proto::StableWord;
use ntp_proto::association::{Association, Discard};
use ntp_proto::client::entry::{SourceEntry, SourceEntryId};
use ntp_proto::client::{AssociationState as State, Client, Member};
use ntp_proto::clock::{Doubt, Filtered, Outcome, Standing};
use ntp_proto::packet::KissCode;
use ntp_proto::time::{Now, Seconds};
use std::collections::BTreeMap;

/// In the order of the configuration, the members of a pool together, and a line for each name
/// without an address.
pub(super) fn facts(client: &Client, context: &DaemonContext, now: Now) -> Vec<SourceFacts> {
    let mut all = Vec::new();
    for entry in client.entries() {
        let members: Vec<&Member> = client
            .members()
            .filter(|member| member.entry() == entry.id())
            .collect();
        let missing = members.len() < entry.wanted();
        all.extend(
            members
                .iter()
                .map(|member| of_member(client, entry, member, context, now)),
        );
        if members.is_empty() || (missing && entry.failure().is_some()) {
            all.push(of_missing(entry, context, now));
        }
    }
    all
}

fn mode_of(entry: SourceEntryId, context: &DaemonContext) -> SourceMode {
    match context.sources.get(entry).map(|entry| &entry.kind) {
        Some(SourceKind::Pool { .. }) => SourceMode::Pool,
        Some(SourceKind::Nts { .. }) => SourceMode::Nts,
        Some(SourceKind::Server { .. }) | None => SourceMode::Server,
    }
}

fn of_missing(entry: &SourceEntry, context: &DaemonContext, now: Now) -> SourceFacts {
    let next_try = entry.retry_at().map(|at| at.since(now.mono).as_secs_f64());
    let retry_in_s = entry.failure().and(next_try);
    let reason = match entry.failure() {
        _ if entry.rival().is_some() => SourceReason::SameServer {
            source: entry
                .rival()
                .map(|rival| context.name_of(rival))
                .unwrap_or_default(),
        },
        _ if entry.is_nts() => nts::why_missing(entry, now.mono),
        Some((error, _)) => SourceReason::NameNotResolved {
            error: error.to_owned(),
            retry_in_s,
        },
        None if entry.is_pending() => SourceReason::Resolving,
        None => SourceReason::NoAddressesLeft {
            retry_in_s: next_try,
        },
    };
    SourceFacts {
        name: context.name_of(entry.id()),
        mode: mode_of(entry.id(), context),
        state: SourceState::Unresolved,
        reason,
        retry_in_s,
        refused_addresses: refused_addresses(entry),
        nts: nts::of_source(entry, None, context, now),
        ..SourceFacts::default()
    }
}

fn of_member(
    client: &Client,
    entry: &SourceEntry,
    member: &Member,
    context: &DaemonContext,
    now: Now,
) -> SourceFacts {
    let source = member.association();
    let (state, reason) = state_and_reason(client, member);
    let reason = nts::useless(member).unwrap_or_else(|| network_reason(reason, member));
    let last_reply = source.last_reply();
    let header = last_reply.map(|last_reply| last_reply.header);
    SourceFacts {
        id: source.id().number().into(),
        name: context.name_of(member.entry()),
        address: Some(source.address().to_string()),
        mode: mode_of(member.entry(), context),
        state,
        reason,
        notes: notes(member)
            .into_iter()
            .chain(nts::notes(entry, member, now.mono))
            .collect(),
        stratum: header.map(|header| header.stratum.to_bits()),
        leap: header.map(|header| leap(header.leap)),
        version: version(source),
        reference_id: header.map(|header| {
            header
                .reference_id
                .text(header.stratum, source.address().ip())
        }),
        poll_s: Some(source.poll().seconds().to_f64()),
        reach: source.reach().bits(),
        unanswered_polls: source.unanswered(),
        last_reply_ago_s: last_reply.map(|last_reply| now.mono.since(last_reply.at).as_secs_f64()),
        next_poll_in_s: source
            .demobilized()
            .is_none()
            .then(|| source.next_poll().since(now.mono).as_secs_f64()),
        retry_in_s: member
            .revive_at()
            .map(|at| at.since(now.mono).as_secs_f64()),
        rate_limited: source.is_rate_limited(),
        refused_addresses: refused_addresses(entry),
        answered_from: answered_from(source),
        nts: nts::of_source(entry, Some(member), context, now),
        ..measured(client, member, now)
    }
}

/// The measurements and the counters of an association; the other fields are left empty.
fn measured(client: &Client, member: &Member, now: Now) -> SourceFacts {
    let opinion = client.opinion_of(member, now);
    let filtered = opinion.map(|(_, filtered)| filtered);
    let best = filtered.map(|filtered| filtered.best);
    let refused = member.association().last_reply().map(|last_reply| {
        (
            last_reply.header.root_delay.to_seconds(),
            last_reply.header.root_dispersion.to_seconds(),
        )
    });
    let root = best
        .map(|best| (best.root.delay, best.root.dispersion))
        .or(refused);
    let distance = opinion.map(|(_, filtered)| client.distance_of(member, now, filtered));
    let counters = member.association().counters();
    SourceFacts {
        offset_s: opinion.map(|(offset, _)| offset.to_f64()),
        delay_s: best.map(|best| best.delay().to_f64()),
        dispersion_s: filtered.map(|filtered| filtered.dispersion.to_f64()),
        jitter_s: filtered.map(|filtered| filtered.jitter.to_f64()),
        root_delay_s: root.map(|(delay, _)| delay.to_f64()),
        root_dispersion_s: root.map(|(_, dispersion)| dispersion.to_f64()),
        error_bound_s: distance.map(Seconds::to_f64),
        one_way: opinion.map(|(offset, filtered)| one_way(&filtered, offset)),
        packets: PacketCounts {
            sent: counters.sent,
            received: counters.received,
            valid: counters.measured,
            unanswered: counters.sent.saturating_sub(counters.measured),
        },
        discards: counters
            .discards
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(word, n)| (word.to_owned(), n))
            .collect(),
        timestamps: timestamps(counters.transmit_stamps, counters.receive_stamps),
        ..SourceFacts::default()
    }
}

fn refused_addresses(entry: &SourceEntry) -> BTreeMap<String, String> {
    let refused = entry.refused_addresses().iter();
    refused
        .map(|refused| (refused.address.to_string(), refused.fault.word().to_owned()))
        .collect()
}

/// The one-way delays of the exchange that counts, against our clock as it is now.
fn one_way(filtered: &Filtered, offset: Seconds) -> OneWay {
    let half = filtered.best.delay() * 0.5;
    // T2 − T1 contains the offset, T4 − T3 its negative.
    OneWay {
        outbound_s: (half + offset).to_f64(),
        inbound_s: (half - offset).to_f64(),
    }
}

fn timestamps(
    [transmit_daemon, transmit_kernel, transmit_hardware]: [u64; 3],
    receive: [u64; 3],
) -> TimestampCounts {
    let [receive_daemon, receive_kernel, receive_hardware] = receive;
    TimestampCounts {
        transmit_hardware,
        transmit_kernel,
        transmit_daemon,
        receive_hardware,
        receive_kernel,
        receive_daemon,
    }
}

fn notes(member: &Member) -> Vec<SourceReason> {
    let source = member.association();
    let mut notes = Vec::new();
    if source.is_rate_limited() {
        notes.push(SourceReason::RateLimited {
            poll_s: source.poll().seconds().to_f64(),
        });
    }
    notes.extend(source.unreachable().map(unreachable));
    notes
}

/// The reason for which requests do not arrive, as the network reported it.
fn unreachable(os_error: i32) -> SourceReason {
    if os_error::is_closed_port(os_error) {
        SourceReason::PortUnreachable
    } else {
        SourceReason::Unreachable {
            cause: os_error::cause(os_error),
            error: os_error::text(os_error),
        }
    }
}

/// The cause that the network reported, if there is one and the server is silent.
fn network_reason(reason: SourceReason, member: &Member) -> SourceReason {
    let silent = matches!(
        reason,
        SourceReason::NoReplyYet { .. } | SourceReason::NoReply { .. }
    );
    member
        .association()
        .unreachable()
        .filter(|_| silent)
        .map_or(reason, unreachable)
}

/// The version of the last reply, even if it is not supported.
fn version(source: &Association) -> Option<u8> {
    match source.doubt().map(|doubt| doubt.discard) {
        Some(Discard::UnknownVersion(version)) => Some(version),
        _ => source
            .last_reply()
            .map(|last_reply| last_reply.header.version.to_bits()),
    }
}

fn answered_from(source: &Association) -> Option<String> {
    let doubt = source
        .doubt()
        .filter(|doubt| doubt.discard == Discard::WrongAddress)?;
    Some(doubt.from.to_string())
}

fn state_and_reason(client: &Client, member: &Member) -> (SourceState, SourceReason) {
    match &client.state_of(member) {
        State::Judged(standing) => judged(client, standing),
        State::Measured => (
            SourceState::Waiting,
            SourceReason::TooFewSamples { have: 1, need: 2 },
        ),
        State::NoReplyYet { sent } => (
            SourceState::Waiting,
            SourceReason::NoReplyYet { sent: *sent },
        ),
        State::Unreachable { unanswered } => (
            SourceState::Unreachable,
            SourceReason::NoReply {
                unanswered: *unanswered,
            },
        ),
        State::Unusable(discard) => (
            SourceState::Unusable,
            unusable(*discard, member.association()),
        ),
        State::Demobilized(KissCode::Deny) => (SourceState::Demobilized, SourceReason::KissDeny),
        State::Demobilized(_) => (SourceState::Demobilized, SourceReason::KissRstr),
        State::SendFailed(error) => {
            let (cause, error) = (os_error::cause(*error), os_error::text(*error));
            (
                SourceState::Unreachable,
                SourceReason::SendFailed { cause, error },
            )
        }
    }
}

fn unusable(discard: Discard, source: &Association) -> SourceReason {
    match discard {
        Discard::Unsynchronized => SourceReason::ServerUnsynchronized,
        Discard::Loop => SourceReason::SynchronizationLoop,
        Discard::Kiss(KissCode::Rate) => SourceReason::RateLimited {
            poll_s: source.poll().seconds().to_f64(),
        },
        other => SourceReason::RepliesDiscarded {
            last: other.word().into(),
        },
    }
}

fn judged(client: &Client, standing: &Standing) -> (SourceState, SourceReason) {
    match *standing {
        Standing::SystemPeer => (SourceState::Selected, SourceReason::SystemPeer),
        Standing::Combined => (SourceState::Combined, SourceReason::UsedInTheMean),
        Standing::Outlier => (SourceState::Outlier, SourceReason::ClusterOutlier),
        Standing::Falseticker {
            offset,
            missed_by,
            truechimers,
        } => (
            SourceState::Falseticker,
            SourceReason::IntervalDisagrees {
                offset_s: offset.to_f64(),
                by_s: missed_by.to_f64(),
                majority: u32::try_from(truechimers).unwrap_or(u32::MAX),
            },
        ),
        Standing::ContradictsAuthenticated {
            offset,
            missed_by,
            authenticated,
        } => (
            SourceState::Falseticker,
            SourceReason::ContradictsAuthenticated {
                offset_s: offset.to_f64(),
                by_s: missed_by.to_f64(),
                authenticated: u32::try_from(authenticated).unwrap_or(u32::MAX),
            },
        ),
        Standing::NotAuthenticated => (SourceState::Unusable, SourceReason::NotAuthenticated),
        Standing::WaitingForAuthenticated => {
            (SourceState::Waiting, SourceReason::WaitingForAuthenticated)
        }
        Standing::Unwitnessed(Doubt::CertificateUnproven) => {
            (SourceState::Waiting, SourceReason::NtsCertificateTime)
        }
        Standing::Unwitnessed(Doubt::Implausible { claimed, until }) => (
            SourceState::Waiting,
            SourceReason::ImplausibleTime {
                claimed: date(claimed),
                limit: unix_date(until),
            },
        ),
        Standing::TooDistant { distance, limit } => (
            SourceState::Unusable,
            SourceReason::DistanceTooLarge {
                distance_s: distance.to_f64(),
                limit_s: limit.to_f64(),
            },
        ),
        Standing::NoMajority | Standing::WaitingForQuorum => (
            SourceState::Waiting,
            undecided(&client.clock().selection().outcome),
        ),
    }
}

/// The reason for which a usable source is not used: others contradict it, or those that agree are
/// too few.
fn undecided(outcome: &Outcome) -> SourceReason {
    let few = |agreeing, needed| {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        SourceReason::WaitingForQuorum {
            agreeing: count(agreeing),
            needed: count(needed),
        }
    };
    match *outcome {
        Outcome::Waiting { usable, pending } => few(usable, (usable + pending) / 2 + 1),
        Outcome::NoMajority {
            usable,
            agreeing,
            needed,
        } if agreeing > usable / 2 => few(agreeing, needed),
        _ => SourceReason::WaitingForMajority,
    }
}
