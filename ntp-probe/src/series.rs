//! Several exchanges, until one address has told enough.

use crate::facts::{Measured, Sample, ServerFacts};
use crate::failure::Failure;
use crate::manner::{Answer, Manner};
use crate::options::Options;
use crate::trouble::{Doubt, Trouble};
use crate::wire::{NoReply, Reply, ask, stamping};
use ntp_os_clock::{Clock, ClockReader};
use ntp_proto::association::{Discard, Ourselves, OwnServers, ValidReply};
use ntp_proto::clock::{ClockFilter, Exchange, FreeTime, Measurement};
use ntp_proto::packet::KissCode;
use ntp_proto::time::{Frequency, Precision};
use rand::rngs::{ChaCha12Rng, SysRng};
use rand::{SeedableRng as _, TryRng as _};
use std::io;
use std::net::SocketAddr;
use tokio::time::Instant;

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// How often the only address is asked before it is given up: a packet can get lost.
const ATTEMPTS: usize = 2;

/// What several exchanges have told.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) samples: Vec<Sample>,
    pub(crate) server: Option<ServerFacts>,
    /// What the samples tell together; or what is wrong, and with which address.
    pub(crate) outcome: Result<Measured, (Trouble, SocketAddr)>,
}

impl Series {
    /// The outcome for the report.
    pub(crate) fn verdict(&self) -> Result<Measured, Failure> {
        self.outcome
            .clone()
            .map_err(|(trouble, at)| trouble.failure(at))
    }
}

/// Asks the addresses in their order until one of them answers, and that one until there are enough
/// samples. There must be an address.
pub(crate) async fn series(
    addresses: &[SocketAddr],
    manner: &mut Manner,
    options: &Options,
) -> Series {
    let _stamping = stamping().await;
    let clock = Clock::measuring();
    let mut course = Course {
        manner,
        options: *options,
        rng: random(),
        reader: clock.reader(),
        precision: clock.precision(),
        filter: ClockFilter::default(),
        samples: Vec::new(),
        server: None,
        worst: None,
        next: Instant::now(),
    };
    let answered = course.find(addresses).await;
    if let Some(at) = answered {
        course.go_on(at).await;
    }
    course.finish(answered)
}

/// A generator of its own for each series.
fn random() -> ChaCha12Rng {
    let mut seed = [0; 32];
    SysRng
        .try_fill_bytes(&mut seed)
        .expect("invariant: the system has randomness, or TLS would have none either");
    ChaCha12Rng::from_seed(seed)
}

struct Course<'m> {
    manner: &'m mut Manner,
    options: Options,
    rng: ChaCha12Rng,
    reader: ClockReader,
    precision: Precision,
    filter: ClockFilter,
    samples: Vec<Sample>,
    server: Option<ServerFacts>,
    /// Of all troubles, the one that tells most.
    worst: Option<(Trouble, SocketAddr)>,
    /// When the next request may go out.
    next: Instant,
}

impl Course<'_> {
    /// The address that has given a measurement.
    async fn find(&mut self, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let attempts = addresses.len().clamp(ATTEMPTS, MAX_ADDRESSES);
        for at in addresses.iter().copied().cycle().take(attempts) {
            match self.exchange(at).await {
                Ok(()) => return Some(at),
                Err(trouble) if trouble.is_an_answer() => return None,
                Err(trouble) if addresses.len() == 1 && trouble.is_told_by_the_network() => {
                    return None;
                }
                Err(_) => {}
            }
        }
        None
    }

    /// The other samples, after the first.
    async fn go_on(&mut self, at: SocketAddr) {
        for _ in 1..self.options.wanted() {
            if self
                .exchange(at)
                .await
                .is_err_and(|trouble| trouble.ends_the_series())
            {
                return;
            }
        }
    }

    /// One sample; with NTS a second try where other keys may mend the first.
    async fn exchange(&mut self, at: SocketAddr) -> Result<(), Trouble> {
        loop {
            tokio::time::sleep_until(self.next).await;
            self.next = Instant::now() + self.options.interval;
            let Err(trouble) = self.ask_once(at).await else {
                return Ok(());
            };
            self.samples.push(Sample::failed(at, trouble.word()));
            if let Trouble::Doubtful(doubt) = &trouble
                && self.manner.switch_keys(doubt)
            {
                self.next = Instant::now();
                continue;
            }
            if self
                .worst
                .as_ref()
                .is_none_or(|(worst, _)| worst.weight() <= trouble.weight())
            {
                self.worst = Some((trouble.clone(), at));
            }
            return Err(trouble);
        }
    }

    async fn ask_once(&mut self, at: SocketAddr) -> Result<(), Trouble> {
        let asked = self
            .manner
            .request(&mut self.rng)
            .ok_or(Trouble::NoCookies)?;
        let judge = |octets: &[u8]| self.manner.judge(&asked, octets);
        let reply = ask(at, &asked.octets, &self.reader, self.options.timeout, judge)
            .await
            .map_err(silence)?;
        let Answer {
            header,
            new_cookies,
        } = reply.content;
        // A kiss tells nothing about the server but itself.
        if header
            .kiss()
            .is_none_or(|kiss| matches!(kiss, KissCode::Other(_)))
        {
            self.server = Some(ServerFacts::new(at, &header));
        }
        let measurement = measure(&reply, self.precision)
            .map_err(|discard| Trouble::Useless(discard, Box::new(header)))?;
        self.filter.push(measurement, Frequency::ZERO);
        self.samples.push(Sample {
            new_cookies,
            ..Sample::measured(at, &measurement)
        });
        Ok(())
    }

    fn finish(self, answered: Option<SocketAddr>) -> Series {
        let now = self.reader.now();
        let filtered = self.filter.filtered(FreeTime::new(now), Frequency::ZERO);
        let outcome = match (answered, filtered) {
            (Some(at), Some(filtered)) => Ok(Measured::new(at, &filtered, now)),
            _ => Err(self
                .worst
                .expect("invariant: without a measurement something has gone wrong")),
        };
        Series {
            samples: self.samples,
            server: self.server,
            outcome,
        }
    }
}

