//! Truechimers and falsetickers: the intersection algorithm (RFC 5905 §11.2.1).
//!
//! Every source claims that the truth lies in an interval around its offset. The smallest interval
//! that satisfies a majority is looked for, allowing as few liars as possible; a source
//! whose interval does not touch it is a falseticker.

use crate::time::Seconds;

/// The claim of a source: the truth is within `offset ± distance`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Claim {
    /// Server minus our clock.
    pub(super) offset: Seconds,
    /// The bound of its error, at least zero.
    pub(super) distance: Seconds,
}

impl Claim {
    fn low(&self) -> f64 {
        (self.offset - self.distance).to_f64()
    }

    fn high(&self) -> f64 {
        (self.offset + self.distance).to_f64()
    }

    /// True if both intervals have a point in common.
    fn touches(&self, agreed: &Agreement) -> bool {
        self.low() <= agreed.high.to_f64() && self.high() >= agreed.low.to_f64()
    }
}

/// The interval in which a majority agrees that the truth lies.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Agreement {
    /// Its lower end.
    pub(super) low: Seconds,
    /// Its upper end.
    pub(super) high: Seconds,
    /// The number of sources that agree.
    pub(super) truechimers: usize,
}

impl Agreement {
    /// The distance of a claim from the agreed interval; `None` if it does not.
    #[must_use]
    pub(super) fn missed_by(&self, claim: &Claim) -> Option<Seconds> {
        if claim.touches(self) {
            None
        } else if claim.low() > self.high.to_f64() {
            Some(Seconds::new(claim.low()) - self.high)
        } else {
            Some(self.low - Seconds::new(claim.high()))
        }
    }
}

/// The sources have no majority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoMajority {
    /// The largest number of sources that agree with each other.
    pub(super) agreeing: usize,
    /// The number that would have to.
    pub(super) needed: usize,
}

/// Finds the interval on which more than half of the claims, and at least `minimum` of them, agree.
///
/// # Errors
/// [`NoMajority`] if there is no such interval.
pub(super) fn intersect(claims: &[Claim], minimum: usize) -> Result<Agreement, NoMajority> {
    let needed = (claims.len() / 2 + 1).max(minimum);
    // RFC 5905 walks over falsetickers allowed, 0 first; the first success has the most
    // truechimers.
    for falsetickers in 0..=claims.len().saturating_sub(needed) {
        if let Some((low, high)) = interval_with(claims, claims.len() - falsetickers) {
            let mut agreed = Agreement {
                low: Seconds::new(low),
                high: Seconds::new(high),
                truechimers: 0,
            };
            agreed.truechimers = claims.iter().filter(|claim| claim.touches(&agreed)).count();
            if agreed.truechimers >= needed {
                return Ok(agreed);
            }
        }
    }
    Err(NoMajority {
        agreeing: deepest_overlap(claims),
        needed,
    })
}

/// The hull of all points that at least `required` claims contain.
fn interval_with(claims: &[Claim], required: usize) -> Option<(f64, f64)> {
    if required == 0 {
        return None;
    }
    let covered = |point: f64| {
        claims
            .iter()
            .filter(|claim| claim.low() <= point && point <= claim.high())
            .count()
    };
    // An end of the hull is always an end of some claim.
    let low = claims
        .iter()
        .map(Claim::low)
        .filter(|point| covered(*point) >= required)
        .min_by(f64::total_cmp)?;
    let high = claims
        .iter()
        .map(Claim::high)
        .filter(|point| covered(*point) >= required)
        .max_by(f64::total_cmp)?;
    Some((low, high))
}

/// The largest number of claims that share a point.
fn deepest_overlap(claims: &[Claim]) -> usize {
    claims
        .iter()
        .map(|at| {
            claims
                .iter()
                .filter(|claim| claim.low() <= at.low() && at.low() <= claim.high())
                .count()
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(offset: f64, distance: f64) -> Claim {
        Claim {
            offset: Seconds::new(offset),
            distance: Seconds::new(distance),
        }
    }

    #[test]
    fn one_liar_among_three_is_outvoted() {
        let claims = [
            claim(0.001, 0.010),
            claim(-0.002, 0.010),
            claim(0.300, 0.010),
        ];
        let agreed = intersect(&claims, 1).unwrap();

        assert_eq!(agreed.truechimers, 2);
        assert_eq!(agreed.missed_by(&claims[0]), None);
        assert!((agreed.missed_by(&claims[2]).unwrap().to_f64() - 0.282).abs() < 1e-9);
    }

    #[test]
    fn two_that_disagree_have_no_majority() {
        let outcome = intersect(&[claim(0.0, 0.01), claim(0.3, 0.01)], 1);
        assert_eq!(
            outcome,
            Err(NoMajority {
                agreeing: 1,
                needed: 2
            })
        );
    }

    #[test]
    fn two_against_two_have_no_majority() {
        let outcome = intersect(
            &[
                claim(0.0, 0.01),
                claim(0.001, 0.01),
                claim(0.3, 0.01),
                claim(0.301, 0.01),
            ],
            1,
        );
        assert_eq!(
            outcome,
            Err(NoMajority {
                agreeing: 2,
                needed: 3
            })
        );
    }

    #[test]
    fn a_single_source_is_its_own_majority_unless_more_are_asked_for() {
        assert!(intersect(&[claim(5.0, 0.1)], 1).is_ok());
        assert_eq!(
            intersect(&[claim(5.0, 0.1)], 3),
            Err(NoMajority {
                agreeing: 1,
                needed: 3
            })
        );
    }

    #[test]
    fn without_claims_there_is_no_agreement() {
        assert_eq!(
            intersect(&[], 1),
            Err(NoMajority {
                agreeing: 0,
                needed: 1
            })
        );
    }

    proptest! {
        #[test]
        fn the_order_of_the_sources_does_not_matter(
            claims in prop::collection::vec((-1.0..1.0f64, 0.0..0.5f64), 0..9), rotation in 0usize..9
        ) {
            let claims: Vec<_> = claims.into_iter().map(|(offset, distance)| claim(offset, distance)).collect();
            let mut turned = claims.clone();
            turned.rotate_left(rotation % claims.len().max(1));
            prop_assert_eq!(intersect(&claims, 1), intersect(&turned, 1));
        }

        #[test]
        fn honest_sources_always_contain_the_truth(honest in prop::collection::vec((-1.0..1.0f64, 0.0..0.5f64), 1..6)) {
            // The truth is zero: an honest claim is as wide as it is wrong, at least.
            let claims: Vec<_> = honest.iter().map(|(offset, slack)| claim(*offset, offset.abs() + slack)).collect();
            let agreed = intersect(&claims, 1).unwrap();
            prop_assert!(agreed.low.to_f64() <= 0.0 && agreed.high.to_f64() >= 0.0);
            prop_assert_eq!(agreed.truechimers, claims.len());
        }

        #[test]
        fn a_minority_of_liars_cannot_leave_the_reach_of_the_honest(
            honest in prop::collection::vec((-1.0..1.0f64, 0.0..0.5f64), 3..6),
            liars in prop::collection::vec((-9.0..9.0f64, 0.0..0.5f64), 0..3),
        ) {
            let honest: Vec<_> = honest.iter().map(|(offset, slack)| claim(*offset, offset.abs() + slack)).collect();
            let mut claims = honest.clone();
            claims.extend(liars.iter().map(|(offset, distance)| claim(*offset, *distance)));
            let agreed = intersect(&claims, 1).unwrap();
            prop_assert!(honest.iter().any(|claim| claim.touches(&agreed)));
        }
    }
}
