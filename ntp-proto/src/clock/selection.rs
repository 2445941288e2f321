//! Who is believed: fitness, intersection, cluster and combine in one pass (RFC 5905 §11.2).

use super::cluster::{Truechimer, cluster};
use super::combine::{Combined, combine};
use super::filter::Filtered;
use super::select::{Claim, NoMajority, intersect};
use super::timescale::FreeTime;
use crate::packet::{LeapIndicator, ReferenceId};
use crate::source::SourceId;
use crate::time::{Frequency, PollInterval, Seconds};

/// A source that can be asked for its opinion.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Whose opinion.
    pub id: SourceId,
    /// What its filter says.
    pub filtered: Filtered,
    /// Its offset against our clock, now.
    pub offset: Seconds,
    /// How often it is asked.
    pub poll: PollInterval,
    /// What identifies it in our clients' loop tests.
    pub reference_id: ReferenceId,
}

impl Candidate {
    /// The bound of the error of `offset` at `now`: the root distance (RFC 5905 §11.1 Λ).
    #[must_use]
    pub fn distance(&self, now: FreeTime) -> Seconds {
        self.filtered.distance(now)
    }
}

/// What was decided about one source, and why.
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
        /// How many agree against it.
        truechimers: usize,
    },
    /// It could be wrong by more than we accept.
    TooDistant {
        /// What it could be wrong by.
        distance: Seconds,
        /// What we accept.
        limit: Seconds,
    },
    /// No majority exists, so nobody can be believed.
    NoMajority,
    /// More sources must have had their say before the first decision.
    WaitingForQuorum,
}

impl Standing {
    /// Whether the source agrees with the majority, so that its measurements are used.
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
    /// Too few have answered yet for the first decision.
    Waiting {
        /// Sources that can be used.
        usable: usize,
        /// Sources that have yet to answer.
        pending: usize,
    },
    /// A majority agrees.
    Agreed {
        /// Who leads.
        peer: SourceId,
        /// Sources that could be used.
        usable: usize,
        /// Those of them that agree.
        agreeing: usize,
    },
}

/// What must be met for a decision.
#[derive(Clone, Copy, Debug)]
pub struct Requirements {
    /// Agreeing sources beyond the strict majority.
    pub minimum_agreeing: usize,
    /// The largest root distance.
    pub maximum_distance: Seconds,
    /// Sources that have yet to have their first say; they count as if they disagreed.
    pub pending: usize,
    /// What the rate of our clock may be wrong by, if that is known to be less than Φ (RFC 5905 §7.2): claims are then
    /// sharper than root distances, so that liars stand out.
    pub rate: Option<Frequency>,
}

/// A selection: the outcome, the leader's facts, and everybody's standing.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The result.
    pub outcome: Outcome,
    /// Everybody's standing, in the order of the candidates.
    pub standings: Vec<(SourceId, Standing)>,
    /// The combined offset, if a majority agrees.
    pub combined: Option<Combined>,
    /// The leap announcements of the sources in use.
    pub leap_votes: Vec<LeapIndicator>,
}

impl Selection {
    /// Before anybody was asked.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { outcome: Outcome::NobodyUsable, standings: Vec::new(), combined: None, leap_votes: Vec::new() }
    }

    /// What was decided about a source.
    #[must_use]
    pub fn standing(&self, id: SourceId) -> Option<Standing> {
        self.standings.iter().find(|(key, _)| *key == id).map(|(_, standing)| *standing)
    }
}

/// Decides who is believed at `now`.
#[must_use]
pub fn decide(candidates: &[Candidate], now: FreeTime, requirements: &Requirements) -> Selection {
    let mut selection = Selection::nobody();
    let mut usable = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let (distance, limit) = (candidate.distance(now), requirements.maximum_distance);
        if distance > limit {
            selection.standings.push((candidate.id, Standing::TooDistant { distance, limit }));
        } else {
            let sharp = requirements.rate.map(|rate| candidate.filtered.distance_at_rate(now, rate));
            let distance = sharp.map_or(distance, |sharp| sharp.min(distance));
            usable.push((candidate, Claim { offset: candidate.offset, distance }));
        }
    }
    if usable.is_empty() {
        return selection;
    }
    let claims: Vec<Claim> = usable.iter().map(|(_, claim)| *claim).collect();
    let quorum = (usable.len() + requirements.pending) / 2 + 1;
    match intersect(&claims, quorum.max(requirements.minimum_agreeing)) {
        Err(verdict) => refuse(&mut selection, &usable, verdict, requirements.pending),
        Ok(agreement) => {
            let mut survivors = Vec::with_capacity(usable.len());
            for (candidate, claim) in &usable {
                match agreement.missed_by(claim) {
                    Some(missed_by) => selection.standings.push((
                        candidate.id,
                        Standing::Falseticker { offset: claim.offset, missed_by, truechimers: agreement.truechimers },
                    )),
                    None => survivors.push(truechimer(candidate, claim)),
                }
            }
            let agreeing = survivors.len();
            let outliers = cluster(&mut survivors, requirements.maximum_distance);
            believe(&mut selection, &survivors, &outliers);
            selection.leap_votes = leap_votes(&survivors, candidates);
            if let Some(peer) = survivors.first() {
                selection.outcome = Outcome::Agreed { peer: peer.key, usable: usable.len(), agreeing };
            }
        }
    }
    selection
}

