//! Sources with and without NTS: which of them vote, which of them must agree with the others, and
//! which may not decide alone.

use super::intersection::{Agreement, Claim};
use super::selection::{Candidate, Standing};
use crate::time::NtpTimestamp;

/// The weight of sources with and without NTS against each other (`[synchronization]
/// authentication`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Authentication {
    /// Sources without NTS never set the clock.
    Require,
    /// While a source with NTS can be used, those without must agree with it.
    #[default]
    Prefer,
    /// All sources vote alike.
    Mix,
}

/// The sources that may set a clock that was never right, when certificates cannot be judged
/// (`[synchronization] first-time-from`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FirstTime {
    /// A source with NTS and another source that agrees with it.
    #[default]
    Witness,
    /// A single source with NTS.
    Single,
}

/// A reason for which a source may not set the clock unless another one agrees with it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Doubt {
    /// Its certificate was judged without knowing the time.
    CertificateUnproven,
    /// It has no NTS and claims a time later than any that one source is believed alone.
    Implausible {
        /// The time that it claims.
        claimed: NtpTimestamp,
        /// The latest time that would be believed, in seconds of Unix time.
        until: i64,
    },
}

/// Sources that have yet to be heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Awaited {
    /// All that have yet to have their first say; they count as if they disagreed.
    pub sources: usize,
    /// Those of them with NTS.
    pub authenticated: usize,
    /// A source with NTS was heard before, and is silent for so short a time that none without NTS
    /// takes its place.
    pub silent: bool,
}

impl Awaited {
    /// Those that are still waited for when the first decision has been made.
    pub(super) fn once_decided(self) -> Self {
        Self {
            silent: self.silent,
            ..Self::default()
        }
    }

    /// Says whether a source with NTS may still be heard.
    pub(super) const fn has_authenticated(self) -> bool {
        self.authenticated > 0 || self.silent
    }
}

/// A source with a claim that is precise enough.
pub(super) type Usable<'a> = (&'a Candidate, Claim);

/// The usable sources by what they may do.
pub(super) struct Ballot<'a> {
    /// Those that vote.
    pub(super) voters: Vec<Usable<'a>>,
    /// Those that are used if they agree with the voters.
    pub(super) followers: Vec<Usable<'a>>,
    /// Those that cannot be used, and why not.
    pub(super) excluded: Vec<(&'a Candidate, Standing)>,
    /// Sources that may still come to vote.
    pub(super) pending: usize,
}

impl<'a> Ballot<'a> {
    pub(super) fn new(usable: Vec<Usable<'a>>, policy: Authentication, awaited: Awaited) -> Self {
        let all = |voters| Self {
            voters,
            followers: Vec::new(),
            excluded: Vec::new(),
            pending: awaited.sources,
        };
        if policy == Authentication::Mix {
            return all(usable);
        }
        let (sealed, plain): (Vec<_>, Vec<_>) = usable
            .into_iter()
            .partition(|(source, _)| source.authenticated);
        let with = |voters, followers, excluded| Self {
            voters,
            followers,
            excluded,
            pending: awaited.authenticated,
        };
        let barred = |standing| {
            plain
                .iter()
                .map(|(source, _)| (*source, standing))
                .collect()
        };
        match policy {
            Authentication::Require => with(sealed, Vec::new(), barred(Standing::NotAuthenticated)),
            _ if !sealed.is_empty() => with(sealed, plain, Vec::new()),
            _ if awaited.has_authenticated() => with(
                Vec::new(),
                Vec::new(),
                barred(Standing::WaitingForAuthenticated),
            ),
            _ => all(plain),
        }
    }

    /// The number of voters that must agree: a strict majority of those that are there and those
    /// that may still come.
    pub(super) fn quorum(&self) -> usize {
        (self.voters.len() + self.pending) / 2 + 1
    }

    /// Voters and followers that touch the agreed interval.
    pub(super) fn agreeing<'s>(
        &'s self,
        agreement: &'s Agreement,
    ) -> impl Iterator<Item = &'s Usable<'a>> {
        let touches = |(_, claim): &&Usable<'a>| agreement.missed_by(claim).is_none();
        self.voters.iter().chain(&self.followers).filter(touches)
    }

    /// The standings of those that miss the agreed interval.
    pub(super) fn missing(&self, agreement: &Agreement) -> Vec<(&'a Candidate, Standing)> {
        let truechimers = agreement.truechimers;
        let voters = self.voters.iter().filter_map(|(source, claim)| {
            let missed_by = agreement.missed_by(claim)?;
            Some((
                *source,
                Standing::Falseticker {
                    offset: claim.offset,
                    missed_by,
                    truechimers,
                },
            ))
        });
        let followers = self.followers.iter().filter_map(|(source, claim)| {
            let missed_by = agreement.missed_by(claim)?;
            let (offset, authenticated) = (claim.offset, truechimers);
            Some((
                *source,
                Standing::ContradictsAuthenticated {
                    offset,
                    missed_by,
                    authenticated,
                },
            ))
        });
        voters.chain(followers).collect()
    }
}
