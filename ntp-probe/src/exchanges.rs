//! Several exchanges, until one address has given enough samples.

use crate::facts::{Measured, Sample, ServerFacts};
use crate::failure::Failure;
use crate::ntp_failure::{NtpFailure, Rejection};
use crate::options::Options;
use crate::protection::{Answer, Protection};
use crate::request_port::{NoReply, Reply, ask, keep_stamping};
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

/// The number of attempts with the only address: a packet can get lost.
const ATTEMPTS: usize = 2;

/// The results of several exchanges.
#[derive(Debug)]
pub(crate) struct Exchanges {
    pub(crate) samples: Vec<Sample>,
    pub(crate) server: Option<ServerFacts>,
    /// The measurement from all samples; or the failure and the address concerned.
    pub(crate) outcome: Result<Measured, (NtpFailure, SocketAddr)>,
}

impl Exchanges {
    /// The outcome for the report.
    pub(crate) fn verdict(&self) -> Result<Measured, Failure> {
        self.outcome
            .clone()
            .map_err(|(failure, at)| failure.report(at))
    }
}

/// Asks the addresses in their order until one answers, and then that one until there are enough
/// samples. `addresses` must not be empty.
pub(crate) async fn exchange_with(
    addresses: &[SocketAddr],
    protection: &mut Protection,
    options: &Options,
) -> Exchanges {
    let _stamping = keep_stamping().await;
    let clock = Clock::measuring();
    let mut prober = Prober {
        protection,
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
    let answered = prober.find(addresses).await;
    if let Some(at) = answered {
        prober.go_on(at).await;
    }
    prober.finish(answered)
}

/// A random generator, seeded by the operating system.
fn random() -> ChaCha12Rng {
    let mut seed = [0; 32];
    SysRng
        .try_fill_bytes(&mut seed)
        .expect("invariant: the system has randomness, or TLS would have none either");
    ChaCha12Rng::from_seed(seed)
}

struct Prober<'m> {
    protection: &'m mut Protection,
    options: Options,
    rng: ChaCha12Rng,
    reader: ClockReader,
    precision: Precision,
    filter: ClockFilter,
    samples: Vec<Sample>,
    server: Option<ServerFacts>,
    /// The most informative failure so far, by [`NtpFailure::weight`].
    worst: Option<(NtpFailure, SocketAddr)>,
    /// The earliest time of the next request.
    next: Instant,
}

impl Prober<'_> {
    /// Finds the first address that gives a measurement.
    async fn find(&mut self, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let attempts = addresses.len().clamp(ATTEMPTS, MAX_ADDRESSES);
        for at in addresses.iter().copied().cycle().take(attempts) {
            match self.exchange(at).await {
                Ok(()) => return Some(at),
                Err(failure) if failure.is_an_answer() => return None,
                Err(failure) if addresses.len() == 1 && failure.is_reported_by_the_network() => {
                    return None;
                }
                Err(_) => {}
            }
        }
        None
    }

    /// Collects the samples after the first.
    async fn go_on(&mut self, at: SocketAddr) {
        for _ in 1..self.options.wanted() {
            if self
                .exchange(at)
                .await
                .is_err_and(|failure| failure.ends_the_exchanges())
            {
                return;
            }
        }
    }

    /// One sample; with NTS a second attempt where the alternate keys may succeed.
    async fn exchange(&mut self, at: SocketAddr) -> Result<(), NtpFailure> {
        loop {
            tokio::time::sleep_until(self.next).await;
            self.next = Instant::now() + self.options.interval;
            let Err(failure) = self.ask_once(at).await else {
                return Ok(());
            };
            self.samples.push(Sample::failed(at, failure.word()));
            if let NtpFailure::NotTheReply(rejection) = &failure
                && self.protection.switch_keys(rejection)
            {
                self.next = Instant::now();
                continue;
            }
            if self
                .worst
                .as_ref()
                .is_none_or(|(worst, _)| worst.weight() <= failure.weight())
            {
                self.worst = Some((failure.clone(), at));
            }
            return Err(failure);
        }
    }

    async fn ask_once(&mut self, at: SocketAddr) -> Result<(), NtpFailure> {
        let asked = self
            .protection
            .request(&mut self.rng)
            .ok_or(NtpFailure::NoCookies)?;
        let judge = |octets: &[u8]| self.protection.judge(&asked, octets);
        let reply = ask(at, &asked.octets, &self.reader, self.options.timeout, judge)
            .await
            .map_err(silence)?;
        let Answer {
            header,
            new_cookies,
        } = reply.content;
        // The header of a kiss-o'-death packet does not describe the server's clock.
        if header
            .kiss()
            .is_none_or(|kiss| matches!(kiss, KissCode::Other(_)))
        {
            self.server = Some(ServerFacts::new(at, &header));
        }
        let measurement = measure(&reply, self.precision)
            .map_err(|discard| NtpFailure::NoTime(discard, Box::new(header)))?;
        self.filter.push(measurement, Frequency::ZERO);
        self.samples.push(Sample {
            new_cookies,
            ..Sample::measured(at, &measurement)
        });
        Ok(())
    }

    fn finish(self, answered: Option<SocketAddr>) -> Exchanges {
        let now = self.reader.now();
        let filtered = self.filter.filtered(FreeTime::new(now), Frequency::ZERO);
        let outcome = match (answered, filtered) {
            (Some(at), Some(filtered)) => Ok(Measured::new(at, &filtered, now)),
            _ => Err(self
                .worst
                .expect("invariant: without a measurement something has gone wrong")),
        };
        Exchanges {
            samples: self.samples,
            server: self.server,
            outcome,
        }
    }
}

