//! An NTP server that misbehaves in one chosen way.
#![forbid(unsafe_code)]

use clap::{Parser, ValueEnum};
use ntp_config::parse_span;
use ntp_os_clock::ClockReader;
use ntp_proto::packet::{Header, KissCode, LeapIndicator, ReferenceId, Stratum, Version};
use ntp_proto::time::{NtpDuration, NtpShort, NtpTimestamp};
use std::error::Error;
use std::time::Duration;
use test_binaries::{Announcer, Outgoing, Request, Responder, ServerOptions};

/// Answer NTP requests in an odd way, to test clients.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerOptions,
    /// The way of answering
    #[arg(short, long, default_value = "honest")]
    behavior: Behavior,
    /// The error of the served time in seconds; positive: ahead
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    offset: f64,
    /// The stratum of the replies
    #[arg(long, default_value_t = 1)]
    stratum: u8,
    /// The delay of a late reply
    #[arg(long, value_name = "TIME", value_parser = parse_span, default_value = "20")]
    delay: Duration,
    /// Send an honest reply after the odd one
    #[arg(long)]
    then_honest: bool,
}

/// The ways of misbehaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Behavior {
    /// Serve the time, with the error that `--offset` sets
    Honest,
    /// Do not answer
    Silent,
    /// Report that the server is not synchronized
    Unsynchronized,
    /// Answer with a wrong origin timestamp, like a forger who cannot see the request
    WrongOrigin,
    /// Send each reply three times
    Duplicate,
    /// Hold each reply back for `--delay`
    Late,
    /// Send a truncated reply
    Short,
    /// Send datagrams that are not NTP packets
    Garbage,
    /// Leave the receive and transmit timestamps empty
    NoTimestamps,
    /// Send the reply from another port
    OtherPort,
    /// Answer in version 5 of the protocol
    Version5,
    /// Report a root dispersion of 20 s
    RootDistance,
    /// Report the client as the server's reference
    Loop,
    /// Send a DENY kiss
    KissDeny,
    /// Send an RSTR kiss
    KissRstr,
    /// Send a RATE kiss
    KissRate,
    /// Send a DENY kiss with a wrong origin timestamp, like a forger who cannot see the request
    ForgedKiss,
}

impl Args {
    fn answer(&self, request: &Request, clock: &ClockReader) -> Vec<Outgoing> {
        let honest = self.honest(request, clock);
        let mut replies = odd(self.behavior, &honest, request);
        if self.behavior == Behavior::Late {
            replies
                .iter_mut()
                .for_each(|reply| reply.after = self.delay);
        }
        if self.then_honest {
            replies.push(Outgoing::now(honest.encode()));
        }
        replies
    }

    /// The reply with the options `--offset` and `--stratum` applied.
    fn honest(&self, request: &Request, clock: &ClockReader) -> Header {
        let error = NtpDuration::from_seconds(self.offset);
        let reply = request.true_time(clock.now());
        Header {
            stratum: Stratum::from_bits(self.stratum),
            reference_time: reply.reference_time + error,
            receive: reply.receive + error,
            transmit: reply.transmit + error,
            ..reply
        }
    }
}

fn odd(behavior: Behavior, honest: &Header, request: &Request) -> Vec<Outgoing> {
    let forged_origin = NtpTimestamp::from_bits(!honest.origin.to_bits());
    let kiss = |code| request.kiss(code, honest.transmit);
    let header = match behavior {
        Behavior::Silent => return Vec::new(),
        Behavior::Short => return vec![Outgoing::now(&honest.encode()[..30])],
        Behavior::Garbage => return vec![Outgoing::now(vec![0xFF; 300]), Outgoing::now(*b"?")],
        Behavior::Duplicate => return vec![Outgoing::now(honest.encode()); 3],
        Behavior::Honest | Behavior::Late => *honest,
        Behavior::Unsynchronized => Header {
            leap: LeapIndicator::Unsynchronized,
            stratum: Stratum::UNSYNCHRONIZED,
            ..*honest
        },
        Behavior::WrongOrigin => Header {
            origin: forged_origin,
            ..*honest
        },
        Behavior::NoTimestamps => Header {
            receive: NtpTimestamp::UNKNOWN,
            transmit: NtpTimestamp::UNKNOWN,
            ..*honest
        },
        Behavior::OtherPort => {
            return vec![Outgoing {
                elsewhere: true,
                ..Outgoing::now(honest.encode())
            }];
        }
        Behavior::Version5 => Header {
            version: Version::from_bits(5),
            ..*honest
        },
        Behavior::RootDistance => Header {
            root_dispersion: NtpShort::from_bits(20 << 16),
            ..*honest
        },
        Behavior::Loop => {
            let reference_id = ReferenceId::from_address(request.from.ip());
            Header {
                stratum: Stratum::from_bits(2),
                reference_id,
                ..*honest
            }
        }
        Behavior::KissDeny => kiss(KissCode::Deny),
        Behavior::KissRstr => kiss(KissCode::Rstr),
        Behavior::KissRate => kiss(KissCode::Rate),
        Behavior::ForgedKiss => Header {
            origin: forged_origin,
            ..kiss(KissCode::Deny)
        },
    };
    vec![Outgoing::now(header.encode())]
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut responder = Responder::start(args.server)?;
    let mut announcer = Announcer::default();
    responder.serve(|request, clock| {
        announcer.announce(format_args!("{}: {:?}", request.from, args.behavior));
        args.answer(request, clock)
    })?;
    Ok(())
}
