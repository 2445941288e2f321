//! The effect of sealing on the offset: `bench/nts-asymmetry`.
//!
//! Client and server read the same clock, so that every offset is an error of measurement. A reply
//! carries the time at which it was begun, and is sealed afterwards: the way back then seems longer
//! than the way there, by the time that takes. The kinds of exchange take turns, so that whatever
//! else this machine does meets all alike.
#![expect(clippy::print_stdout, reason = "it is for people to look at")]

use clap::Parser;
use ntp_proto::nts::AeadAlgorithm;
use ntp_proto::packet::{Header, Version};
use ntp_proto::time::{NtpDuration, NtpTimestamp, PollInterval};
use ntp_udp::{BindOptions, Notice, SendId, Socket};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use test_support::{Daemon, DaemonConfig, NtsAddresses, NtsLoopback, NtsSession};

/// The limit for a reply.
const PATIENCE: Duration = Duration::from_secs(1);

/// Measure the offset between two readers of the same clock, plain and with NTS.
#[derive(Debug, Parser)]
struct Args {
    /// The number of rounds
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// The number of exchanges of each kind in a round
    #[arg(long, default_value_t = 1000)]
    exchanges: usize,
    /// The pause after each exchange in microseconds
    #[arg(long, default_value_t = 200)]
    pause: u64,
    /// Added by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// One exchange: the way there, the time at the server, and the way back, in nanoseconds.
#[derive(Clone, Copy)]
struct Times {
    there: f64,
    within: f64,
    back: f64,
}

impl Times {
    /// Server minus client, as RFC 5905 has it.
    fn offset(self) -> f64 {
        (self.there - self.back) / 2.0
    }

    fn delay(self) -> f64 {
        self.there + self.back
    }
}

/// A client as ours is, with the kernel's timestamps.
struct Prober {
    socket: Socket,
    server: SocketAddr,
    asked: u64,
}

impl Prober {
    fn new(server: SocketAddr) -> Self {
        let options = BindOptions {
            blocking: true,
            ..BindOptions::client(SocketAddr::from(([127, 0, 0, 1], 0)))
        };
        let socket = Socket::bind(&options).expect("a socket");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a deadline can be set");
        Self {
            socket,
            server,
            asked: 0,
        }
    }

    fn ask(&mut self, session: Option<&mut NtsSession>) -> Option<Times> {
        self.asked += 1;
        let header = Header::request(
            Version::V4,
            PollInterval::clamped(6),
            NtpTimestamp::from_bits(self.asked),
        );
        let mut room = [0; 1280];
        let (reply, sent, received) = match session {
            None => {
                let id = self.socket.send(&header.encode(), self.server).ok()?;
                let got = self.socket.receive(&mut room).ok()?;
                (
                    Header::decode(room.get(..got.length)?).ok()?,
                    id,
                    got.stamp?.at,
                )
            }
            Some(session) => {
                let (request, unique_id) = session.request(&header);
                let id = self.socket.send(&request, self.server).ok()?;
                let got = self.socket.receive(&mut room).ok()?;
                (
                    session.open(room.get(..got.length)?, &unique_id).ok()?,
                    id,
                    got.stamp?.at,
                )
            }
        };
        let left = self.transmitted(sent)?;
        let between = |from: NtpTimestamp, to: NtpTimestamp| nanoseconds(to - from);
        (reply.origin == header.transmit).then(|| Times {
            there: between(left, reply.receive),
            within: between(reply.receive, reply.transmit),
            back: between(reply.transmit, received),
        })
    }

    fn transmitted(&self, id: SendId) -> Option<NtpTimestamp> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match self.socket.notice().ok()? {
                Some(Notice::Transmitted(stamp)) if stamp.id == id => return Some(stamp.stamp.at),
                Some(_) => {}
                None => sleep(Duration::from_micros(10)),
            }
        }
        None
    }
}