fn truechimer(candidate: &Candidate, claim: &Claim) -> Truechimer<SourceId> {
    Truechimer {
        key: candidate.id,
        offset: claim.offset,
        distance: claim.distance,
        jitter: candidate.filtered.jitter,
        stratum: candidate.filtered.best.root.stratum,
    }
}

fn refuse(selection: &mut Selection, usable: &[(&Candidate, Claim)], verdict: NoMajority, pending: usize) {
    let NoMajority { agreeing, needed } = verdict;
    let waiting = pending > 0;
    let standing = if waiting { Standing::WaitingForQuorum } else { Standing::NoMajority };
    selection.standings.extend(usable.iter().map(|(candidate, _)| (candidate.id, standing)));
    selection.outcome = if waiting {
        Outcome::Waiting { usable: usable.len(), pending }
    } else {
        Outcome::NoMajority { usable: usable.len(), agreeing, needed }
    };
}

fn believe(selection: &mut Selection, survivors: &[Truechimer<SourceId>], outliers: &[Truechimer<SourceId>]) {
    for (place, survivor) in survivors.iter().enumerate() {
        let standing = if place == 0 { Standing::SystemPeer } else { Standing::Combined };
        selection.standings.push((survivor.key, standing));
    }
    selection.standings.extend(outliers.iter().map(|outlier| (outlier.key, Standing::Outlier)));
    selection.combined = combine(survivors);
}

fn leap_votes(survivors: &[Truechimer<SourceId>], candidates: &[Candidate]) -> Vec<LeapIndicator> {
    let root =
        |id| candidates.iter().find(|candidate| candidate.id == id).map(|candidate| candidate.filtered.best.root);
    survivors.iter().filter_map(|survivor| root(survivor.key)).map(|root| root.leap).collect()
}

#[cfg(test)]
mod tests {
    use super::super::filter::ClockFilter;
    use super::super::measurement::tests::measurement;
    use super::*;

    fn candidate(id: u32, offset: f64) -> Candidate {
        let mut filter = ClockFilter::default();
        let sample = measurement(0.0, offset, 0.010);
        let _ = filter.push(sample, Frequency::ZERO);
        let filtered = filter.filtered(sample.at, Frequency::ZERO).unwrap();
        Candidate {
            id: SourceId::new(id),
            filtered,
            offset: Seconds::new(offset),
            poll: PollInterval::clamped(4),
            reference_id: ReferenceId::INIT,
        }
    }

    fn decide_now(candidates: &[Candidate], pending: usize, minimum_agreeing: usize) -> Selection {
        let requirements = Requirements { minimum_agreeing, maximum_distance: Seconds::new(1.5), pending, rate: None };
        decide(candidates, measurement(0.0, 0.0, 0.0).at, &requirements)
    }

    #[test]
    fn the_liar_is_named_and_the_others_are_used() {
        let selection = decide_now(&[candidate(1, 0.0), candidate(2, 0.3), candidate(3, 0.0001)], 0, 1);

        assert!(matches!(selection.standing(SourceId::new(2)), Some(Standing::Falseticker { truechimers: 2, .. })));
        assert!(matches!(selection.outcome, Outcome::Agreed { usable: 3, agreeing: 2, .. }));
        assert!(selection.combined.unwrap().offset.abs() < Seconds::new(0.001));
    }

    #[test]
    fn a_liar_that_answers_first_is_not_believed_while_others_are_pending() {
        let selection = decide_now(&[candidate(1, 0.3)], 3, 1);
        assert_eq!(selection.outcome, Outcome::Waiting { usable: 1, pending: 3 });
        assert_eq!(selection.standing(SourceId::new(1)), Some(Standing::WaitingForQuorum));
    }

    #[test]
    fn fewer_than_asked_for_are_refused_with_the_numbers() {
        let selection = decide_now(&[candidate(1, 0.0)], 0, 3);
        assert_eq!(selection.outcome, Outcome::NoMajority { usable: 1, agreeing: 1, needed: 3 });
    }

    #[test]
    fn a_source_too_far_away_has_no_vote() {
        let mut far = candidate(1, 0.0);
        far.filtered.best.root.dispersion = Seconds::new(5.0);
        let selection = decide_now(&[far, candidate(2, 0.1)], 0, 1);
        assert!(matches!(selection.standing(SourceId::new(1)), Some(Standing::TooDistant { .. })));
        assert!(matches!(selection.outcome, Outcome::Agreed { usable: 1, agreeing: 1, .. }));
    }
}
