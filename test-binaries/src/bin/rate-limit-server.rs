//! An NTP server that accepts one request of each address in 32 s and answers others with a RATE
//! kiss, which forces the poll interval of a client up to 32 s.
#![forbid(unsafe_code)]

use clap::Parser;
use ntp_proto::packet::{Header, KissCode};
use ntp_proto::time::PollInterval;
use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use test_binaries::{Announcer, Outgoing, Responder, ServerOptions};

/// The limit of addresses that are remembered; further ones are not rate limited.
const MOST_CLIENTS: usize = 100_000;

/// Serve the time to each address once in 32 s, and answer earlier requests with a RATE kiss.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerOptions,
    /// The poll interval to force clients to, as a power of two of seconds: 5 is 32 s
    #[arg(long, value_name = "LOG2_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(i8).range(1..=17))]
    poll: i8,
}

/// The time of the last request of each address, whatever the answer.
#[derive(Debug)]
struct Visits {
    spacing: Duration,
    last: HashMap<IpAddr, Instant>,
}

impl Visits {
    /// A request that the network delivers half a second early is accepted.
    fn new(poll: PollInterval) -> Self {
        Self {
            spacing: poll.duration() - Duration::from_millis(500),
            last: HashMap::new(),
        }
    }

    /// The time since the last request of the address, if that is too short.
    fn too_soon(&mut self, address: IpAddr, now: Instant) -> Option<Duration> {
        if self.last.len() >= MOST_CLIENTS {
            self.last
                .retain(|_, last| now.duration_since(*last) < self.spacing);
        }
        if self.last.len() >= MOST_CLIENTS && !self.last.contains_key(&address) {
            return None;
        }
        let ago = now.duration_since(self.last.insert(address, now)?);
        (ago < self.spacing).then_some(ago)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let poll = PollInterval::clamped(args.poll);
    let mut responder = Responder::start(args.server)?;
    let (mut visits, mut announcer) = (Visits::new(poll), Announcer::default());
    responder.serve(|request, clock| {
        let reply = if let Some(ago) = visits.too_soon(request.from.ip(), Instant::now()) {
            announcer.announce(format_args!(
                "{}: RATE, the last request was {:.1} s ago",
                request.from,
                ago.as_secs_f64()
            ));
            Header {
                poll: poll.log2(),
                ..request.kiss(KissCode::Rate, clock.now())
            }
        } else {
            announcer.announce(format_args!("{}: the time", request.from));
            request.true_time(clock.now())
        };
        vec![Outgoing::now(reply.encode())]
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_with_enough_spacing_are_answered() {
        let mut visits = Visits::new(PollInterval::clamped(5));
        let (client, other): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs_f64(seconds);

        assert_eq!(visits.too_soon(client, at(0.0)), None);
        assert_eq!(
            visits.too_soon(client, at(16.0)),
            Some(Duration::from_secs(16))
        );
        assert_eq!(visits.too_soon(other, at(16.0)), None);
        assert_eq!(
            visits.too_soon(client, at(47.9)),
            None,
            "nearly 32 s after the request that was refused"
        );
    }
}
