//! Selection: fitness, intersection, cluster and combine in one pass (RFC 5905 §11.2).

use super::authentication::{Authentication, Awaited, Ballot, Doubt, Usable};
use super::cluster::{Truechimer, cluster};
use super::combine::{Combined, combine};
use super::filter::Filtered;
use super::intersection::{Claim, NoMajority, intersect};
use super::timescale::FreeTime;
use crate::association::AssociationId;
use crate::packet::{LeapIndicator, ReferenceId};
use crate::time::{Frequency, PollInterval, Seconds};

/// A source that can be asked for its opinion.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The source.
    pub id: AssociationId,
    /// The output of its clock filter.
    pub filtered: Filtered,
    /// Its offset against our clock, now.
    pub offset: Seconds,
    /// Its poll interval.
    pub poll: PollInterval,
    /// Its reference ID in our clients' loop tests.
    pub reference_id: ReferenceId,
    /// Its time is authenticated by NTS.
    pub authenticated: bool,
    /// The reason for which it may not decide alone, if there is one.
    pub doubt: Option<Doubt>,
}

impl Candidate {
    /// The bound of the error of `offset` at `now`: the root distance (RFC 5905 §11.1 Λ).
    #[must_use]
    pub fn distance(&self, now: FreeTime) -> Seconds {
        self.filtered.distance(now)
    }
}

/// The decision about one source, and its reason.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Standing {
    /// It leads: its stratum and root delay become ours.
    SystemPeer,
    /// It agrees, and counts in the weighted mean.
    Combined,
    /// It agrees, but scatters more than the others; not used.
    Outlier,
    /// Its interval misses the one that the majority agrees on.
    Falseticker {
        /// Its offset.
        offset: Seconds,
        /// The gap between its interval and the agreed one.
        missed_by: Seconds,
        /// The number of sources that agree against it.
        truechimers: usize,
    },
    /// It has no NTS, and its interval misses the one that those with NTS agree on.
    ContradictsAuthenticated {
        /// Its offset.
        offset: Seconds,
        /// The gap between its interval and the agreed one.
        missed_by: Seconds,
        /// The number of sources with NTS that agree against it.
        authenticated: usize,
    },
    /// It has no NTS, and is asked for by the configuration only to be measured.
    NotAuthenticated,
    /// It has no NTS, and a source with NTS is waited for.
    WaitingForAuthenticated,
    /// No other source agrees with it, without which it may not set the clock.
    Unwitnessed(Doubt),
    /// It could be wrong by more than we accept.
    TooDistant {
        /// Its error bound.
        distance: Seconds,
        /// The largest bound that we accept.
        limit: Seconds,
    },
    /// No majority exists, so no source can be believed.
    NoMajority,
    /// More sources must have had their say before the first decision.
    WaitingForQuorum,
}

impl Standing {
    /// True if the source agrees with the majority, so that its measurements are used.
    #[must_use]
    pub const fn is_truechimer(self) -> bool {
        matches!(self, Self::SystemPeer | Self::Combined | Self::Outlier)
    }
}

/// The result of a selection over all sources.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Outcome {
    /// No source can be used.
    NobodyUsable,
    /// There is no majority, or fewer agree than the configuration asks for.
    NoMajority {
        /// Sources that could be used.
        usable: usize,
        /// The most that agree with each other.
        agreeing: usize,
        /// The number that must agree.
        needed: usize,
    },
    /// Only sources without NTS can be used, and one with NTS is waited for.
    AwaitingAuthenticated {
        /// Sources without NTS that could be used.
        plain: usize,
    },
    /// Only sources without NTS could be used, and the configuration wants others.
    NoneAuthenticated {
        /// Sources without NTS that could be used.
        plain: usize,
    },
    /// Only one source agrees with itself, and it may not set the clock alone.
    Unwitnessed {
        /// The source.
        source: AssociationId,
        /// The reason for which it does not suffice.
        doubt: Doubt,
        /// Sources that could be used.
        usable: usize,
    },
    /// Too few have answered yet for the first decision.
    Waiting {
        /// Sources that can be used.
        usable: usize,
        /// Sources that have yet to answer.
        pending: usize,
    },
    /// A majority agrees.
    Agreed {
        /// The system peer.
        peer: AssociationId,
        /// Sources that could be used.
        usable: usize,
        /// Those of them that agree.
        agreeing: usize,
        /// Those of the agreeing ones whose time is authenticated by NTS.
        authenticated: usize,
        /// The number that had to agree.
        needed: usize,
    },
}

