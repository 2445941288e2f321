//! Several exchanges, until one address has given enough samples.

use crate::facts::{Measured, Sample, ServerFacts};
use crate::failure::Failure;
use crate::ntp_failure::{NtpFailure, Rejection};
use crate::options::Options;
use crate::wait::Wait;
use ntp_exchange::{Inbound, RequestPort, keep_stamping};
use ntp_os_clock::{Clock, ClockReader, monotonic_now};
use ntp_proto::association::{
    Accepted, Association, AssociationConfig, AssociationId, Context, Datagram, Discard, Ourselves,
    OwnServers,
};
use ntp_proto::clock::{FreeTime, Timescale};
use ntp_proto::nts::{MAX_PROTECTED_REQUEST, NtsSession};
use ntp_proto::packet::KissCode;
use ntp_proto::time::{Frequency, Precision};
use rand::SeedableRng as _;
use rand::rngs::{ChaCha12Rng, SysRng};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// The time after which a kernel has begun to timestamp received packets.
const WARM_UP: Duration = Duration::from_millis(5);

/// The association accepts replies for this much longer than the port waits for one, so that the
/// port alone ends the wait.
const MARGIN: Duration = Duration::from_secs(1);

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// The number of attempts with the only address: a packet can get lost.
const ATTEMPTS: usize = 2;

/// This program serves no time.
const NO_SERVERS: &OwnServers = &OwnServers::NONE;

/// The results of several exchanges.
#[derive(Debug)]
pub(crate) struct Exchanges {
    pub(crate) samples: Vec<Sample>,
    pub(crate) server: Option<ServerFacts>,
    /// True if the alternate NTS keys are in use.
    pub(crate) has_switched_keys: bool,
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
/// samples. `addresses` must not be empty. With a session, only authenticated replies count.
pub(crate) async fn exchange_with(
    addresses: &[SocketAddr],
    session: Option<NtsSession>,
    options: &Options,
) -> Exchanges {
    let _stamping = keep_stamping();
    tokio::time::sleep(WARM_UP).await;
    let clock = Clock::measuring();
    let reader = clock.reader();
    let mut prober = Prober {
        session,
        options: *options,
        rng: random(),
        // The clock is not steered here, so it counts as free-running.
        timescale: Timescale::new(reader.now(), Frequency::ZERO),
        reader,
        precision: clock.precision(),
        samples: Vec::new(),
        server: None,
        has_switched_keys: false,
        worst: None,
        next: Instant::now(),
    };
    let mut answered = prober.find(addresses).await;
    if let Some(association) = &mut answered {
        prober.go_on(association).await;
    }
    prober.finish(answered.as_ref())
}

/// A random generator, seeded by the operating system.
fn random() -> ChaCha12Rng {
    ChaCha12Rng::try_from_rng(&mut SysRng)
        .expect("invariant: the system has randomness, or TLS would have none either")
}

struct Prober {
    /// The NTS keys and cookies while no association has them.
    session: Option<NtsSession>,
    options: Options,
    rng: ChaCha12Rng,
    reader: ClockReader,
    timescale: Timescale,
    precision: Precision,
    samples: Vec<Sample>,
    server: Option<ServerFacts>,
    has_switched_keys: bool,
    /// The most informative failure so far, by [`NtpFailure::weight`].
    worst: Option<(NtpFailure, SocketAddr)>,
    /// The earliest time of the next request.
    next: Instant,
}

impl Prober {
    /// Finds the first address that gives a measurement.
    async fn find(&mut self, addresses: &[SocketAddr]) -> Option<Association> {
        let attempts = addresses.len().clamp(ATTEMPTS, MAX_ADDRESSES);
        for at in addresses.iter().copied().cycle().take(attempts) {
            let mut association = self.associate(at);
            match self.exchange(&mut association).await {
                Ok(()) => return Some(association),
                Err(failure) if failure.is_an_answer() => return None,
                Err(failure) if addresses.len() == 1 && failure.is_reported_by_the_network() => {
                    return None;
                }
                Err(_) => self.session = association.into_session(),
            }
        }
        None
    }

    /// An association with this address, which takes the NTS session.
    fn associate(&mut self, at: SocketAddr) -> Association {
        let (id, config) = (AssociationId::new(0), AssociationConfig::default());
        let association = Association::new(id, at, config, monotonic_now())
            .with_reply_timeout(self.options.timeout + MARGIN);
        match self.session.take() {
            Some(session) => association.with_session(session),
            None => association,
        }
    }

    /// Collects the samples after the first.
    async fn go_on(&mut self, association: &mut Association) {
        for _ in 1..self.options.wanted() {
            if self
                .exchange(association)
                .await
                .is_err_and(|failure| failure.ends_the_exchanges())
            {
                return;
            }
        }
    }

