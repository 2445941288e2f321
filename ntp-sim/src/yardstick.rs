//! Filters that know the noise beforehand: how good a clock can be at all.

/// One ratio of wander to jitter.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// w T^1.5 / J.
    pub rho: f64,
    /// RMS/J of the truncated filter.
    pub truncated: f64,
    /// What it reached elsewhere.
    pub stored_truncated: f64,
    /// RMS/J of the exact filter.
    pub bayes: f64,
    /// What it reached elsewhere.
    pub stored_bayes: f64,
}

/// Measures all rows.
#[must_use]
pub fn measure(_seeds: u64) -> Vec<Row> {
    Vec::new()
}
