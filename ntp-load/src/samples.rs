//! Percentiles of some signed values, exactly.

/// Values of which a bounded number is kept.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    values: Vec<i64>,
    most: usize,
}

impl Samples {
    /// Room for `most` values, made now; those that come later are left out.
    pub(super) fn with_room_for(most: usize) -> Self {
        Self {
            values: Vec::with_capacity(most),
            most,
        }
    }

    pub(super) fn record(&mut self, value: i64) {
        if self.values.len() < self.most {
            self.values.push(value);
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }

    /// The values that these shares (0 to 1) of all do not exceed; `None` without any value.
    pub(super) fn quantiles<const N: usize>(&self, shares: [f64; N]) -> Option<[i64; N]> {
        Self::of(self.values.clone(), shares)
    }

    /// Likewise of their distances from zero.
    pub(super) fn quantiles_of_sizes<const N: usize>(&self, shares: [f64; N]) -> Option<[i64; N]> {
        Self::of(
            self.values
                .iter()
                .map(|value| value.saturating_abs())
                .collect(),
            shares,
        )
    }

    fn of<const N: usize>(mut values: Vec<i64>, shares: [f64; N]) -> Option<[i64; N]> {
        values.sort_unstable();
        let last = values.len().checked_sub(1)?;
        Some(shares.map(|share| {
            let rank = (share * values.len() as f64).ceil() as usize;
            values
                .get(rank.saturating_sub(1).min(last))
                .copied()
                .unwrap_or_default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_kept_unless_sizes_are_asked_for() {
        let mut samples = Samples::with_room_for(100);
        (-50..=49).for_each(|value| samples.record(value));

        assert_eq!(samples.quantiles([0.0, 0.5, 1.0]), Some([-50, -1, 49]));
        assert_eq!(samples.quantiles_of_sizes([1.0]), Some([50]));
    }

    #[test]
    fn more_than_there_is_room_for_is_left_out() {
        let mut samples = Samples::with_room_for(2);
        (0..9).for_each(|value| samples.record(value));

        assert_eq!(samples.len(), 2);
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Samples::with_room_for(1).quantiles([0.5]), None);
    }
}