/// The conditions of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Requirements {
    /// Agreeing sources beyond the strict majority.
    pub minimum_agreeing: usize,
    /// The largest root distance.
    pub maximum_distance: Seconds,
    /// The weight of sources with and without NTS.
    pub authentication: Authentication,
    /// Sources that have yet to be heard.
    pub awaited: Awaited,
    /// The error bound of the rate of our clock, if that is known to be less than Φ (RFC 5905
    /// §7.2): claims are then sharper than root distances, so that liars stand out.
    pub rate: Option<Frequency>,
}

/// A selection: the outcome, the leader's facts, and everybody's standing.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The result.
    pub outcome: Outcome,
    /// Everybody's standing, in the order of the candidates.
    pub standings: Vec<(AssociationId, Standing)>,
    /// The combined offset, if a majority agrees.
    pub combined: Option<Combined>,
    /// The leap announcements of the sources in use.
    pub leap_votes: Vec<LeapIndicator>,
}

impl Selection {
    /// The selection before any source was asked.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            outcome: Outcome::NobodyUsable,
            standings: Vec::new(),
            combined: None,
            leap_votes: Vec::new(),
        }
    }

    /// The decision about a source.
    #[must_use]
    pub fn standing(&self, id: AssociationId) -> Option<Standing> {
        self.standings
            .iter()
            .find(|(key, _)| *key == id)
            .map(|(_, standing)| *standing)
    }
}

/// Decides who is believed at `now`.
#[must_use]
pub fn decide(candidates: &[Candidate], now: FreeTime, requirements: &Requirements) -> Selection {
    let mut selection = Selection::none();
    let mut usable = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let (distance, limit) = (candidate.distance(now), requirements.maximum_distance);
        if distance > limit {
            selection
                .standings
                .push((candidate.id, Standing::TooDistant { distance, limit }));
        } else {
            let sharp = requirements
                .rate
                .map(|rate| candidate.filtered.distance_at_rate(now, rate));
            let distance = sharp.map_or(distance, |sharp| sharp.min(distance));
            usable.push((
                candidate,
                Claim {
                    offset: candidate.offset,
                    distance,
                },
            ));
        }
    }
    let plain = usable
        .iter()
        .filter(|(candidate, _)| !candidate.authenticated)
        .count();
    let ballot = Ballot::new(usable, requirements.authentication, requirements.awaited);
    selection.standings.extend(
        ballot
            .excluded
            .iter()
            .map(|(candidate, standing)| (candidate.id, *standing)),
    );
    if ballot.voters.is_empty() {
        if !ballot.excluded.is_empty() {
            // If NTS is required, plain sources never set the clock, however long they wait.
            let stand_in = requirements.authentication != Authentication::Require;
            let awaited = stand_in && requirements.awaited.has_authenticated();
            selection.outcome = if awaited {
                Outcome::AwaitingAuthenticated { plain }
            } else {
                Outcome::NoneAuthenticated { plain }
            };
        }
        return selection;
    }
    vote(&mut selection, &ballot, candidates, requirements);
    selection
}

/// Finds the interval that the voters agree on, and the candidates that agree with them.
fn vote(
    selection: &mut Selection,
    ballot: &Ballot<'_>,
    all: &[Candidate],
    requirements: &Requirements,
) {
    let claims: Vec<Claim> = ballot.voters.iter().map(|(_, claim)| *claim).collect();
    let needed = ballot.quorum().max(requirements.minimum_agreeing);
    // Followers count towards what the configuration asks for beyond the majority.
    let at_least = if ballot.followers.is_empty() {
        needed
    } else {
        ballot.quorum()
    };
    let agreement = match intersect(&claims, at_least) {
        Ok(agreement) => agreement,
        Err(verdict) => return refuse(selection, ballot, verdict, requirements.awaited.sources),
    };
    let agreeing: Vec<&Usable<'_>> = ballot.agreeing(&agreement).collect();
    if agreeing.len() < needed {
        let verdict = NoMajority {
            agreeing: agreeing.len(),
            needed,
        };
        return refuse(selection, ballot, verdict, requirements.awaited.sources);
    }
    selection.standings.extend(
        ballot
            .missing(&agreement)
            .into_iter()
            .map(|(source, standing)| (source.id, standing)),
    );
    if let [(alone, _)] = agreeing.as_slice()
        && let Some(doubt) = alone.doubt
    {
        return doubted(
            selection,
            (alone.id, doubt),
            ballot,
            requirements.awaited.sources,
        );
    }
    let mut survivors: Vec<_> = agreeing
        .iter()
        .map(|(candidate, claim)| truechimer(candidate, claim))
        .collect();
    let is_voter = |id: AssociationId| ballot.voters.iter().any(|(voter, _)| voter.id == id);
    let outliers = thin_out(&mut survivors, requirements.maximum_distance, is_voter);
    believe(selection, &survivors, &outliers);
    let voting: Vec<_> = survivors
        .iter()
        .filter(|survivor| is_voter(survivor.key))
        .copied()
        .collect();
    selection.leap_votes = leap_votes(&voting, all);
    if let Some(peer) = survivors.first() {
        selection.outcome = Outcome::Agreed {
            peer: peer.key,
            usable: ballot.voters.len() + ballot.followers.len(),
            agreeing: agreeing.len(),
            authenticated: agreeing
                .iter()
                .filter(|(candidate, _)| candidate.authenticated)
                .count(),
            needed,
        };
    }
}