/// The tests of the header, and what the four timestamps tell. Nobody here steers the clock, so it
/// counts as free-running.
fn measure(reply: &Reply<Answer>, precision: Precision) -> Result<Measurement, Discard> {
    let header = &reply.content.header;
    let ourselves = Ourselves {
        address: reply.to,
        system: None,
        server: None,
        own_servers: &OwnServers::NONE,
    };
    let valid = ValidReply::check(header, &ourselves)?;
    let exchange = Exchange {
        sent: FreeTime::new(reply.sent.at),
        server_received: header.receive,
        server_sent: header.transmit,
        received: FreeTime::new(reply.received.at),
    };
    valid.measure(
        &exchange,
        (reply.sent.origin, reply.received.origin),
        precision,
    )
}

fn silence(silence: NoReply) -> Trouble {
    match silence {
        NoReply::NotSent(error) => Trouble::NotSent(error.to_string()),
        NoReply::Silence {
            doubt: Some(doubt), ..
        } => Trouble::Doubtful(doubt),
        NoReply::Silence {
            unreachable: None,
            doubt: None,
        } => Trouble::Silence,
        NoReply::Silence {
            unreachable: Some(error),
            ..
        } => match error.kind() {
            io::ErrorKind::ConnectionRefused => Trouble::PortUnreachable,
            _ => Trouble::Unreachable(error.to_string()),
        },
    }
}

impl Trouble {
    /// Whether the server, or something in its place, has answered, so that asking other addresses
    /// would hide it.
    const fn is_an_answer(&self) -> bool {
        self.ends_the_series() || matches!(self, Self::Doubtful(Doubt { is_close: true, .. }))
    }

    /// Whether asking the same address again is pointless or unkind.
    const fn ends_the_series(&self) -> bool {
        match self {
            Self::Useless(discard, _) => !matches!(discard, Discard::NegativeDelay),
            Self::NoCookies => true,
            _ => false,
        }
    }

    const fn is_told_by_the_network(&self) -> bool {
        matches!(
            self,
            Self::NotSent(_) | Self::PortUnreachable | Self::Unreachable(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::packet::{Header, Mode, Stratum};
    use std::net::UdpSocket;
    use std::time::Duration;

    /// A server of one thread that answers with its own clock's time, which is ours.
    fn server() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut octets = [0; 48];
            while let Ok((_, from)) = socket.recv_from(&mut octets) {
                let (request, now) = (Header::decode(&octets).unwrap(), Clock::measuring().now());
                let (mode, stratum) = (Mode::Server, Stratum::PRIMARY);
                let reply = Header {
                    mode,
                    stratum,
                    origin: request.transmit,
                    receive: now,
                    transmit: now,
                    ..request
                };
                socket.send_to(&reply.encode(), from).unwrap();
            }
        });
        address
    }

    fn closed() -> SocketAddr {
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    }

    async fn asked(addresses: &[SocketAddr]) -> Series {
        let (interval, timeout) = (Duration::from_millis(10), Duration::from_secs(5));
        let options = Options {
            samples: 2,
            interval,
            timeout,
            family: None,
        };
        series(addresses, &mut Manner::Plain, &options).await
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_makes_room_for_the_next() {
        let (silent, good) = (UdpSocket::bind("127.0.0.1:0").unwrap(), server());

        let series = asked(&[closed(), silent.local_addr().unwrap(), good]).await;

        let words: Vec<_> = series.samples.iter().map(|sample| sample.result).collect();
        assert_eq!(
            words,
            ["port-unreachable", "no-reply", "measured", "measured"]
        );
        assert_eq!(series.outcome.unwrap().address, good.to_string());
    }

    #[tokio::test]
    async fn of_several_troubles_the_one_that_tells_most_is_shown() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();

        let series = asked(&[closed(), silent.local_addr().unwrap()]).await;

        assert_eq!(series.outcome.unwrap_err().0, Trouble::PortUnreachable);
    }
}