/// Applies the packet tests to the header and computes the measurement from the four timestamps.
/// The clock is not steered here, so it counts as free-running.
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

fn silence(silence: NoReply) -> NtpFailure {
    match silence {
        NoReply::NotSent(error) => NtpFailure::NotSent(error.to_string()),
        NoReply::Silence {
            rejection: Some(rejection),
            ..
        } => NtpFailure::NotTheReply(rejection),
        NoReply::Silence {
            unreachable: None,
            rejection: None,
        } => NtpFailure::Silence,
        NoReply::Silence {
            unreachable: Some(error),
            ..
        } => match error.kind() {
            io::ErrorKind::ConnectionRefused => NtpFailure::PortUnreachable,
            _ => NtpFailure::Unreachable(error.to_string()),
        },
    }
}

impl NtpFailure {
    /// True if the server, or something in its place, has answered, so that asking other addresses
    /// would hide it.
    const fn is_an_answer(&self) -> bool {
        self.ends_the_exchanges()
            || matches!(self, Self::NotTheReply(Rejection { is_close: true, .. }))
    }

    /// True if the same address must not, or need not, be asked again.
    const fn ends_the_exchanges(&self) -> bool {
        match self {
            Self::NoTime(discard, _) => !matches!(discard, Discard::NegativeDelay),
            Self::NoCookies => true,
            _ => false,
        }
    }

    const fn is_reported_by_the_network(&self) -> bool {
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

    async fn asked(addresses: &[SocketAddr]) -> Exchanges {
        let (interval, timeout) = (Duration::from_millis(10), Duration::from_secs(5));
        let options = Options {
            samples: 2,
            interval,
            timeout,
            family: None,
        };
        exchange_with(addresses, &mut Protection::Plain, &options).await
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_makes_room_for_the_next() {
        let (silent, good) = (UdpSocket::bind("127.0.0.1:0").unwrap(), server());

        let exchanges = asked(&[closed(), silent.local_addr().unwrap(), good]).await;

        let words: Vec<_> = exchanges
            .samples
            .iter()
            .map(|sample| sample.result)
            .collect();
        assert_eq!(
            words,
            ["port-unreachable", "no-reply", "measured", "measured"]
        );
        assert_eq!(exchanges.outcome.unwrap().address, good.to_string());
    }

    #[tokio::test]
    async fn of_several_failures_the_most_informative_one_is_shown() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();

        let exchanges = asked(&[closed(), silent.local_addr().unwrap()]).await;

        assert_eq!(
            exchanges.outcome.unwrap_err().0,
            NtpFailure::PortUnreachable
        );
    }
}