/// Clusters the survivors and lets one that votes lead: what a mere follower says of its own error
/// is not authenticated, and ours must not rest on it. Returns the outliers.
fn thin_out(
    survivors: &mut Vec<Truechimer<AssociationId>>,
    maximum_distance: Seconds,
    is_voter: impl Fn(AssociationId) -> bool,
) -> Vec<Truechimer<AssociationId>> {
    let before = survivors.clone();
    let mut outliers = cluster(survivors, maximum_distance);
    if !survivors.iter().any(|survivor| is_voter(survivor.key)) {
        let (voters, followers): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|one| is_voter(one.key));
        *survivors = voters;
        outliers = cluster(survivors, maximum_distance);
        outliers.extend(followers);
    }
    if let Some(place) = survivors.iter().position(|survivor| is_voter(survivor.key))
        && let Some(front) = survivors.get_mut(..=place)
    {
        front.rotate_right(1);
    }
    outliers
}

/// The only source that agrees with itself may not decide: others may still come, or none is
/// believed.
fn doubted(
    selection: &mut Selection,
    (source, doubt): (AssociationId, Doubt),
    ballot: &Ballot<'_>,
    pending: usize,
) {
    let usable = ballot.voters.len() + ballot.followers.len();
    let waiting = pending > 0;
    let standing = if waiting {
        Standing::WaitingForQuorum
    } else {
        Standing::Unwitnessed(doubt)
    };
    selection.standings.push((source, standing));
    selection.outcome = if waiting {
        Outcome::Waiting { usable, pending }
    } else {
        Outcome::Unwitnessed {
            source,
            doubt,
            usable,
        }
    };
}

fn truechimer(candidate: &Candidate, claim: &Claim) -> Truechimer<AssociationId> {
    Truechimer {
        key: candidate.id,
        offset: claim.offset,
        distance: claim.distance,
        jitter: candidate.filtered.jitter,
        stratum: candidate.filtered.best.root.stratum,
    }
}

fn refuse(selection: &mut Selection, ballot: &Ballot<'_>, verdict: NoMajority, pending: usize) {
    let NoMajority { agreeing, needed } = verdict;
    let waiting = pending > 0;
    let standing = if waiting {
        Standing::WaitingForQuorum
    } else {
        Standing::NoMajority
    };
    let usable = ballot.voters.iter().chain(&ballot.followers);
    let before = selection.standings.len();
    selection
        .standings
        .extend(usable.map(|(candidate, _)| (candidate.id, standing)));
    let usable = selection.standings.len() - before;
    selection.outcome = if waiting {
        Outcome::Waiting { usable, pending }
    } else {
        Outcome::NoMajority {
            usable,
            agreeing,
            needed,
        }
    };
}

fn believe(
    selection: &mut Selection,
    survivors: &[Truechimer<AssociationId>],
    outliers: &[Truechimer<AssociationId>],
) {
    for (place, survivor) in survivors.iter().enumerate() {
        let standing = if place == 0 {
            Standing::SystemPeer
        } else {
            Standing::Combined
        };
        selection.standings.push((survivor.key, standing));
    }
    selection.standings.extend(
        outliers
            .iter()
            .map(|outlier| (outlier.key, Standing::Outlier)),
    );
    selection.combined = combine(survivors);
}

fn leap_votes(
    survivors: &[Truechimer<AssociationId>],
    candidates: &[Candidate],
) -> Vec<LeapIndicator> {
    let root = |id| {
        candidates
            .iter()
            .find(|candidate| candidate.id == id)
            .map(|candidate| candidate.filtered.best.root)
    };
    survivors
        .iter()
        .filter_map(|survivor| root(survivor.key))
        .map(|root| root.leap)
        .collect()
}

#[cfg(test)]
mod tests;
