//! A bounded load for one's own NTP servers: their answers, their errors and their costs.
#![forbid(unsafe_code)]

use clap::{Parser, ValueEnum};
use ntp_config::parse_span;
use ntp_load::{
    AddressRange, Authority, Establisher, Generator, Group, HandshakeReport, Histogram, LoadReport,
    MOST_REQUESTS, MachineUsage, Pace, Percentiles, Plan, Report, RequestSet, SCHEMA, Session,
    Shape, Snapshot, Spent, check_span, check_target, fetch_cookies, is_in_a_namespace_of_its_own,
};
use ntp_proto::nts::AeadAlgorithm;
use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The number of protected requests for the probe.
const PROBE_COOKIES: usize = 64;

/// Send many requests to an NTP server for a short time, and report its answers and costs.
///
/// Without --rate, --window requests are always in flight; with it, requests are sent at that rate,
/// answered or not. The server must be on this machine's loopback, or in a
/// network namespace made for the purpose.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The server's address and port
    target: SocketAddr,
    /// The duration of the run, at most 120 s
    #[arg(long = "for", value_name = "TIME", value_parser = parse_span)]
    span: Duration,
    /// The limit of requests, or of handshakes with --ke-only
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MOST_REQUESTS))]
    count: u64,
    /// Requests a second
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "window", value_parser = rate)]
    rate: Option<f64>,
    /// The number of requests that are sent together with --rate
    #[arg(long, default_value_t = 1, requires = "rate", value_parser = clap::value_parser!(u64).range(1..=64))]
    burst: u64,
    /// The number of requests in flight without --rate
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=16_384))]
    window: u64,
    /// The number of source ports
    #[arg(long, default_value_t = 16)]
    sources: usize,
    /// The block of source addresses, which take turns, such as 127.1.0.0/16
    #[arg(long, value_name = "BLOCK")]
    from: Option<AddressRange>,
    /// After this time without a reply, a request is lost
    #[arg(long, value_name = "TIME", value_parser = parse_span, default_value = "0.25")]
    patience: Duration,
    /// Measure the error of the served time by so many requests a second beside the load
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=2000))]
    probes: u32,
    /// The server's process, whose processor time and memory are read from /proc with those of its
    /// descendants
    #[arg(long)]
    pid: Option<u32>,
    /// Use NTS, with keys and cookies from this address of the server
    #[arg(long, value_name = "ADDRESS", requires = "ca")]
    ke: Option<SocketAddr>,
    /// The name in the server's certificate; its address, if there is none
    #[arg(long, value_name = "NAME", requires = "ke")]
    ke_name: Option<String>,
    /// The certificate of the server's authority (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The AEAD algorithm of NTS: 15, 16, 17 or 30
    #[arg(long, value_name = "NUMBER", default_value = "15", value_parser = algorithm)]
    aead: AeadAlgorithm,
    /// The key exchange of TLS
    #[arg(long, value_enum, default_value = "any")]
    group: GroupName,
    /// The number of handshakes that give the cookies for a load with NTS
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
    sessions: u64,
    /// The number of cookies; each is used many times, which only a load may do
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1024..=65_536))]
    cookies: u64,
    /// Verify the authenticator of one reply in so many
    #[arg(long, value_name = "REPLIES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..))]
    verify_every: u64,
    /// Count replies of a server that is not synchronized as good ones
    #[arg(long)]
    lenient: bool,
    /// Measure handshakes of key establishment, one after another, and nothing else
    #[arg(long, requires = "ke")]
    ke_only: bool,
    /// Write a JSON document
    #[arg(long)]
    json: bool,
    /// Ask a server elsewhere: the network and all in it are mine
    #[arg(long)]
    i_own_this_network: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroupName {
    /// The groups that clients of today offer, the hybrid of X25519 and ML-KEM first
    Any,
    /// X25519 only
    X25519,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok().filter(|rate| (0.1..=2e6).contains(rate));
    rate.ok_or_else(|| {
        format!("`{text}` is not a rate: write a number from 0.1 to 2000000, in requests a second")
    })
}