fn nanoseconds(span: NtpDuration) -> f64 {
    span.to_bits() as f64 * 1e9 / 2f64.powi(32)
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A kind of exchange, and the medians of each round.
struct Kind {
    name: &'static str,
    session: Option<NtsSession>,
    rounds: Vec<Times>,
    lost: usize,
}

fn main() {
    let args = Args::parse();
    let scene = NtsLoopback::new();
    let config = scene
        .serving_as(DaemonConfig::with_clock_mode("none"), "")
        .with_log_level("warn");
    let mut daemon = Daemon::start(&config).expect("a daemon without CAP_SYS_TIME");
    let NtsAddresses { time, keys } = NtsAddresses::of(&mut daemon);
    pin([daemon.process().id(), std::process::id()]);
    let session = |algorithm| {
        scene
            .client_of(algorithm)
            .session(keys)
            .expect("keys are to be had")
    };
    let kind = |name, session| Kind {
        name,
        session,
        rounds: Vec::new(),
        lost: 0,
    };
    let mut kinds = [
        kind("plain", None),
        kind("AES-SIV-CMAC-256", Some(session(AeadAlgorithm::SivCmac256))),
        kind(
            "AES-128-GCM-SIV",
            Some(session(AeadAlgorithm::Aes128GcmSiv)),
        ),
    ];
    let mut prober = Prober::new(time);
    for _ in 0..=args.rounds {
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..args.exchanges {
            for (kind, times) in kinds.iter_mut().zip(&mut times) {
                match prober.ask(kind.session.as_mut()) {
                    Some(seen) => times.push(seen),
                    None => kind.lost += 1,
                }
                sleep(Duration::from_micros(args.pause));
            }
        }
        for (kind, times) in kinds.iter_mut().zip(&times) {
            let of = |value: fn(&Times) -> f64| median(times.iter().map(value));
            kind.rounds.push(Times {
                there: of(|it| it.there),
                within: of(|it| it.within),
                back: of(|it| it.back),
            });
        }
    }
    // The first round warms up.
    for kind in &mut kinds {
        kind.rounds.remove(0);
    }
    report(&args, &kinds);
}

/// Gives each process a processor of its own, where there are as many and `taskset` is at hand.
fn pin(processes: [u32; 2]) {
    if std::thread::available_parallelism().is_ok_and(|there| there.get() >= processes.len()) {
        for (processor, process) in processes.iter().enumerate() {
            let mut command = Command::new("taskset");
            command
                .args(["-a", "-c", "-p"])
                .args([processor.to_string(), process.to_string()]);
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

fn report(args: &Args, kinds: &[Kind]) {
    println!(
        "{} rounds of {} exchanges of each kind; medians, in nanoseconds",
        args.rounds, args.exchanges
    );
    println!(
        "{:<18} {:>8} {:>8} {:>8} {:>8} {:>8} {:>14} {:>24} {:>8}",
        "",
        "there",
        "within",
        "back",
        "delay",
        "offset",
        "NTS - plain",
        "(least and most)",
        "of delay"
    );
    let [plain, ..] = kinds else { return };
    for kind in kinds {
        let of = |value: fn(&Times) -> f64| median(kind.rounds.iter().map(value));
        let differences = kind
            .rounds
            .iter()
            .zip(&plain.rounds)
            .map(|(own, plain)| own.offset() - plain.offset());
        let differences: Vec<f64> = differences.collect();
        let difference = median(differences.iter().copied());
        let least = differences.iter().copied().fold(f64::INFINITY, f64::min);
        let most = differences
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        println!(
            "{:<18} {:>8.0} {:>8.0} {:>8.0} {:>8.0} {:>8.0} {:>14.0} {:>24} {:>7.2}% {}",
            kind.name,
            of(|it| it.there),
            of(|it| it.within),
            of(|it| it.back),
            of(|it| it.delay()),
            of(|it| it.offset()),
            difference,
            format!("({least:.0} to {most:.0})"),
            100.0 * difference.abs() / of(|it| it.delay()),
            if kind.lost > 0 {
                format!("{} without a reply", kind.lost)
            } else {
                String::new()
            }
        );
    }
}
