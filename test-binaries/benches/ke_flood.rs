//! The effect of a flood of handshakes on replies: `bench/ke-flood`.
//!
//! The server has processor 0. The flood and the asker share processor 1, where the asker goes
//! first in real time, so that what is measured is the server's delay and not the asker's own. With
//! `--shared` all of them have all processors, as they come, and the asker waits behind the flood
//! as well.
//!
//! A processor that sleeps takes longer to answer than one that handshakes keep awake, so that
//! silence may look worse than a flood. With `--awake` there is no sleep in either, which is the
//! strictest comparison of the delays; the threads that see to it take half of what is left to
//! handshakes.
//!
//! Rounds of silence and of flood take turns, so that whatever else this machine does meets both
//! alike. Each prints how long plain exchanges took; the medians over all rounds come last.
#![expect(clippy::print_stdout, reason = "it is for people to look at")]

use clap::Parser;
use ntp_os_clock::yield_to_all;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};
use test_support::{Asker, Daemon, HandshakeFlood, NtsAddresses, NtsLoopback};

/// A reply that has not come by then is counted as lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// The processors of the server and of the load.
const PROCESSORS: [usize; 2] = [0, 1];

/// Set where the asker has its priority already.
const FIRST: &str = "KE_FLOOD_FIRST";

/// Measure how long replies take while key establishment is flooded.
#[derive(Debug, Parser)]
struct Args {
    /// The number of rounds of each kind
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The duration of each of them in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// The number of simultaneous connections of the flood
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Let server, flood and asker share all processors
    #[arg(long)]
    shared: bool,
    /// Keep both processors from ever falling asleep, with threads that run when no other wants
    /// to
    #[arg(long)]
    awake: bool,
    /// Added by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// The durations of exchanges in a round, in microseconds.
struct Round {
    asked: usize,
    lost: usize,
    median: f64,
    p99: f64,
    worst: f64,
}

impl Round {
    fn measure(time: SocketAddr, span: Duration) -> Self {
        let mut asker = Asker::new(time, PATIENCE).expect("a socket");
        let (end, mut took, mut lost) = (Instant::now() + span, Vec::new(), 0);
        while Instant::now() < end {
            match asker.plain() {
                Some(span) => took.push(span.as_secs_f64() * 1e6),
                None => lost += 1,
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        took.sort_by(f64::total_cmp);
        let at = |share: f64| {
            took.get((took.len() as f64 * share) as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Self {
            asked: took.len() + lost,
            lost,
            median: at(0.5),
            p99: at(0.99),
            worst: at(1.0 - f64::EPSILON),
        }
    }

    fn print(&self, what: &str, more: &str) {
        let Self {
            asked,
            lost,
            median,
            p99,
            worst,
        } = self;
        println!("{what:<6} {asked:>7} {lost:>5} {median:>9.1} {p99:>9.1} {worst:>9.1}  {more}");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Begins again with a real-time priority for this thread, the asker's. What it starts, daemon and
/// flood, does not get it.
fn go_first() {
    if std::env::var_os(FIRST).is_none() {
        let this = std::env::current_exe().expect("a program has a path");
        let mut chrt = Command::new("chrt");
        chrt.args(["--reset-on-fork", "--rr", "1"])
            .arg(this)
            .args(std::env::args_os().skip(1))
            .env(FIRST, "1");
        panic!("chrt: {}", chrt.exec());
    }
}

/// Ties this thread, and what it starts from now on, to one processor.
fn settle(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor);
    sched_setaffinity(None, &only).expect("there are two processors; with one, try --shared");
}

/// A thread that uses the idle time of a processor, until this program ends.
fn keep_awake(processor: usize) {
    std::thread::spawn(move || {
        settle(processor);
        yield_to_all().expect("any thread may yield");
        loop {
            std::hint::spin_loop();
        }
    });
}

fn main() {
    let args = Args::parse();
    if !args.shared {
        go_first();
        settle(PROCESSORS[0]);
    }
    let span = Duration::from_secs(args.seconds);
    let scene = NtsLoopback::new();
    let mut daemon = Daemon::start(&scene.server("").with_log_level("warn"))
        .expect("a daemon without CAP_SYS_TIME");
    if !args.shared {
        settle(PROCESSORS[1]);
    }
    let NtsAddresses { time, keys } = NtsAddresses::of(&mut daemon);
    if args.awake {
        PROCESSORS.into_iter().for_each(keep_awake);
    }
    let _ = Round::measure(time, Duration::from_millis(500));

    println!(
        "{} rounds of {} s each; microseconds",
        args.rounds, args.seconds
    );
    println!(
        "{:<6} {:>7} {:>5} {:>9} {:>9} {:>9}",
        "", "asked", "lost", "median", "p99", "worst"
    );
    let (mut quiet, mut flooded, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let round = Round::measure(time, span);
        round.print("quiet", "");
        quiet.push(round);
        let flood = HandshakeFlood::start(keys, args.connections);
        let round = Round::measure(time, span);
        let done = flood.stop();
        let rate = f64::from(done.answered) / span.as_secs_f64();
        round.print(
            "flood",
            &format!("{rate:.0} handshakes a second, {} refused", done.refused),
        );
        flooded.push(round);
        rates.push(rate);
    }
    let of = |rounds: &[Round], value: fn(&Round) -> f64| median(rounds.iter().map(value));
    let p99 = [&quiet, &flooded].map(|rounds| of(rounds, |round| round.p99));
    let middle = [&quiet, &flooded].map(|rounds| of(rounds, |round| round.median));
    let [lost_quiet, lost] =
        [&quiet, &flooded].map(|rounds| rounds.iter().map(|round| round.lost).sum::<usize>());
    println!(
        "medians of the rounds: median {:.1}, in the flood {:.1} ({:.2} x)",
        middle[0],
        middle[1],
        middle[1] / middle[0]
    );
    println!(
        "                       p99    {:.1}, in the flood {:.1} ({:.2} x)",
        p99[0],
        p99[1],
        p99[1] / p99[0]
    );
    println!(
        "lost: {lost_quiet}, in the flood {lost}; {:.0} handshakes a second",
        median(rates.into_iter())
    );
}
