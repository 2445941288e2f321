//! The state of an association, and in it the reason.

use super::{Client, Event};
use crate::association::{Association, Discard};
use crate::clock::{Selection, Standing};
use crate::packet::KissCode;

/// The state of an association with its reason.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AssociationState {
    /// It takes part in the selection, with this result.
    Judged(Standing),
    /// It answers, but has not been judged yet.
    Measured,
    /// It has just been asked for the first times.
    NoReplyYet {
        /// Requests sent so far.
        sent: u64,
    },
    /// It does not answer, or not any more.
    Unreachable {
        /// Requests in a row without an answer.
        unanswered: u32,
    },
    /// It answers, but nothing that can be used, for this reason.
    Unusable(Discard),
    /// The server refused us (kiss codes DENY and RSTR).
    Demobilized(KissCode),
    /// Requests to it cannot be sent, with this operating system error number.
    SendFailed(i32),
}

/// After this many unanswered requests, a server that has never answered counts as unreachable.
const HOPELESS: u32 = 4;

/// States between which a change is reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StateClass {
    Starting,
    InUse,
    Falseticker,
    TooDistant,
    NoMajority,
    NotAuthenticated,
    Unwitnessed,
    Unusable,
    Unreachable,
    Demobilized,
    SendFailed,
}

impl StateClass {
    /// The number of polls over which a state must last before it is reported. States that every
    /// reply can change take three.
    pub(super) const fn polls_to_last(self) -> u64 {
        match self {
            Self::Falseticker
            | Self::TooDistant
            | Self::NoMajority
            | Self::Unwitnessed
            | Self::Unusable => 3,
            Self::NotAuthenticated
            | Self::Starting
            | Self::InUse
            | Self::Unreachable
            | Self::Demobilized
            | Self::SendFailed => 0,
        }
    }
}

impl AssociationState {
    pub(super) const fn class(&self) -> StateClass {
        match self {
            Self::Judged(Standing::SystemPeer | Standing::Combined | Standing::Outlier) => {
                StateClass::InUse
            }
            Self::Judged(
                Standing::Falseticker { .. } | Standing::ContradictsAuthenticated { .. },
            ) => StateClass::Falseticker,
            Self::Judged(Standing::NotAuthenticated) => StateClass::NotAuthenticated,
            Self::Judged(Standing::Unwitnessed(_)) => StateClass::Unwitnessed,
            Self::Judged(Standing::TooDistant { .. }) => StateClass::TooDistant,
            Self::Judged(Standing::NoMajority) => StateClass::NoMajority,
            Self::Judged(Standing::WaitingForQuorum | Standing::WaitingForAuthenticated)
            | Self::Measured
            | Self::NoReplyYet { .. } => StateClass::Starting,
            Self::Unusable(_) => StateClass::Unusable,
            Self::Unreachable { .. } => StateClass::Unreachable,
            Self::Demobilized(_) => StateClass::Demobilized,
            Self::SendFailed(_) => StateClass::SendFailed,
        }
    }
}

impl Client {
    /// Reports every change of a source's state once; one for the worse only if it lasts, or a
    /// server could fill the log.
    pub(super) fn report_transitions(&mut self) {
        for (id, member) in &mut self.members {
            let state = state_of(&member.association, self.clock.selection());
            let class = state.class();
            if member
                .reported
                .is_some_and(|reported| reported.class() == class)
            {
                member.pending_report = None;
                continue;
            }
            let sent = member.association.counters().sent;
            let (pending_report, since) = *member.pending_report.get_or_insert((class, sent));
            if pending_report != class {
                member.pending_report = Some((class, sent));
            }
            let lasting = pending_report == class && sent >= since + class.polls_to_last();
            if lasting {
                member.pending_report = None;
                let from = member.reported.replace(state);
                self.events.push_back(Event::AssociationChanged {
                    id: *id,
                    address: member.association.address(),
                    from,
                    to: state,
                });
            }
        }
    }
}

pub(super) fn state_of(association: &Association, selection: &Selection) -> AssociationState {
    if let Some(kiss) = association.demobilized() {
        return AssociationState::Demobilized(kiss);
    }
    if let Some(error) = association.send_error() {
        return AssociationState::SendFailed(error);
    }
    match association.problem() {
        // A plea to slow down says nothing about the time.
        None | Some(Discard::Kiss(KissCode::Rate)) => {}
        Some(problem) if association.unanswered() == 0 => {
            return AssociationState::Unusable(problem);
        }
        Some(_) => {}
    }
    if association.reach().is_reachable() {
        return selection
            .standing(association.id())
            .map_or(AssociationState::Measured, AssociationState::Judged);
    }
    if let Some(doubt) = association.doubt() {
        // The server does send datagrams: that is not silence.
        return AssociationState::Unusable(doubt.discard);
    }
    if association.counters().measured == 0 && association.unanswered() < HOPELESS {
        AssociationState::NoReplyYet {
            sent: association.counters().sent,
        }
    } else {
        AssociationState::Unreachable {
            unanswered: association.unanswered(),
        }
    }
}
