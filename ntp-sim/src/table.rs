//! Outcomes, as tables for people.

use ntp_proto::clock::DisciplineKind;
use ntp_sim::outcome::{Outcome, mean_and_deviation};
use ntp_sim::scenario::Scenario;
use ntp_sim::yardstick;
use std::io::{self, Write};

/// All runs of one scenario with one discipline.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) discipline: DisciplineKind,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Row<'_> {
    fn mean(&self, figure: impl Fn(&Outcome) -> f64) -> f64 {
        mean_and_deviation(&self.outcomes, figure).0
    }

    /// RMS of the midpoint filter in units of chrony's.
    fn midpoint_to_chrony(&self) -> Option<f64> {
        let [theirs, ..] = self.scenario.stored.chrony.filter(|[rms, ..]| *rms > 0.0)?;
        Some(self.mean(|outcome| outcome.midpoint) * 1e6 / theirs)
    }

    fn least(&self, figure: impl Fn(&Outcome) -> f64) -> f64 {
        self.outcomes
            .iter()
            .map(figure)
            .fold(f64::INFINITY, f64::min)
    }

    fn median(&self, figure: impl Fn(&Outcome) -> f64) -> f64 {
        let mut all: Vec<f64> = self.outcomes.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// The ratios to chrony that go into the means at the end.
#[derive(Default)]
struct Ratios {
    logarithms: f64,
    count: f64,
    worst: f64,
}

impl Ratios {
    fn push(&mut self, ratio: Option<f64>) {
        if let Some(ratio) = ratio {
            self.logarithms += ratio.ln();
            self.count += 1.0;
            self.worst = self.worst.max(ratio);
        }
    }

    /// Geometric mean, worst, and number of rows; nothing where chrony's figure is not known in any
    /// row.
    fn told(&self, of: &str) -> Option<String> {
        let Self {
            logarithms,
            count,
            worst,
        } = self;
        let mean = (logarithms / count).exp();
        (*count > 0.0).then(|| format!("{of} {mean:.3} (worst {worst:.2}, {count} rows)"))
    }
}

/// Writes one line per row, and the geometric means of the ratios to chrony.
pub(crate) fn write(rows: &[Row<'_>], long: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    heading(&mut out, long)?;
    let kinds: Vec<DisciplineKind> =
        rows.iter()
            .map(|row| row.discipline)
            .fold(Vec::new(), |mut known, kind| {
                if !known.contains(&kind) {
                    known.push(kind);
                }
                known
            });
    for row in rows {
        line(&mut out, row, long)?;
    }
    for kind in kinds {
        let of_kind: Vec<&Row<'_>> = rows.iter().filter(|row| row.discipline == kind).collect();
        to_chrony(&mut out, word(kind), &of_kind, long)?;
    }
    Ok(())
}

/// The means of the ratios that are known.
fn to_chrony(out: &mut impl Write, name: &str, rows: &[&Row<'_>], long: bool) -> io::Result<()> {
    let mut ratios: [(&str, Ratios); 4] =
        ["RMS", "maximum", "rate", "midpoint filter"].map(|of| (of, Ratios::default()));
    for row in rows {
        let [rms, max, rate] = relative(row);
        let midpoint = row.midpoint_to_chrony().filter(|_| long);
        ratios
            .iter_mut()
            .zip([rms, max, rate, midpoint])
            .for_each(|((_, ratios), ratio)| ratios.push(ratio));
    }
    let known: Vec<String> = ratios
        .iter()
        .filter_map(|(of, ratios)| ratios.told(of))
        .collect();
    if known.is_empty() {
        Ok(())
    } else {
        writeln!(out, "{name:<9} to chrony: {}", known.join(", "))
    }
}

fn heading(out: &mut impl Write, long: bool) -> io::Result<()> {
    write!(
        out,
        "{:<32} {:<8} {:>16} {:>7} {:>7} {:>9} {:>7} {:>8} {:>7} {:>8}",
        "scenario",
        "",
        "RMS us",
        "/chrony",
        "/limit",
        "max us",
        "/chrony",
        "rate ppb",
        "/chrony",
        "covered"
    )?;
    if long {
        write!(
            out,
            " {:>9} {:>7} {:>7} {:>6} {:>5} {:>9} {:>9} {:>8} {:>9} {:>7}",
            "p99 us",
            "<1ms s",
            "100us s",
            "sent",
            "steps",
            "bound us",
            "expect us",
            "claimed",
            "middle us",
            "/chrony"
        )?;
    }
    writeln!(out)
}

fn line(out: &mut impl Write, row: &Row<'_>, long: bool) -> io::Result<()> {
    let (rms, deviation) = mean_and_deviation(&row.outcomes, |outcome| outcome.rms * 1e6);
    let [to_rms, to_max, to_rate] = relative(row);
    let to_limit = row.scenario.stored.optimum.map(|limit| rms / limit);
    write!(
        out,
        "{:<32} {:<8} {:>9} ±{:<5} {:>7} {:>7} {:>9} {:>7} {:>8} {:>7} {:>8}",
        row.scenario.name,
        word(row.discipline),
        digits(rms),
        digits(deviation),
        ratio(to_rms),
        ratio(to_limit),
        digits(row.mean(|outcome| outcome.max) * 1e6),
        ratio(to_max),
        digits(row.mean(|outcome| outcome.rate) * 1e9),
        ratio(to_rate),
        format!("{:.4}", row.least(|outcome| outcome.coverage)),
    )?;
    if long {
        write!(
            out,
            " {:>9} {:>7} {:>7} {:>6} {:>5} {:>9} {:>9} {:>8} {:>9} {:>7}",
            digits(row.mean(|outcome| outcome.p99) * 1e6),
            row.median(|outcome| outcome.settled),
            row.median(|outcome| outcome.close),
            digits(row.mean(|outcome| outcome.sent as f64)),
            row.median(|outcome| outcome.steps as f64),
            digits(row.mean(|outcome| outcome.bound) * 1e6),
            digits(row.mean(|outcome| outcome.expected) * 1e6),
            format!("{:.4}", row.mean(|outcome| outcome.claimed)),
            digits(row.mean(|outcome| outcome.midpoint) * 1e6),
            ratio(row.midpoint_to_chrony()),
        )?;
    }
    writeln!(out)
}

fn relative(row: &Row<'_>) -> [Option<f64>; 3] {
    let ours = [
        row.mean(|outcome| outcome.rms) * 1e6,
        row.mean(|outcome| outcome.max) * 1e6,
        row.mean(|outcome| outcome.rate) * 1e9,
    ];
    let mut relative = [None; 3];
    if let Some(theirs) = row.scenario.stored.chrony {
        for ((place, ours), theirs) in relative.iter_mut().zip(ours).zip(theirs) {
            *place = (theirs > 0.0).then(|| ours / theirs);
        }
    }
    relative
}

/// How close the filters come that know the noise beforehand.
pub(crate) fn write_yardstick(seeds: u64) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let heading = writeln!(
        out,
        "{:>8} {:>14} {:>10} {:>14} {:>10}",
        "rho", "truncated", "stored", "bayes", "stored"
    );
    heading.map_err(|error| error.to_string())?;
    for row in yardstick::measure(seeds) {
        writeln!(
            out,
            "{:>8.1e} {:>14.4} {:>10.4} {:>14.4} {:>10.4}",
            row.rho, row.truncated[0], row.truncated[1], row.bayes[0], row.bayes[1]
        )
        .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn word(kind: DisciplineKind) -> &'static str {
    match kind {
        DisciplineKind::PllFll => "pll-fll",
        DisciplineKind::Estimate => "estimate",
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}x"))
}

/// Three significant digits.
pub(crate) fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 10.0 {
        format!("{value:.2}")
    } else if magnitude < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_known_in_no_row_has_no_mean() {
        let mut ratios = Ratios::default();
        ratios.push(None);
        assert_eq!(ratios.told("RMS"), None);
        ratios.push(Some(0.5));
        assert_eq!(
            ratios.told("RMS").as_deref(),
            Some("RMS 0.500 (worst 0.50, 1 rows)")
        );
    }
}
