//! The worlds of many seeds, and the worst of them.

mod kinds;

use crate::args::Search;
use crate::table::digits;
use ntp_proto::clock::DisciplineKind;
use ntp_sim::batch::{self, Job};
use ntp_sim::outcome::Outcome;
use ntp_sim::scenario::Scenario;
use ntp_sim::weather;
use std::io::{self, Write};

/// A ratio up to this is not called worse where the error is small.
const WORSE: f64 = 1.1;
/// An error up to this is small.
const SMALL: f64 = 1e-5;
/// The share of seconds in which the error must be within the claimed bound.
const COVERED: f64 = 0.999;

/// A world and what it came to.
struct Run<'a> {
    seed: u64,
    world: &'a Scenario,
    outcome: Outcome,
}

impl Run<'_> {
    /// Our error in units of the midpoint filter's.
    fn ratio(&self) -> f64 {
        self.outcome.rms / self.outcome.midpoint.max(f64::MIN_POSITIVE)
    }

    fn is_clearly_worse(&self) -> bool {
        self.ratio() > WORSE && self.outcome.rms > SMALL
    }
}

/// Draws and runs the worlds, and writes what they came to; or writes one of them as a scenario.
pub(crate) fn run(search: &Search, progress: impl FnMut(usize)) -> Result<(), String> {
    let mut out = io::stdout().lock();
    if let Some(seed) = search.show {
        let text = weather::draw(seed)
            .to_toml()
            .map_err(|error| error.to_string())?;
        let how = format!("# ntp-sim run weather-{seed} --seeds 1 --first-seed {seed}");
        return writeln!(out, "{how}\n{text}").map_err(|error| error.to_string());
    }
    let seeds = search.first_seed..search.first_seed + search.worlds;
    let worlds: Vec<(u64, Scenario)> = seeds.map(|seed| (seed, weather::draw(seed))).collect();
    let discipline = DisciplineKind::Estimate;
    let jobs: Vec<Job<'_>> = worlds
        .iter()
        .map(|(seed, scenario)| Job {
            scenario,
            discipline,
            seed: *seed,
        })
        .collect();
    let outcomes = batch::run(&jobs, search.threads, progress);
    let done = worlds.iter().zip(outcomes);
    let runs: Vec<Run<'_>> = done
        .filter_map(|((seed, world), outcome)| {
            outcome.map(|outcome| Run {
                seed: *seed,
                world,
                outcome,
            })
        })
        .collect();
    write(&mut out, search, &runs).map_err(|error| error.to_string())?;
    if runs.len() < worlds.len() {
        Err("some runs failed".to_owned())
    } else {
        Ok(())
    }
}

fn write(out: &mut impl Write, search: &Search, runs: &[Run<'_>]) -> io::Result<()> {
    if search.all {
        list(out, "every world", &runs.iter().collect::<Vec<_>>())?;
    }
    summarize(out, runs)?;
    let mut order: Vec<&Run<'_>> = runs.iter().collect();
    order.sort_by(|one, other| other.ratio().total_cmp(&one.ratio()));
    list(
        out,
        "worst ratios",
        order.get(..search.worst).unwrap_or(&order),
    )?;
    order.retain(|run| run.outcome.coverage < COVERED);
    order.sort_by(|one, other| one.outcome.coverage.total_cmp(&other.outcome.coverage));
    list(
        out,
        "least covered",
        order.get(..search.worst).unwrap_or(&order),
    )
}

/// The outcome of some worlds.
struct Summary {
    worlds: usize,
    /// Geometric mean of the ratios.
    mean: f64,
    worst: f64,
    /// Percentages of worlds.
    worse: f64,
    clearly_worse: f64,
    uncovered: f64,
    stepped: f64,
}

impl Summary {
    fn of(runs: &[&Run<'_>]) -> Self {
        let count = runs.len().max(1) as f64;
        let share = |of: &dyn Fn(&Run<'_>) -> bool| {
            100.0 * runs.iter().filter(|run| of(run)).count() as f64 / count
        };
        Self {
            worlds: runs.len(),
            mean: (runs.iter().map(|run| run.ratio().ln()).sum::<f64>() / count).exp(),
            worst: runs.iter().map(|run| run.ratio()).fold(0.0, f64::max),
            worse: share(&|run| run.ratio() > 1.0),
            clearly_worse: share(&|run| run.is_clearly_worse()),
            uncovered: share(&|run| run.outcome.coverage < COVERED),
            stepped: share(&|run| run.outcome.late_steps > 0),
        }
    }

    fn line(&self, out: &mut impl Write, name: &str) -> io::Result<()> {
        let Self {
            worlds,
            mean,
            worst,
            worse,
            clearly_worse,
            uncovered,
            stepped,
        } = self;
        writeln!(
            out,
            "{name:<30} {worlds:>6} {mean:>7.3}x {worst:>7.2}x {worse:>6.1}% {clearly_worse:>8.1}% {uncovered:>8.1}% \
             {stepped:>6.1}%"
        )
    }
}

/// All worlds, and those of each kind.
fn summarize(out: &mut impl Write, runs: &[Run<'_>]) -> io::Result<()> {
    writeln!(
        out,
        "{:<30} {:>6} {:>8} {:>8} {:>7} {:>9} {:>9} {:>7}",
        "RMS to the midpoint filter's",
        "worlds",
        "mean",
        "worst",
        "worse",
        "by a 10th",
        "<99.9 %",
        "steps"
    )?;
    Summary::of(&runs.iter().collect::<Vec<_>>()).line(out, "all")?;
    for (name, is_of_kind) in kinds::KINDS {
        Summary::of(
            &runs
                .iter()
                .filter(|run| is_of_kind(run.world))
                .collect::<Vec<_>>(),
        )
        .line(out, name)?;
    }
    Ok(())
}

fn list(out: &mut impl Write, title: &str, runs: &[&Run<'_>]) -> io::Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{title}\n{:>8} {:>7} {:>9} {:>9} {:>8} {:>5} {:>6}  world",
        "seed", "ratio", "RMS us", "middle us", "covered", "steps", "sent"
    )?;
    for run in runs {
        writeln!(
            out,
            "{:>8} {:>6.2}x {:>9} {:>9} {:>8.4} {:>5} {:>6}  {}",
            run.seed,
            run.ratio(),
            digits(run.outcome.rms * 1e6),
            digits(run.outcome.midpoint * 1e6),
            run.outcome.coverage,
            run.outcome.late_steps,
            run.outcome.sent,
            run.world.about
        )?;
    }
    Ok(())
}
