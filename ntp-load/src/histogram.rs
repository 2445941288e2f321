//! Percentiles of many values in little memory.

/// Each power of two is cut into so many parts, so that a value is known to about 0.8 %.
const PARTS: u64 = 64;
const PARTS_LOG2: u32 = PARTS.trailing_zeros();
/// Up to 2⁴² ns, more than an hour.
const GREATEST_LOG2: u32 = 42;
const BUCKETS: usize = ((GREATEST_LOG2 - PARTS_LOG2 + 1) as usize) * PARTS as usize;

/// Counts of values by size, as nanoseconds. Recording never allocates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// Without any value.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS].into(),
            count: 0,
            max: 0,
        }
    }

    /// Adds a value; those beyond an hour count as an hour.
    pub fn record(&mut self, value: u64) {
        let bucket = bucket(value).min(BUCKETS - 1);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// The number of values.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The greatest value, 0 without any.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The value that `share` (0 to 1) of all do not exceed; `None` without any.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle(bucket as u64).min(self.max))
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Values below `PARTS` have buckets of their own; above, the highest bits name the bucket.
const fn bucket(value: u64) -> usize {
    if value < PARTS {
        return value as usize;
    }
    let octave = value.ilog2() - PARTS_LOG2;
    ((octave as u64 * PARTS) + (value >> octave)) as usize
}

/// The value in the middle of a bucket.
const fn middle(bucket: u64) -> u64 {
    if bucket < PARTS {
        return bucket;
    }
    let octave = bucket / PARTS - 1;
    let first = (bucket - octave * PARTS) << octave;
    first + ((1 << octave) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_hold_their_middles() {
        for number in 0..BUCKETS as u64 {
            assert_eq!(bucket(middle(number)) as u64, number);
        }
    }

    #[test]
    fn percentiles_are_right_within_a_hundredth() {
        let mut histogram = Histogram::new();
        (1..=100_000u64).for_each(|value| histogram.record(value * 10));

        for (share, right) in [
            (0.5, 500_000.0),
            (0.9, 900_000.0),
            (0.99, 990_000.0),
            (1.0, 1_000_000.0),
        ] {
            let found = histogram.quantile(share).unwrap() as f64;
            assert!(
                (found / right - 1.0).abs() < 0.01,
                "{share}: {found} in place of {right}"
            );
        }
        assert_eq!(histogram.max(), 1_000_000);
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Histogram::new().quantile(0.5), None);
    }

    #[test]
    fn the_greatest_number_is_counted_too() {
        let mut histogram = Histogram::new();
        histogram.record(u64::MAX);

        assert_eq!(histogram.count(), 1);
        assert!(histogram.quantile(0.5).is_some());
    }
}
