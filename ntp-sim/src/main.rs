//! Measures the client of Truechimer in a simulated world.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `args` | the command line |
//! | `table` | outcomes, as tables for people |
//! | `search` | the worlds of many seeds, and the worst of them |
//! | `plot` | the error of one run over time, as a picture |
#![forbid(unsafe_code)]

mod args;
mod plot;
mod search;
mod table;

use args::{Args, Command, Selection};
use clap::Parser as _;
use ntp_proto::clock::DisciplineKind;
use ntp_sim::batch::{self, Job};
use ntp_sim::outcome::{Outcome, Second};
use ntp_sim::scenario::{Catalogue, Scenario};
use ntp_sim::world::World;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use table::Row;

fn main() -> ExitCode {
    match perform(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(args: &Args) -> Result<(), String> {
    batch::name_the_run_that_panics();
    if let Command::Weather(search) = &args.command {
        return search::run(
            search,
            progress(usize::try_from(search.worlds).unwrap_or(usize::MAX)),
        );
    }
    let catalogue = Catalogue::read(&args.folder()).map_err(|error| error.to_string())?;
    match &args.command {
        Command::List => list(&catalogue),
        Command::Run {
            selection,
            discipline,
        } => measure(&catalogue, selection, &[discipline.kind()]),
        Command::Compare { selection } => measure(
            &catalogue,
            selection,
            &[DisciplineKind::PllFll, DisciplineKind::Estimate],
        ),
        Command::Weather(_) => Ok(()),
        Command::Yardstick { seeds } => table::write_yardstick(*seeds),
        Command::Trace {
            scenario,
            discipline,
            seed,
        } => trace(named(&catalogue, scenario)?, discipline.kind(), *seed),
        Command::Plot {
            scenario,
            discipline,
            seed,
            output,
        } => plot::draw(
            named(&catalogue, scenario)?,
            discipline.kind(),
            *seed,
            output,
        ),
    }
}

fn named<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a Scenario, String> {
    let found = catalogue.all().iter().find(|known| known.name == name);
    found.ok_or_else(|| format!("no scenario \"{name}\"; see ntp-sim list"))
}

fn trace(scenario: &Scenario, discipline: DisciplineKind, seed: u64) -> Result<(), String> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut outcome = writeln!(out, "time_s,error_s,rate,bound_s,expected_s");
    World::new(scenario, discipline, seed).go(|second| {
        if outcome.is_ok() {
            let bound = second
                .bound
                .map_or_else(String::new, |bound| format!("{bound:e}"));
            let Second {
                t,
                error,
                rate,
                expected,
                ..
            } = second;
            outcome = writeln!(out, "{t},{error:e},{rate:e},{bound},{expected:e}");
        }
    });
    outcome
        .and_then(|()| out.flush())
        .map_err(|error| error.to_string())
}

fn list(catalogue: &Catalogue) -> Result<(), String> {
    let mut out = io::stdout().lock();
    for scenario in catalogue.all() {
        writeln!(out, "{:<34} {}", scenario.name, scenario.about)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn measure(
    catalogue: &Catalogue,
    selection: &Selection,
    disciplines: &[DisciplineKind],
) -> Result<(), String> {
    let scenarios = catalogue.matching(&selection.patterns);
    if scenarios.is_empty() {
        return Err(format!(
            "no scenario matches {}; see ntp-sim list",
            selection.patterns.join(" ")
        ));
    }
    let seeds = selection.first_seed..selection.first_seed + selection.seeds;
    let jobs: Vec<Job<'_>> = scenarios
        .iter()
        .flat_map(|scenario| {
            disciplines
                .iter()
                .map(move |discipline| (*scenario, *discipline))
        })
        .flat_map(|(scenario, discipline)| {
            seeds.clone().map(move |seed| Job {
                scenario,
                discipline,
                seed,
            })
        })
        .collect();
    let outcomes = batch::run(&jobs, selection.threads, progress(jobs.len()));
    let per_row = usize::try_from(selection.seeds).unwrap_or(usize::MAX);
    let rows: Vec<Row<'_>> = jobs
        .chunks(per_row)
        .zip(outcomes.chunks(per_row))
        .filter_map(row)
        .collect();
    table::write(&rows, selection.long).map_err(|error| error.to_string())?;
    if outcomes.iter().any(Option::is_none) {
        Err("some runs failed".to_owned())
    } else {
        Ok(())
    }
}

fn row<'a>((jobs, outcomes): (&[Job<'a>], &[Option<Outcome>])) -> Option<Row<'a>> {
    let first = jobs.first()?;
    let scenario: &Scenario = first.scenario;
    Some(Row {
        scenario,
        discipline: first.discipline,
        outcomes: outcomes.iter().flatten().copied().collect(),
    })
}

/// A line that says how far a long batch is, on a terminal only.
fn progress(jobs: usize) -> impl FnMut(usize) {
    let visible = io::stderr().is_terminal();
    move |done| {
        if visible {
            let end = if done == jobs { "\r\x1b[K" } else { "" };
            let _ = write!(io::stderr(), "\r{done} of {jobs} runs{end}");
        }
    }
}
