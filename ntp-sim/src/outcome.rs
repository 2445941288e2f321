//! What one run comes to.

use crate::scenario::Scenario;

/// The client's clock at the beginning of a second of true time.
#[derive(Clone, Copy, Debug)]
pub struct Second {
    /// True time.
    pub t: f64,
    /// Clock minus UTC.
    pub error: f64,
    /// The rate error of the clock, slews included.
    pub rate: f64,
    /// The bound of the error that the client claims, if it claims to be right.
    pub bound: Option<f64>,
    /// The error that the client expects of itself (one standard deviation).
    pub expected: f64,
    /// The error that a clock would have that the midpoint filter corrects.
    pub midpoint: f64,
}

/// The figures of one run. Times in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome {
    /// Root mean square of the time error.
    pub rms: f64,
    /// Its largest magnitude.
    pub max: f64,
    /// The magnitude that 99 % of the seconds do not exceed.
    pub p99: f64,
    /// Root mean square of the rate error.
    pub rate: f64,
    /// The second from which on the error stays within 1 ms, in the whole run.
    pub settled: f64,
    /// The first second with an error within 100 µs; infinite if there is none.
    pub close: f64,
    /// Requests sent.
    pub sent: u64,
    /// Steps made.
    pub steps: u64,
    /// Those of them that were made since the statistics began.
    pub late_steps: u64,
    /// The share of seconds in which the error is within the claimed bound; seconds without a claim
    /// do not count.
    pub coverage: f64,
    /// The share of seconds in which the client claims to be right.
    pub claimed: f64,
    /// The mean of the claimed bound.
    pub bound: f64,
    /// Root mean square of the error that the client expects of itself.
    pub expected: f64,
    /// Root mean square of the error of the midpoint filter, from the same exchanges.
    pub midpoint: f64,
}

/// Takes in seconds.
#[derive(Debug)]
pub(crate) struct Recorder {
    skip: f64,
    until: f64,
    errors: Vec<f32>,
    squares: f64,
    rates: f64,
    covered: u64,
    claims: u64,
    bounds: f64,
    expected: f64,
    midpoint: f64,
    settled: f64,
    close: f64,
}

/// What counts as right.
const SETTLED: f64 = 1e-3;
/// What counts as close.
const CLOSE: f64 = 1e-4;

impl Recorder {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            skip: scenario.skip,
            until: scenario.until.unwrap_or(f64::INFINITY),
            errors: Vec::new(),
            squares: 0.0,
            rates: 0.0,
            covered: 0,
            claims: 0,
            bounds: 0.0,
            expected: 0.0,
            midpoint: 0.0,
            settled: 0.0,
            close: f64::INFINITY,
        }
    }

    pub(crate) fn record(&mut self, second: &Second) {
        let magnitude = second.error.abs();
        if magnitude > SETTLED {
            self.settled = second.t + 1.0;
        }
        if magnitude <= CLOSE {
            self.close = self.close.min(second.t);
        }
        if second.t < self.skip || second.t >= self.until {
            return;
        }
        self.errors.push(magnitude as f32);
        self.squares += magnitude * magnitude;
        self.rates += second.rate * second.rate;
        self.expected += second.expected * second.expected;
        self.midpoint += second.midpoint * second.midpoint;
        if let Some(bound) = second.bound {
            self.claims += 1;
            self.covered += u64::from(magnitude <= bound);
            self.bounds += bound;
        }
    }

    /// `steps` tells how many were made in all, and how many since the statistics began.
    pub(crate) fn finish(mut self, sent: u64, steps: [u64; 2]) -> Outcome {
        let [steps, late_steps] = steps;
        let seconds = self.errors.len().max(1);
        let share = |count: u64, of: f64| if of > 0.0 { count as f64 / of } else { 1.0 };
        let place = ((seconds as f64 * 0.99) as usize).min(seconds - 1);
        let max = self.errors.iter().copied().fold(0.0, f32::max);
        let p99 = if self.errors.is_empty() {
            0.0
        } else {
            *self.errors.select_nth_unstable_by(place, f32::total_cmp).1
        };
        Outcome {
            rms: (self.squares / seconds as f64).sqrt(),
            max: f64::from(max),
            p99: f64::from(p99),
            rate: (self.rates / seconds as f64).sqrt(),
            settled: self.settled,
            close: self.close,
            sent,
            steps,
            late_steps,
            coverage: share(self.covered, self.claims as f64),
            claimed: share(self.claims, seconds as f64),
            bound: self.bounds / self.claims.max(1) as f64,
            expected: (self.expected / seconds as f64).sqrt(),
            midpoint: (self.midpoint / seconds as f64).sqrt(),
        }
    }
}

/// The mean of one figure over several runs, and its standard deviation.
#[must_use]
pub fn mean_and_deviation(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> (f64, f64) {
    let n = outcomes.len().max(1) as f64;
    let mean = outcomes.iter().map(&figure).sum::<f64>() / n;
    let squares: f64 = outcomes
        .iter()
        .map(|outcome| (figure(outcome) - mean).powi(2))
        .sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}
