//! Many cookies by few handshakes: each request brings up to eight new ones if it asks for them
//! (RFC 8915 §5.7).

use super::establish::Session;
use super::requests::LONGEST_DATAGRAM;
use ntp_proto::nts::{
    Authenticated, Cookie, CookieJar, KeyPair, MAX_PROTECTED_REQUEST, Response, ResponseRefusal,
    open_response, protect_request,
};
use ntp_proto::packet::{Header, Version};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use ntp_udp::{BindOptions, Socket};
use rand::CryptoRng;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The limit for one reply.
const PATIENCE: Duration = Duration::from_secs(5);

/// The limit of attempts of one exchange.
const ATTEMPTS: usize = 3;

/// Asks `target` for cookies until there are `wanted` in all, evenly for each session. Each cookie
/// comes with the number of its session; no two are the same.
///
/// # Errors
/// If the server answers with something else than cookies.
pub fn fetch_cookies(
    target: SocketAddr,
    sessions: &mut [Session],
    wanted: usize,
    rng: &mut impl CryptoRng,
) -> Result<Vec<(Cookie, usize)>, String> {
    let each = wanted.div_ceil(sessions.len().max(1));
    let mut cookies = Vec::with_capacity(wanted);
    let mut asker = Asker::new(target, rng)?;
    for (number, session) in sessions.iter_mut().enumerate() {
        let mut jar = std::mem::take(&mut session.cookies);
        let enough = cookies.len() + each;
        while cookies.len() < enough {
            while jar.len() > 1 && cookies.len() < enough {
                cookies.extend(jar.take().map(|cookie| (cookie, number)));
            }
            if cookies.len() < enough {
                jar = asker.ask(session, &jar)?;
            }
        }
    }
    cookies.truncate(wanted);
    Ok(cookies)
}

struct Asker<'a, R> {
    socket: Socket,
    target: SocketAddr,
    rng: &'a mut R,
}

impl<'a, R: CryptoRng> Asker<'a, R> {
    fn new(target: SocketAddr, rng: &'a mut R) -> Result<Self, String> {
        let any: IpAddr = if target.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let options = BindOptions {
            blocking: true,
            transmit_stamps: false,
            ..BindOptions::client(SocketAddr::new(any, 0))
        };
        let socket = Socket::bind(&options).map_err(|error| error.to_string())?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            socket,
            target,
            rng,
        })
    }

    /// Uses the oldest cookie of a jar up for eight new ones, or as many as a request has room for.
    fn ask(&mut self, session: &mut Session, jar: &CookieJar) -> Result<CookieJar, String> {
        let cookie = jar
            .iter()
            .next()
            .cloned()
            .ok_or("the server gave no cookie")?;
        let mut last = "no reply".to_owned();
        for _ in 0..ATTEMPTS {
            match self.exchange(&session.keys, &cookie)? {
                Some(Ok(response)) if response.cookies.len() > 1 => {
                    let mut jar = CookieJar::new();
                    jar.extend(response.cookies);
                    return Ok(jar);
                }
                Some(Ok(response)) => last = format!("only {} new cookies", response.cookies.len()),
                Some(Err(refusal)) => {
                    last = format!("a reply that is refused: {refusal:?}");
                    if let Some(alternate) = session.alternate.take() {
                        session.keys = alternate;
                    }
                }
                None => {}
            }
        }
        Err(format!(
            "{} was asked for cookies {ATTEMPTS} times: {last}",
            self.target
        ))
    }

    fn exchange(
        &mut self,
        keys: &KeyPair,
        cookie: &Cookie,
    ) -> Result<Option<Result<Response, ResponseRefusal>>, String> {
        let mut jar = CookieJar::new();
        jar.put(cookie.clone());
        let header = Header::request(
            Version::V4,
            PollInterval::clamped(6),
            NtpTimestamp::from_bits(self.rng.next_u64()),
        );
        let mut room = [0; MAX_PROTECTED_REQUEST];
        let request = protect_request(&header, &mut jar, &keys.c2s, self.rng, &mut room)
            .map_err(|error| format!("a request cannot be written: {error:?}"))?;
        let octets = room.get(..request.length).unwrap_or_default();
        self.socket
            .send(octets, self.target)
            .map_err(|error| format!("{}: {error}", self.target))?;
        let mut room = [0; LONGEST_DATAGRAM];
        let Ok(received) = self.socket.receive(&mut room) else {
            return Ok(None);
        };
        let octets = room.get(..received.length).unwrap_or_default();
        Ok(Some(
            open_response(octets, &request.unique_id, &keys.s2c).map(Authenticated::into_value),
        ))
    }
}
