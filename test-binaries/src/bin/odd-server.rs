//! An NTP server that misbehaves in one chosen way.
#![forbid(unsafe_code)]

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use ntp_os_clock::ClockReader;
use ntp_proto::packet::{Header, KissCode, LeapIndicator, ReferenceId, Stratum, Version};
use ntp_proto::time::{NtpDuration, NtpShort, NtpTimestamp};
use test_binaries::{Announcer, Outgoing, Request, Responder, seconds};

/// Answer NTP requests in an odd way, to see what a client makes of it.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address and port to listen on; port 0 is any free one
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:1123")]
    listen: SocketAddr,
    /// What to do with a request
    #[arg(short, long, default_value = "honest")]
    behaviour: Behaviour,
    /// Tell a time that is wrong by so many seconds; positive: ahead
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    offset: f64,
    /// The stratum to tell
    #[arg(long, default_value_t = 1)]
    stratum: u8,
    /// How late a late reply is
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "20")]
    delay: Duration,
    /// Send an honest reply after the odd one
    #[arg(long)]
    then_honest: bool,
    /// End after so many seconds instead of running until SIGTERM
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    span: Option<Duration>,
}

/// The ways of misbehaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Behaviour {
    /// Tell the time (as wrong as `--offset` says)
    Honest,
    /// Say nothing
    Silent,
    /// Say that the server's own clock is not synchronised
    Unsynchronised,
    /// Answer with an origin that nobody sent, as a forger would who cannot see the request
    WrongOrigin,
    /// Send each reply three times
    Duplicate,
    /// Hold each reply back for `--delay`
    Late,
    /// Send a reply that ends in its middle
    Short,
    /// Send what is no NTP packet at all
    Garbage,
    /// Leave the receive and transmit timestamps empty
    NoTimestamps,
    /// Send the reply from another port
    OtherPort,
    /// Answer in version 5 of the protocol
    Version5,
    /// Say that the server's own clock may be wrong by 20 s
    RootDistance,
    /// Say that the server follows its client
    Loop,
    /// Send a DENY kiss
    KissDeny,
    /// Send an RSTR kiss
    KissRstr,
    /// Send a RATE kiss
    KissRate,
    /// Send a DENY kiss to a request that nobody sent, as a forger would who cannot see the request
    ForgedKiss,
}

impl Args {
    fn answer(&self, request: &Request, clock: &ClockReader) -> Vec<Outgoing> {
        let honest = self.honest(request, clock);
        let mut replies = odd(self.behaviour, &honest, request);
        if self.behaviour == Behaviour::Late {
            replies
                .iter_mut()
                .for_each(|reply| reply.after = self.delay);
        }
        if self.then_honest {
            replies.push(Outgoing::now(honest.encode()));
        }
        replies
    }

    /// What the options `--offset` and `--stratum` make of the true time.
    fn honest(&self, request: &Request, clock: &ClockReader) -> Header {
        let lie = NtpDuration::from_seconds(self.offset);
        let told = request.true_time(clock.now());
        Header {
            stratum: Stratum::from_bits(self.stratum),
            reference_time: told.reference_time + lie,
            receive: told.receive + lie,
            transmit: told.transmit + lie,
            ..told
        }
    }
}

fn odd(behaviour: Behaviour, honest: &Header, request: &Request) -> Vec<Outgoing> {
    let forged_origin = NtpTimestamp::from_bits(!honest.origin.to_bits());
    let kiss = |code| request.kiss(code, honest.transmit);
    let header = match behaviour {
        Behaviour::Silent => return Vec::new(),
        Behaviour::Short => return vec![Outgoing::now(&honest.encode()[..30])],
        Behaviour::Garbage => return vec![Outgoing::now(vec![0xFF; 300]), Outgoing::now(*b"?")],
        Behaviour::Duplicate => return vec![Outgoing::now(honest.encode()); 3],
        Behaviour::Honest | Behaviour::Late => *honest,
        Behaviour::Unsynchronised => Header {
            leap: LeapIndicator::Unsynchronized,
            stratum: Stratum::UNSYNCHRONIZED,
            ..*honest
        },
        Behaviour::WrongOrigin => Header {
            origin: forged_origin,
            ..*honest
        },
        Behaviour::NoTimestamps => Header {
            receive: NtpTimestamp::UNKNOWN,
            transmit: NtpTimestamp::UNKNOWN,
            ..*honest
        },
        Behaviour::OtherPort => {
            return vec![Outgoing {
                elsewhere: true,
                ..Outgoing::now(honest.encode())
            }];
        }
        Behaviour::Version5 => Header {
            version: Version::from_bits(5),
            ..*honest
        },
        Behaviour::RootDistance => Header {
            root_dispersion: NtpShort::from_bits(20 << 16),
            ..*honest
        },
        Behaviour::Loop => {
            let reference_id = ReferenceId::from_address(request.from.ip());
            Header {
                stratum: Stratum::from_bits(2),
                reference_id,
                ..*honest
            }
        }
        Behaviour::KissDeny => kiss(KissCode::Deny),
        Behaviour::KissRstr => kiss(KissCode::Rstr),
        Behaviour::KissRate => kiss(KissCode::Rate),
        Behaviour::ForgedKiss => Header {
            origin: forged_origin,
            ..kiss(KissCode::Deny)
        },
    };
    vec![Outgoing::now(header.encode())]
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut responder = Responder::bind(args.listen).map_err(|error| error.to_string())?;
    Announcer::listening(responder.local_address());
    let mut announcer = Announcer::default();
    responder.serve(args.span, |request, clock| {
        announcer.tell(format_args!("{}: {:?}", request.from, args.behaviour));
        args.answer(request, clock)
    })?;
    Ok(())
}
