//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use ntp_proto::clock::DisciplineKind;
use std::path::PathBuf;

/// Where the scenarios are, seen from the root of the repository.
const SCENARIOS: &str = "ntp-sim/scenarios";

/// Measures the client of Truechimer in a simulated world of clocks, networks and faults.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// The folder with the scenarios [default: ntp-sim/scenarios, or scenarios]
    #[arg(long, global = true)]
    scenarios: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    pub(crate) fn folder(&self) -> PathBuf {
        let near = || {
            if PathBuf::from(SCENARIOS).is_dir() {
                SCENARIOS.into()
            } else {
                "scenarios".into()
            }
        };
        self.scenarios.clone().unwrap_or_else(near)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Name all scenarios
    List,
    /// Run scenarios with one discipline
    Run {
        #[command(flatten)]
        selection: Selection,
        /// What disciplines the clock
        #[arg(long, value_enum, default_value_t)]
        discipline: Discipline,
    },
    /// Run scenarios with every discipline, next to what others reached
    Compare {
        #[command(flatten)]
        selection: Selection,
    },
    /// Measure the filters that know the noise beforehand against the limit
    Yardstick {
        /// How many seeds
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        seeds: u64,
    },
    /// Draw worlds from seeds, run each, and show those in which the plain midpoint filter is
    /// better
    Weather(Search),
    /// Write every second of one run as comma-separated values: time, error, rate error, claimed
    /// bound, expected error
    Trace {
        /// Which scenario
        scenario: String,
        /// What disciplines the clock
        #[arg(long, value_enum, default_value_t)]
        discipline: Discipline,
        /// With which randomness
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Draw the error of one run, and the bound that the client claims for it, as an SVG picture
    Plot {
        /// Which scenario
        scenario: String,
        /// What disciplines the clock
        #[arg(long, value_enum, default_value_t)]
        discipline: Discipline,
        /// With which randomness
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
}

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// Names of scenarios; `*` stands for anything
    #[arg(required = true)]
    pub(crate) patterns: Vec<String>,
    /// How many seeds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1_000_000_000))]
    pub(crate) first_seed: u64,
    /// The number of threads
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Show every figure
    #[arg(long)]
    pub(crate) long: bool,
}

/// Which worlds to draw, and what to show of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    /// The number of worlds
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) worlds: u64,
    /// The seed of the first
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1_000_000_000))]
    pub(crate) first_seed: u64,
    /// The number of threads
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// The number of the worst to show
    #[arg(long, default_value_t = 20)]
    pub(crate) worst: usize,
    /// Show every world, not only the worst
    #[arg(long)]
    pub(crate) all: bool,
    /// Print the world of this seed as a scenario, and run nothing
    #[arg(long, value_name = "SEED")]
    pub(crate) show: Option<u64>,
}

/// The disciplines, as the configuration names them.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Discipline {
    /// The estimator
    #[default]
    Estimate,
    /// The loops of RFC 5905
    PllFll,
}

impl Discipline {
    pub(crate) fn kind(self) -> DisciplineKind {
        match self {
            Self::Estimate => DisciplineKind::Estimate,
            Self::PllFll => DisciplineKind::PllFll,
        }
    }
}