    /// One sample; with NTS a second attempt where the alternate keys may succeed.
    async fn exchange(&mut self, association: &mut Association) -> Result<(), NtpFailure> {
        let at = association.address();
        loop {
            tokio::time::sleep_until(self.next).await;
            self.next = Instant::now() + self.options.interval;
            let Err(failure) = self.ask_once(association).await else {
                return Ok(());
            };
            self.samples.push(Sample::failed(at, failure.word()));
            if failure.is_curable_by_other_keys() && association.try_alternate_keys() {
                self.has_switched_keys = true;
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

    async fn ask_once(&mut self, association: &mut Association) -> Result<(), NtpFailure> {
        let now = monotonic_now();
        association.ask_at_once(now);
        let mut buffer = [0; MAX_PROTECTED_REQUEST];
        // A request is due and fits, so that nothing but a cookie can be missing.
        let transmit = association
            .poll_transmit(now, &mut self.rng, &mut buffer)
            .ok_or(NtpFailure::NoCookies)?;
        let request = buffer.get(..transmit.length).unwrap_or_default();
        let (mut port, mut reported) = match RequestPort::send(transmit, request, &self.reader) {
            Ok(sent) => sent,
            Err(failure) => {
                let os_error = failure.os_error();
                association.handle_send_failed(failure.token, os_error);
                return Err(NtpFailure::NotSent(failure.error.to_string()));
            }
        };
        let mut wait = Wait::new(self.options.timeout);
        loop {
            let inbound = match reported.take() {
                Some(inbound) => inbound,
                None => match tokio::time::timeout_at(wait.deadline(), port.next()).await {
                    Ok(Some((inbound, rest))) => {
                        port = rest;
                        inbound
                    }
                    Ok(None) | Err(_) => return Err(wait.into_failure()),
                },
            };
            if let Some(outcome) = self.handle(association, inbound, &mut wait) {
                return outcome;
            }
        }
    }

    /// Hands input to the association; `Some` once the exchange is over.
    fn handle(
        &mut self,
        association: &mut Association,
        inbound: Inbound,
        wait: &mut Wait,
    ) -> Option<Result<(), NtpFailure>> {
        let context = self.context();
        let outcome = match inbound {
            Inbound::Unreachable(_, os_error) => {
                association.handle_unreachable(os_error);
                wait.handle_unreachable(os_error);
                return None;
            }
            Inbound::Transmitted(token, stamp) => {
                association.handle_transmitted(token, stamp, &context)
            }
            Inbound::Datagram {
                from,
                to,
                received,
                bytes,
                ..
            } => {
                let datagram = Datagram {
                    from,
                    to,
                    received,
                    bytes: &bytes,
                };
                let outcome = association.handle_datagram(&datagram, &context);
                if let Some(rejection) = outcome
                    .err()
                    .and_then(|discard| Rejection::new(discard, &bytes))
                {
                    wait.record(rejection);
                    return None;
                }
                outcome.map(Some)
            }
        };
        match outcome {
            Ok(None | Some(Accepted::Parked)) => None,
            Ok(Some(Accepted::Measured)) => {
                self.note_server(association);
                self.note_sample(association);
                Some(Ok(()))
            }
            Err(discard) => {
                self.note_server(association);
                let header = association.last_reply()?.header;
                Some(Err(NtpFailure::NoTime(discard, Box::new(header))))
            }
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            now: monotonic_now(),
            timescale: &self.timescale,
            precision: self.precision,
            drift: Frequency::ZERO,
            ourselves: Ourselves {
                address: None,
                system: None,
                server: None,
                own_servers: NO_SERVERS,
            },
        }
    }

    /// Keeps what the last reply says of its server. The header of a kiss-o'-death packet does not
    /// describe the server's clock.
    fn note_server(&mut self, association: &Association) {
        let header = association.last_reply().map(|reply| &reply.header);
        let describing = header.filter(|header| {
            header
                .kiss()
                .is_none_or(|kiss| matches!(kiss, KissCode::Other(_)))
        });
        if let Some(header) = describing {
            self.server = Some(ServerFacts::new(association.address(), header));
        }
    }

    fn note_sample(&mut self, association: &Association) {
        if let Some(measurement) = association.filter().samples().next() {
            self.samples.push(Sample {
                new_cookies: association.session().map(NtsSession::new_cookies),
                ..Sample::measured(association.address(), measurement)
            });
        }
    }

    fn finish(self, answered: Option<&Association>) -> Exchanges {
        let now = self.reader.now();
        let measured = answered.and_then(|association| {
            let filter = association.filter();
            let filtered = filter.filtered(FreeTime::new(now), Frequency::ZERO)?;
            Some(Measured::new(association.address(), &filtered, now))
        });
        let outcome = match measured {
            Some(measured) => Ok(measured),
            None => Err(self
                .worst
                .expect("invariant: without a measurement something has gone wrong")),
        };
        Exchanges {
            samples: self.samples,
            server: self.server,
            has_switched_keys: self.has_switched_keys,
            outcome,
        }
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

    /// True if other keys may succeed. A server may export the keys of AES-128-GCM-SIV as the RFC
    /// says without announcing it.
    const fn is_curable_by_other_keys(&self) -> bool {
        matches!(
            self,
            Self::NotTheReply(Rejection {
                discard: Discard::Nak | Discard::Forged,
                ..
            })
        )
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
        exchange_with(addresses, None, &options).await
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
