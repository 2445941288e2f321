//! Thinning out the truechimers: the cluster algorithm (RFC 5905 §11.2.2).

use crate::packet::Stratum;
use crate::time::Seconds;

/// Survivors that are never cut (RFC 5905 §11.2.2 NMIN).
const MINIMUM_SURVIVORS: usize = 3;

/// A truechimer, as the cluster and combine algorithms see it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Truechimer<K> {
    /// Whose it is; the algorithms hand it back.
    pub(super) key: K,
    /// Server minus our clock.
    pub(super) offset: Seconds,
    /// The root distance, at least zero.
    pub(super) distance: Seconds,
    /// The jitter of the source, above zero.
    pub(super) jitter: Seconds,
    /// Its stratum: a lower one is preferred.
    pub(super) stratum: Stratum,
}

impl<K> Truechimer<K> {
    /// The order of preference: stratum first, then root distance (RFC 5905 §11.2.2 merit factor).
    fn merit(&self, maximum_distance: Seconds) -> f64 {
        f64::from(self.stratum.to_bits()) * maximum_distance.to_f64() + self.distance.to_f64()
    }

    /// The root mean square of the distances of the others' offsets from ours ("selection jitter").
    fn selection_jitter(&self, others: &[Self]) -> f64 {
        let squares: f64 = others
            .iter()
            .map(|other| (other.offset - self.offset).to_f64().powi(2))
            .sum();
        // The sum holds ourselves with zero.
        (squares / others.len().saturating_sub(1).max(1) as f64).sqrt()
    }
}

/// Sorts the truechimers, best first, and moves outliers out of the list as long as this makes the
/// rest more consistent and at least three remain. Returns the outliers.
pub(super) fn cluster<K: Copy>(
    survivors: &mut Vec<Truechimer<K>>,
    maximum_distance: Seconds,
) -> Vec<Truechimer<K>> {
    survivors.sort_by(|a, b| {
        a.merit(maximum_distance)
            .total_cmp(&b.merit(maximum_distance))
    });
    let mut outliers = Vec::new();
    while survivors.len() > MINIMUM_SURVIVORS {
        let spread = survivors
            .iter()
            .map(|one| one.selection_jitter(survivors))
            .enumerate();
        let Some((worst, selection_jitter)) = spread.max_by(|a, b| a.1.total_cmp(&b.1)) else {
            break;
        };
        let steadiest = survivors
            .iter()
            .map(|one| one.jitter.to_f64())
            .fold(f64::INFINITY, f64::min);
        if selection_jitter <= steadiest {
            break;
        }
        outliers.push(survivors.remove(worst));
    }
    outliers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truechimer(key: u8, offset: f64) -> Truechimer<u8> {
        Truechimer {
            key,
            offset: Seconds::new(offset),
            distance: Seconds::new(0.01),
            jitter: Seconds::new(0.001),
            stratum: Stratum::PRIMARY,
        }
    }

    #[test]
    fn the_outlier_is_cut() {
        let mut survivors = vec![
            truechimer(1, 0.0),
            truechimer(2, 0.0005),
            truechimer(3, -0.0005),
            truechimer(4, 0.02),
        ];
        let outliers = cluster(&mut survivors, Seconds::new(1.5));

        assert_eq!(outliers.iter().map(|one| one.key).collect::<Vec<_>>(), [4]);
        assert_eq!(survivors.len(), 3);
    }

    #[test]
    fn three_always_survive() {
        let mut survivors = vec![truechimer(1, 0.0), truechimer(2, 0.5), truechimer(3, -0.5)];
        assert!(cluster(&mut survivors, Seconds::new(1.5)).is_empty());
    }

    #[test]
    fn agreement_within_the_jitter_cuts_no_source() {
        let mut survivors: Vec<_> = (0..8).map(|i| truechimer(i, f64::from(i) * 1e-5)).collect();
        assert!(cluster(&mut survivors, Seconds::new(1.5)).is_empty());
    }

    #[test]
    fn a_lower_stratum_comes_first() {
        let mut far = truechimer(1, 0.0);
        far.stratum = Stratum::from_bits(3);
        let mut survivors = vec![far, truechimer(2, 0.0)];
        cluster(&mut survivors, Seconds::new(1.5));
        assert_eq!(survivors[0].key, 2);
    }
}