fn algorithm(text: &str) -> Result<AeadAlgorithm, String> {
    let found = text.parse().ok().and_then(AeadAlgorithm::from_id);
    found.ok_or_else(|| {
        format!("`{text}` is not a supported AEAD algorithm of NTS: choose 15, 16, 17 or 30")
    })
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args).and_then(|report| print(&report, args.json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(report: &Report, json: bool) -> Result<(), String> {
    let text = if json {
        serde_json::to_string(report).map_err(|error| error.to_string())? + "\n"
    } else {
        report.to_string()
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("the report cannot be written: {error}"))
}

fn run(args: &Args) -> Result<Report, String> {
    check_span(args.span)?;
    let apart = is_in_a_namespace_of_its_own();
    let targets: [Option<IpAddr>; 2] = [Some(args.target.ip()), args.ke.map(|ke| ke.ip())];
    for target in targets.into_iter().flatten() {
        check_target(target, apart, args.i_own_this_network)?;
    }
    if args.ke_only {
        handshakes(args)
    } else {
        load(args)
    }
}

/// Measures the costs of server, generator and machine during a run.
struct Meter {
    server: Option<(u32, Snapshot)>,
    generator: Snapshot,
    machine: MachineUsage,
}

impl Meter {
    fn start(server: Option<u32>) -> Result<Self, String> {
        let server = server
            .map(|process| Snapshot::take(process).map(|snapshot| (process, snapshot)))
            .transpose()?;
        let (generator, machine) = (Snapshot::take(std::process::id())?, MachineUsage::take());
        Ok(Self {
            server,
            generator,
            machine,
        })
    }

    /// The costs of the server and of the generator, and the number of processors that others kept
    /// busy.
    fn stop(&self) -> Result<(Option<Spent>, Spent, f64), String> {
        let server = match &self.server {
            Some((process, before)) => Some(Snapshot::take(*process)?.since(before)),
            None => None,
        };
        let after = Snapshot::take(std::process::id())?;
        let generator = after.since(&self.generator);
        let busy = MachineUsage::take().busy_processors_since(&self.machine);
        let ours = server.as_ref().map_or(0.0, |spent| spent.cpu_s) + generator.cpu_s;
        let others = busy - ours / after.elapsed_since(&self.generator).as_secs_f64().max(1e-3);
        Ok((server, generator, others.max(0.0)))
    }
}

fn establisher(args: &Args) -> Result<Option<Establisher>, String> {
    let (Some(ke), Some(ca)) = (args.ke, &args.ca) else {
        return Ok(None);
    };
    let name = args.ke_name.clone().unwrap_or_else(|| ke.ip().to_string());
    let group = match args.group {
        GroupName::Any => Group::Any,
        GroupName::X25519 => Group::X25519,
    };
    Establisher::new(ke, &name, &Authority::read(ca)?, args.aead, group).map(Some)
}

/// The requests of the load, and those of the probe.
fn requests(args: &Args, rng: &mut ChaCha12Rng) -> Result<[RequestSet; 2], String> {
    let Some(establisher) = establisher(args)? else {
        return Ok([RequestSet::plain(), RequestSet::plain()]);
    };
    let wanted = args.cookies.next_power_of_two() as usize;
    if args.rate.is_none() && args.window as usize * 2 > wanted {
        return Err(format!(
            "a window of {} needs --cookies {} or more",
            args.window,
            args.window * 2
        ));
    }
    let sessions = (0..args.sessions).map(|_| establisher.establish());
    let mut sessions = sessions.collect::<Result<Vec<Session>, _>>()?;
    let cookies = fetch_cookies(args.target, &mut sessions, wanted + PROBE_COOKIES, rng)?;
    let (load, probe) = cookies.split_at(wanted);
    let load = RequestSet::nts(sessions.clone(), load, rng.next_u64(), rng)?;
    Ok([load, RequestSet::nts(sessions, probe, rng.next_u64(), rng)?])
}

fn load(args: &Args) -> Result<Report, String> {
    let mut rng =
        ChaCha12Rng::try_from_rng(&mut rand::rngs::SysRng).map_err(|error| error.to_string())?;
    let [requests, probes] =
        requests(args, &mut rng)?.map(|requests| requests.lenient(args.lenient));
    let (octets, aead) = (requests.longest(), args.aead.id());
    let protocol = if args.ke.is_some() {
        format!("nts-{aead}")
    } else {
        "plain".to_owned()
    };
    let pace = match args.rate {
        Some(rate) => Pace::Open {
            rate,
            burst: args.burst,
        },
        None => Pace::Closed {
            window: args.window,
        },
    };
    let plan = Plan {
        target: args.target,
        pace,
        span: args.span,
        count: args.count,
        ports: args.sources,
        range: args.from,
        patience: args.patience,
        open_every: args.verify_every,
    };
    let mut generator = Generator::new(plan, requests, rng.next_u64())?;
    if args.probes > 0 {
        generator = generator.with_probe(args.probes, probes, rng.next_u64())?;
    }
    let meter = Meter::start(args.pid)?;
    let took = generator.run();
    let (server, spent, others) = meter.stop()?;
    let shape = Shape::new(&generator, protocol, octets);
    Ok(Report {
        schema: SCHEMA,
        target: args.target.to_string(),
        load: Some(LoadReport::new(shape, &generator, took, server.as_ref())),
        handshakes: None,
        server,
        generator: spent,
        other_busy_processors: others,
    })
}

fn handshakes(args: &Args) -> Result<Report, String> {
    let establisher = establisher(args)?.ok_or("--ke-only needs --ke and --ca")?;
    // The first one is different: it warms caches up.
    let mut tls = establisher.establish()?.tls;
    let (mut latency, mut failed, mut failure) = (Histogram::new(), 0, None);
    let meter = Meter::start(args.pid)?;
    let start = Instant::now();
    while start.elapsed() < args.span && latency.count() + failed < args.count {
        match establisher.establish() {
            Ok(session) => {
                latency.record(session.took.as_nanos() as u64);
                tls = session.tls;
            }
            Err(error) => {
                failed += 1;
                failure = Some(error);
            }
        }
    }
    let took = start.elapsed();
    let (server, spent, others) = meter.stop()?;
    let established = latency.count();
    let cpu = server
        .as_ref()
        .map(|spent| spent.cpu_s * 1e3 / established.max(1) as f64);
    Ok(Report {
        schema: SCHEMA,
        target: args.ke.unwrap_or(args.target).to_string(),
        load: None,
        handshakes: Some(HandshakeReport {
            duration_s: took.as_secs_f64(),
            established,
            failed,
            failure,
            tls,
            latency_us: Percentiles::of(&latency),
            server_cpu_per_handshake_ms: cpu,
        }),
        server,
        generator: spent,
        other_busy_processors: others,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_run_without_bounds_is_refused() {
        for missing in [
            ["ntp-load", "127.0.0.1:123", "--for", "1"],
            ["ntp-load", "127.0.0.1:123", "--count", "1"],
        ] {
            assert!(Args::try_parse_from(missing).is_err(), "{missing:?}");
        }
    }

    #[test]
    fn a_rate_is_a_positive_number() {
        assert_eq!(rate("20000"), Ok(20_000.0));
        for text in ["0", "-1", "nan", "1e9", "x"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
