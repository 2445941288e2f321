//! A stand-in of the plain filter that others have: the middle of each exchange, weighted by its round trip.
//!
//! It sees the exchanges that the client measures, on a clock that is never steered, and estimates how far true time is
//! ahead of that clock: for each server a line through the last middles, where an exchange counts the less the more its
//! round trip exceeds the shortest. Points are given up from the oldest on while the residuals keep their signs for
//! longer than chance does: the clock has changed. Servers whose intervals agree are combined.

use std::collections::VecDeque;

/// The most middles that a line goes through.
const POINTS: usize = 64;
/// The fewest.
const FEWEST: usize = 3;
/// How many standard deviations fewer runs than expected mean that the clock has changed.
const TOO_FEW_RUNS: f64 = 1.65;
/// How much the excess of half the round trip counts against its mean.
const EXCESS: f64 = 0.7;
/// What a sample's interval grows by each second.
const AGING: f64 = 1e-6;
/// Servers whose distance is larger than the least by this factor are not combined.
const FAR: f64 = 3.0;

/// An exchange that the client has measured. All times in seconds on the scale of true time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    /// With which server.
    pub(crate) server: usize,
    /// The departure of the request, on the free-running clock.
    pub(crate) sent: f64,
    /// The time at which the server answered, on its clock.
    pub(crate) answered: f64,
    /// The arrival of the response, on the free-running clock.
    pub(crate) received: f64,
}

/// One middle.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// When, on the free-running clock.
    at: f64,
    /// Server minus free-running clock.
    middle: f64,
    /// Half of the round trip.
    half: f64,
}

/// Server minus free-running clock as a line.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Where `offset` holds.
    at: f64,
    offset: f64,
    rate: f64,
    /// The variance of the residuals.
    variance: f64,
    /// The variance of the rate.
    rate_variance: f64,
}

impl Line {
    fn at(&self, free: f64) -> f64 {
        self.offset + self.rate * (free - self.at)
    }
}

/// What is known of one server.
#[derive(Debug, Default)]
struct Source {
    points: VecDeque<Point>,
    line: Option<Line>,
}

/// The filter.
#[derive(Debug, Default)]
pub(crate) struct Midpoint {
    sources: Vec<Source>,
    line: Option<Line>,
}

impl Midpoint {
    /// Takes in an exchange.
    pub(crate) fn learn(&mut self, exchange: &Exchange) {
        if self.sources.len() <= exchange.server {
            self.sources.resize_with(exchange.server + 1, Source::default);
        }
        if let Some(source) = self.sources.get_mut(exchange.server) {
            source.learn(exchange);
        }
        self.line = combine(&self.sources, exchange.received).or(self.line);
    }

    /// The error at true time `t` of a clock that runs freely and is corrected by the estimate. `free` is what it shows
    /// without the correction.
    pub(crate) fn error(&self, free: f64, t: f64) -> f64 {
        free + self.line.map_or(0.0, |line| line.at(free)) - t
    }
}

impl Source {
    fn learn(&mut self, exchange: &Exchange) {
        let at = f64::midpoint(exchange.sent, exchange.received);
        let half = (exchange.received - exchange.sent) / 2.0;
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back(Point { at, middle: exchange.answered - at, half });
        loop {
            let weights = self.weights();
            let line = fit(&self.points, &weights);
            if self.points.len() <= FEWEST || !self.has_changed(&line) {
                self.line = Some(line);
                return;
            }
            self.points.pop_front();
        }
    }

    fn weights(&self) -> Vec<f64> {
        let shortest = self.points.iter().map(|point| point.half).fold(f64::INFINITY, f64::min);
        let mean = self.points.iter().map(|point| point.half - shortest).sum::<f64>() / self.points.len().max(1) as f64;
        let sigma = mean.max(1e-8);
        self.points.iter().map(|point| (1.0 + EXCESS * (point.half - shortest) / sigma).powi(-2)).collect()
    }

    /// True if the signs of the residuals change more rarely than those of independent errors.
    fn has_changed(&self, line: &Line) -> bool {
        let above = self.points.iter().map(|point| point.middle > line.at(point.at));
        let runs = 1 + above.clone().zip(above.skip(1)).filter(|(one, next)| one != next).count();
        let points = self.points.len() as f64;
        (runs as f64) < (points + 1.0) / 2.0 - TOO_FEW_RUNS * (points - 1.0).sqrt() / 2.0
    }

    /// Half of the interval around the line that holds the truth, as its best sample has it.
    fn distance(&self, free: f64, line: &Line) -> f64 {
        let best = self.points.iter().map(|point| point.half + AGING * (free - point.at)).fold(f64::INFINITY, f64::min);
        best + line.variance.sqrt()
    }
}

/// The line of least squares.
fn fit(points: &VecDeque<Point>, weights: &[f64]) -> Line {
    let total: f64 = weights.iter().sum();
    let mean = |of: &dyn Fn(&Point) -> f64| {
        points.iter().zip(weights).map(|(point, weight)| weight * of(point)).sum::<f64>() / total
    };
    let at = mean(&|point| point.at);
    let offset = mean(&|point| point.middle);
    let spread = mean(&|point| (point.at - at).powi(2));
    if points.len() < FEWEST || spread <= 0.0 {
        return Line { at, offset, variance: 1e-6, rate_variance: 1e-8, ..Line::default() };
    }
    let rate = mean(&|point| (point.at - at) * (point.middle - offset)) / spread;
    let line = Line { at, offset, rate, ..Line::default() };
    let count = points.len() as f64;
    let variance = mean(&|point| (point.middle - line.at(point.at)).powi(2)) * count / (count - 2.0);
    Line { variance, rate_variance: variance / (spread * count), ..line }
}

/// The common line of the servers whose intervals have a point in common with most others.
fn combine(sources: &[Source], free: f64) -> Option<Line> {
    let known = sources.iter().filter_map(|source| {
        let line = source.line?;
        Some((line, line.at(free), source.distance(free, &line)))
    });
    let all: Vec<(Line, f64, f64)> = known.collect();
    let holds = |point: f64| all.iter().filter(move |(_, offset, distance)| (offset - point).abs() <= *distance);
    let edges = all.iter().map(|(_, offset, distance)| offset - distance * (1.0 - 1e-9));
    let common = edges.max_by_key(|edge| holds(*edge).count())?;
    let nearest = holds(common).map(|(.., distance)| *distance).fold(f64::INFINITY, f64::min);
    let mut sum = [0.0; 4];
    for (line, offset, distance) in holds(common).filter(|(.., distance)| *distance <= FAR * nearest) {
        let (weight, trust) = (distance.powi(-2), 1.0 / line.rate_variance.max(1e-24));
        sum[0] += weight;
        sum[1] += weight * offset;
        sum[2] += trust;
        sum[3] += trust * line.rate;
    }
    let [weight, offset, trust, rate] = sum;
    Some(Line { at: free, offset: offset / weight, rate: rate / trust, ..Line::default() })
}
