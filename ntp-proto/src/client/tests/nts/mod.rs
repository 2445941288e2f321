//! Sources with NTS, in worlds of simulated servers with NTS.

mod certificates;
mod exchanges;
mod keys;

use super::*;
use crate::client::entry::EstablishFailure;
use crate::nts::{
    AeadAlgorithm, AeadKey, ClientKeys, Cookie, CookieJar, KeReason, KeStage, KeyPair, KeySet,
    NtsRefusal, Validity, open_request, write_nak,
};
use crate::packet::{FieldType, Packet};
use rand::SeedableRng;
use std::collections::HashSet;

/// The NTS servers of a [`World`]. They share their keys.
pub(super) struct Servers {
    keys: KeySet,
    rng: ChaCha12Rng,
    /// The addresses that a host of key establishment names, each with when its certificate is
    /// valid.
    pub(super) hosts: HashMap<String, (SocketAddr, Validity)>,
    pub(super) mood: Mood,
    /// True if the keys in cookies are those that the client has as alternate ones.
    strict: bool,
    pub(super) establishments: usize,
    cookies: HashSet<Vec<u8>>,
    reused: usize,
    plain_requests: usize,
}

/// The answer of the servers to protected requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Honest,
    /// They answer as if they knew nothing of NTS.
    Plain,
    /// Somebody on the way sends a NAK before each honest reply.
    NakFirst,
    /// Somebody on the way sends NAKs and swallows the replies.
    OnlyNaks,
    /// Nothing comes back.
    Silent,
    /// The authenticator is wrong.
    Forged,
}

pub(super) const ALWAYS: Validity = Validity {
    not_before: 1_700_000_000,
    not_after: 1_900_000_000,
};

impl Servers {
    pub(super) fn new() -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(11);
        Self {
            keys: KeySet::new(7, 0, &mut rng),
            rng,
            hosts: HashMap::new(),
            mood: Mood::Honest,
            strict: false,
            establishments: 0,
            cookies: HashSet::new(),
            reused: 0,
            plain_requests: 0,
        }
    }

    /// `since` is that of [`Event::Establish`], and `local` what our clock shows in Unix seconds.
    pub(super) fn establish(
        &mut self,
        host: &str,
        since: Option<i64>,
        local: i64,
    ) -> Result<NtsGrant, EstablishFailure> {
        self.establishments += 1;
        let provisional = since.is_some();
        let refused = || EstablishFailure {
            stage: KeStage::Tcp,
            reason: KeReason::ConnectionRefused,
            message: "connection refused".into(),
        };
        let (address, validity) = *self.hosts.get(host).ok_or_else(refused)?;
        if since.unwrap_or(local) > validity.not_after {
            return Err(EstablishFailure {
                stage: KeStage::Certificate,
                reason: KeReason::CertificateExpired,
                message: "the certificate has expired".into(),
            });
        }
        let algorithm = AeadAlgorithm::Aes128GcmSiv;
        let mut pair = || KeyPair {
            c2s: AeadKey::random(algorithm, &mut self.rng),
            s2c: AeadKey::random(algorithm, &mut self.rng),
        };
        let (primary, other) = (pair(), pair());
        let sealed = if self.strict { &other } else { &primary };
        let mut cookies = CookieJar::new();
        for _ in 0..8 {
            cookies.put(Cookie::new(&self.keys.seal_cookie(sealed, &mut self.rng)).unwrap());
        }
        let keys = ClientKeys {
            primary,
            alternate: Some(other),
        };
        Ok(NtsGrant {
            addresses: vec![address],
            keys,
            cookies,
            validity,
            provisional,
            age: Duration::ZERO,
        })
    }

    /// The reply to a request; `None` if it is not for these servers.
    pub(super) fn replies(&mut self, octets: &[u8], reply: &Header) -> Option<Vec<Vec<u8>>> {
        let packet = Packet::decode(octets).unwrap();
        if packet.extensions.is_empty() {
            self.plain_requests += 1;
            return None;
        }
        for field in packet
            .extensions
            .iter()
            .filter(|field| field.kind == FieldType::COOKIE)
        {
            self.reused += usize::from(!self.cookies.insert(field.value.to_vec()));
        }
        let nak = |unique_id| {
            let kiss = Header {
                stratum: Stratum::UNSPECIFIED,
                reference_id: ReferenceId::from_letters(*b"NTSN"),
                ..*reply
            };
            let mut buffer = [0; 200];
            let length = write_nak(&kiss, unique_id, &mut buffer).unwrap();
            buffer[..length].to_vec()
        };
        let opened = match open_request(&packet, octets, &self.keys) {
            Ok(opened) => opened,
            Err(NtsRefusal::BadCookie(_, id) | NtsRefusal::Forged(id)) => {
                return Some(vec![nak(&id)]);
            }
            Err(refusal) => panic!("{refusal:?}"),
        };
        let unique_id = opened.value().unique_id;
        let mut buffer = [0; 1280];
        let length = opened
            .prepare(&self.keys, &mut self.rng)
            .emit(reply, &mut buffer)
            .unwrap();
        let honest = buffer[..length].to_vec();
        Some(match self.mood {
            Mood::Honest => vec![honest],
            Mood::Plain => vec![reply.encode().to_vec()],
            Mood::NakFirst => vec![nak(&unique_id), honest],
            Mood::OnlyNaks => vec![nak(&unique_id); 1000],
            Mood::Silent => Vec::new(),
            Mood::Forged => {
                let mut forged = honest;
                *forged.last_mut().unwrap() ^= 1;
                vec![forged]
            }
        })
    }
}

pub(super) fn nts(host: &str) -> SourceEntryConfig {
    SourceEntryConfig {
        port: 4460,
        kind: SourceEntryKind::Nts,
        ..server(host)
    }
}

pub(super) fn host(last: u8) -> String {
    format!("nts{last}.example")
}

/// A world of honest servers with NTS and an honest certificate each.
pub(super) fn world(count: u8) -> World {
    with_validity(count, ALWAYS, None)
}

fn with_validity(count: u8, validity: Validity, unproven_since: Option<i64>) -> World {
    let entries = (1..=count).map(|last| nts(&host(last))).collect();
    with_groups(entries, count, validity, unproven_since)
}

fn with_groups(
    entries: Vec<SourceEntryConfig>,
    count: u8,
    validity: Validity,
    unproven_since: Option<i64>,
) -> World {
    let servers: Vec<_> = (1..=count).map(|last| (last, Server::Honest)).collect();
    let mut world = World::new(Vec::new(), 0.25, 10e-6).serve(&servers);
    for last in 1..=count {
        world
            .nts
            .hosts
            .insert(host(last), (address(last), validity));
    }
    let config = ClientConfig {
        unproven_since,
        ..config(entries, ClockConfig::default())
    };
    world.client = Client::new(config, &initial(), [7; 32], world.now());
    world
}

fn cookies(world: &World) -> Vec<usize> {
    world
        .client
        .members()
        .map(|member| member.association().session().unwrap().cookies())
        .collect()
}

fn measured(world: &World) -> u64 {
    world
        .client
        .members()
        .map(|member| member.association().counters().measured)
        .sum()
}
