//! One offset out of several: the combine algorithm (RFC 5905 §11.2.3).

use super::cluster::Truechimer;
use crate::time::Seconds;

/// The weighted mean of the survivors.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Combined {
    /// Server minus our clock.
    pub offset: Seconds,
    /// The scatter of the survivors and their samples ("system jitter").
    pub jitter: Seconds,
}

/// Weighs each survivor by the reciprocal of its root distance. `None` without survivors.
#[must_use]
pub(super) fn combine<K>(survivors: &[Truechimer<K>]) -> Option<Combined> {
    let best = survivors.first()?;
    let weight = |one: &Truechimer<K>| 1.0 / one.distance.to_f64().max(1e-9);
    let total: f64 = survivors.iter().map(weight).sum();
    let mean = |value: &dyn Fn(&Truechimer<K>) -> f64| -> f64 {
        survivors
            .iter()
            .map(|one| weight(one) * value(one))
            .sum::<f64>()
            / total
    };
    let offset = mean(&|one| one.offset.to_f64());
    let scatter = mean(&|one| (one.offset - best.offset).to_f64().powi(2));
    Some(Combined {
        offset: Seconds::new(offset),
        jitter: Seconds::new((scatter + best.jitter.to_f64().powi(2)).sqrt()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Stratum;

    fn survivor(offset: f64, distance: f64) -> Truechimer<()> {
        Truechimer {
            key: (),
            offset: Seconds::new(offset),
            distance: Seconds::new(distance),
            jitter: Seconds::new(1e-4),
            stratum: Stratum::PRIMARY,
        }
    }

    #[test]
    fn the_nearer_source_weighs_more() {
        let combined = combine(&[survivor(0.0, 0.001), survivor(0.010, 0.009)]).unwrap();
        assert!((combined.offset.to_f64() - 0.001).abs() < 1e-9);
    }

    #[test]
    fn one_survivor_is_the_answer() {
        let combined = combine(&[survivor(0.25, 0.001)]).unwrap();
        assert_eq!(combined.offset, Seconds::new(0.25));
        assert!((combined.jitter.to_f64() - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn without_survivors_there_is_no_answer() {
        assert_eq!(combine::<()>(&[]), None);
    }
}
