//! Hostile packets with NTS, by the thousand (security classes 7, 8 and 16): nothing longer than
//! its request comes back, nothing is written into the log, and nothing is kept.

use crate::PROMPTLY;
use ntp_proto::nts::AeadKey;
use ntp_proto::packet::{Header, Version};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};
use test_support::{Asker, Daemon, NtsAddresses, NtsLoopback, NtsSession, folder, or_skip, until};

/// The number of packets of each kind; each of them is sent twice.
const EACH: u64 = 500;

/// The limit of memory that all of them may add once some of each kind have been seen, in KiB.
const GROWTH_KIB: u64 = 512;

/// The number that are sent before the replies are read, so that no buffer runs over.
const AT_ONCE: usize = 20;

const UNIQUE_ID: u16 = 0x0104;
const COOKIE: u16 = 0x0204;
const PLACEHOLDER: u16 = 0x0304;
const AUTHENTICATOR: u16 = 0x0404;

/// A client that has established keys twice, like any other.
struct Attacker {
    session: NtsSession,
    other: NtsSession,
    rng: ChaCha12Rng,
}

/// A packet that is being made.
struct Draft(Vec<u8>);

impl Draft {
    fn new(number: u64) -> Self {
        let header = Header::request(
            Version::V4,
            PollInterval::clamped(6),
            NtpTimestamp::from_bits(number),
        );
        Self(header.encode().to_vec())
    }

    fn field(self, kind: u16, value: &[u8]) -> Self {
        self.field_of(kind, value.len() + 4, value)
    }

    /// A field whose length is wrong.
    fn field_of(mut self, kind: u16, stated: usize, value: &[u8]) -> Self {
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0
            .extend_from_slice(&u16::try_from(stated).expect("16 bits").to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    fn fields(self, count: usize, kind: u16, value: &[u8]) -> Self {
        (0..count).fold(self, |draft, _| draft.field(kind, value))
    }

    /// An authenticator that is right.
    fn sealed(self, key: &AeadKey, rng: &mut ChaCha12Rng) -> Self {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let mut tag = [0; 16];
        key.seal(&nonce, &self.0, &[], &mut tag)
            .expect("the tag has room");
        self.authenticator(16, 16, &[nonce, tag].concat())
    }

    fn authenticator(self, nonce: u16, sealed: u16, rest: &[u8]) -> Self {
        self.field(
            AUTHENTICATOR,
            &[&nonce.to_be_bytes(), &sealed.to_be_bytes(), rest].concat(),
        )
    }
}

impl Attacker {
    fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        self.rng.fill_bytes(&mut octets);
        octets
    }

    fn cookie(&self) -> Vec<u8> {
        self.session
            .cookies()
            .next()
            .expect("there are cookies")
            .octets()
            .to_vec()
    }

    fn seal(&mut self, draft: Draft) -> Draft {
        draft.sealed(&self.session.keys().c2s, &mut self.rng)
    }

    /// A packet with a unique identifier and a good cookie.
    fn begun(&mut self, number: u64) -> Draft {
        let id = self.random::<32>();
        Draft::new(number)
            .field(UNIQUE_ID, &id)
            .field(COOKIE, &self.cookie())
    }

    fn honest(&mut self, number: u64) -> Draft {
        let draft = self.begun(number);
        self.seal(draft)
    }

    /// A good cookie with something wrong about it.
    fn altered_cookie(
        &mut self,
        number: u64,
        alter: impl FnOnce(&mut Self, &mut Vec<u8>),
    ) -> Draft {
        let (id, mut cookie) = (self.random::<32>(), self.cookie());
        alter(self, &mut cookie);
        let draft = Draft::new(number)
            .field(UNIQUE_ID, &id)
            .field(COOKIE, &cookie);
        self.seal(draft)
    }
}

/// A way to make a packet.
type Make = fn(&mut Attacker, u64) -> Draft;

/// A packet to send.
const KINDS: [(&str, Make); 24] = [
    (
        "placeholders much shorter than the cookie, and sealed",
        |it, number| {
            let count = it.rng.random_range(1..28);
            let draft = it.begun(number).fields(count, PLACEHOLDER, &[0; 12]);
            it.seal(draft)
        },
    ),
    (
        "many placeholders a little shorter than the cookie",
        |it, number| {
            let draft = it.begun(number).fields(10, PLACEHOLDER, &[0; 96]);
            it.seal(draft)
        },
    ),
    ("eight cookies asked for", |it, number| {
        let draft = it.begun(number).fields(7, PLACEHOLDER, &[0; 100]);
        it.seal(draft)
    }),
    ("placeholders of different lengths", |it, number| {
        let draft = it
            .begun(number)
            .field(PLACEHOLDER, &[0; 100])
            .field(PLACEHOLDER, &[0; 12]);
        it.seal(draft)
    }),
    ("placeholders alone", |it, number| {
        let draft = Draft::new(number).fields(30, PLACEHOLDER, &[0; 12]);
        it.seal(draft)
    }),
    ("a field of no length", |it, number| {
        let draft = it.begun(number).field_of(0x4711, 0, &[]);
        it.seal(draft)
    }),
    ("a field longer than the packet", |it, number| {
        let stated = [0xffff, 0xfffc, 1280, 64][it.rng.random_range(0..4)];
        let draft = it.begun(number).field_of(PLACEHOLDER, stated, &[0; 12]);
        it.seal(draft)
    }),
    ("a field of part of a word", |it, number| {
        let draft = it.begun(number).field_of(PLACEHOLDER, 107, &[0; 104]);
        it.seal(draft)
    }),
    ("more fields than are looked at", |it, number| {
        let draft = it.begun(number).fields(60, 0x4711, &[0; 12]);
        it.seal(draft)
    }),
    ("two unique identifiers", |it, number| {
        let draft = it.begun(number).field(UNIQUE_ID, &[7; 32]);
        it.seal(draft)
    }),
    ("two cookies", |it, number| {
        let cookie = it.cookie();
        let draft = it.begun(number).field(COOKIE, &cookie);
        it.seal(draft)
    }),
    (
        "two authenticators, and a cookie behind them",
        |it, number| {
            let draft = it.honest(number);
            let cookie = it.cookie();
            it.seal(draft).field(COOKIE, &cookie)
        },
    ),
    (
        "a unique identifier that is too long or too short",
        |it, number| {
            let length = [12, 28, 68, 400][it.rng.random_range(0..4)];
            let cookie = it.cookie();
            let draft = Draft::new(number)
                .field(UNIQUE_ID, &vec![7; length])
                .field(COOKIE, &cookie);
            it.seal(draft)
        },
    ),
    ("a cookie at random", |it, number| {
        it.altered_cookie(number, |it, cookie| it.rng.fill_bytes(cookie))
    }),
    ("a cookie of our key that was altered", |it, number| {
        it.altered_cookie(number, |it, cookie| {
            let place = it.rng.random_range(4..cookie.len());
            cookie[place] ^= 1 << it.rng.random_range(0..8);
        })
    }),
    ("a cookie that was cut off or prolonged", |it, number| {
        it.altered_cookie(number, |it, cookie| {
            cookie.resize(4 * it.rng.random_range(3..60), 0);
        })
    }),
    ("a tag at random", |it, number| {
        let rest = it.random::<32>();
        it.begun(number).authenticator(16, 16, &rest)
    }),
    ("an authenticator of impossible lengths", |it, number| {
        let lengths = [0, 1, 15, 16, 17, 32, 36, 0x7fff, 0xfffd, 0xffff];
        let mut length = || lengths[it.rng.random_range(0..lengths.len())];
        let (nonce, sealed) = (length(), length());
        let rest = it.random::<32>();
        it.begun(number).authenticator(nonce, sealed, &rest)
    }),
    ("an authenticator without a cookie", |it, number| {
        let draft = Draft::new(number).field(UNIQUE_ID, &[7; 32]);
        it.seal(draft)
    }),
    ("a request stripped of its authenticator", |it, number| {
        it.begun(number)
    }),
    (
        "a request stripped of all but its unique identifier",
        |it, number| {
            let id = it.random::<32>();
            Draft::new(number).field(UNIQUE_ID, &id)
        },
    ),
    ("the cookie of another client", |it, number| {
        let cookie = it
            .other
            .cookies()
            .next()
            .expect("there are cookies")
            .octets()
            .to_vec();
        it.altered_cookie(number, |_, own| *own = cookie)
    }),
    (
        "a code of symmetric keys after the authenticator",
        |it, number| {
            let mut draft = it.honest(number);
            draft.0.extend_from_slice(&[7; 20]);
            draft
        },
    ),
    ("octets altered at random", |it, number| {
        let mut draft = it.honest(number);
        for _ in 0..it.rng.random_range(1..8) {
            let place = it.rng.random_range(48..draft.0.len());
            draft.0[place] = it.rng.random();
        }
        draft
    }),
];

/// Sends packets and reads what comes back.
struct Exchange {
    socket: UdpSocket,
    fence: Asker,
    sent: u64,
    /// Replies to each kind.
    replies: HashMap<&'static str, u64>,
}

impl Exchange {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_nonblocking(true).unwrap();
        let fence = Asker::new(server, PROMPTLY).unwrap();
        Self {
            socket,
            fence,
            sent: 0,
            replies: HashMap::new(),
        }
    }

    /// Sends packets whose numbers are their places, each twice, like a replay.
    fn send(&mut self, packets: &[(&'static str, Vec<u8>)]) {
        for packet in packets.chunks(AT_ONCE) {
            for (_, octets) in packet.iter().chain(packet) {
                self.socket.send(octets).unwrap();
                self.sent += 1;
            }
            // The server takes one after the other: when it has answered this one, all others are
            // done.
            assert!(self.fence.plain().is_some(), "the server is gone");
            self.sent += 1;
            self.read(packets);
        }
    }

    fn read(&mut self, packets: &[(&'static str, Vec<u8>)]) {
        let mut room = [0; 2048];
        loop {
            let length = match self.socket.recv(&mut room) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let origin = Header::decode(&room[..length])
                .expect("it is a packet")
                .origin
                .to_bits();
            let (kind, request) = &packets[usize::try_from(origin).expect("a place")];
            assert!(
                length <= request.len(),
                "{kind}: {length} octets for {}: {request:02x?}",
                request.len()
            );
            *self.replies.entry(kind).or_default() += 1;
        }
    }
}

/// Packets of each kind, in turns; the place of each is its number.
fn packets(attacker: &mut Attacker, each: u64) -> Vec<(&'static str, Vec<u8>)> {
    let all = (0..each).flat_map(|_| KINDS).enumerate();
    all.map(|(number, (kind, make))| (kind, make(attacker, number as u64).0))
        .collect()
}

fn attacker(scene: &NtsLoopback, keys: SocketAddr, seed: u64) -> Attacker {
    let client = scene.client();
    let session = || client.session(keys).expect("keys are to be had");
    Attacker {
        session: session(),
        other: session(),
        rng: ChaCha12Rng::seed_from_u64(seed),
    }
}

#[test]
fn hostile_packets_bring_nothing_longer_back_and_leave_nothing_behind() {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    println!("the seed is {seed}");
    let scene = NtsLoopback::new();
    let mut daemon = or_skip!(Daemon::start(&scene.server("").with_log_level("info")));
    let addresses = NtsAddresses::of(&mut daemon);
    let mut attacker = attacker(&scene, addresses.keys, seed);
    let mut exchange = Exchange::new(addresses.time);
    exchange.send(&packets(&mut attacker, EACH / 10));
    let (before, log) = (daemon.footprint(), daemon.process().output());

    exchange.send(&packets(&mut attacker, EACH));

    let state = daemon.wait_until("all have been counted", PROMPTLY, |state| {
        state.servers[0].received == exchange.sent
    });
    // What we have just asked it by may still be closing.
    let after = until(PROMPTLY, || {
        Some(daemon.footprint()).filter(|now| now.descriptors <= before.descriptors)
    });
    let after = after.unwrap_or_else(|| panic!("{before:?}, and now {:?}", daemon.footprint()));
    assert!(
        after.memory_kib <= before.memory_kib + GROWTH_KIB,
        "{before:?}, then {after:?}"
    );
    assert_eq!(
        daemon.process().output(),
        log,
        "nothing that comes over the network is logged"
    );

    let served = &state.servers[0];
    assert!(
        served.nts_naks_sent > 0 && served.nts_refused.len() >= 3,
        "{served:?}"
    );
    let answered = |kind: &str| exchange.replies.get(kind).copied().unwrap_or_default();
    let whole = 2 * (EACH + EACH / 10);
    // These are odd, but right.
    for kind in [
        "eight cookies asked for",
        "two authenticators, and a cookie behind them",
    ] {
        assert_eq!(answered(kind), whole, "{kind}");
    }
    // These are not to be answered at all, whatever their cryptography says.
    for kind in [
        "placeholders much shorter than the cookie, and sealed",
        "many placeholders a little shorter than the cookie",
        "placeholders of different lengths",
        "a field of no length",
        "more fields than are looked at",
        "two cookies",
        "a request stripped of its authenticator",
        "a code of symmetric keys after the authenticator",
    ] {
        assert_eq!(answered(kind), 0, "{kind}");
    }
}

/// The forms in which octets may appear in a log: as they are, in hexadecimal, as lists of numbers
/// of either kind.
fn appearances(octets: &[u8]) -> [String; 4] {
    let joined = |text: fn(&u8) -> String, between: &str| {
        octets.iter().map(text).collect::<Vec<_>>().join(between)
    };
    [
        String::from_utf8_lossy(octets).into_owned(),
        joined(|octet| format!("{octet:02x}"), ""),
        joined(|octet| format!("{octet:02x}"), ", "),
        joined(ToString::to_string, ", "),
    ]
}

#[test]
fn not_even_a_part_of_a_secret_is_logged_at_any_level() {
    let scene = NtsLoopback::new();
    let keys_file = folder();
    let keys_file = keys_file.path().join("keys");
    let config = scene.server(&format!(
        "[keyset]\nkey-rotation-interval = 1\nstale-key-count = 30\nkey-storage-path = \"{}\"\n",
        keys_file.display()
    ));
    let mut daemon = or_skip!(Daemon::start(&config.with_log_level("trace")));
    let addresses = NtsAddresses::of(&mut daemon);
    let mut attacker = attacker(&scene, addresses.keys, 1);
    let mut exchange = Exchange::new(addresses.time);
    exchange.send(&packets(&mut attacker, 5));
    daemon.process().wait_for_line("have rotated", PROMPTLY);
    let log = daemon.process().output();
    assert!(log.contains("DEBUG"), "the log has debug lines: {log}");

    let stored = std::fs::read(keys_file).expect("the keys are stored");
    let certified = std::fs::read_to_string(&scene.certificate.key).unwrap();
    let session = attacker.session.keys();
    let secrets = [
        session.c2s.secret(),
        session.s2c.secret(),
        stored.get(15..).expect("keys follow the head"),
    ];
    // The id of a key, which is shown, has four octets.
    let parts = secrets
        .iter()
        .flat_map(|secret| secret.windows(8))
        .map(appearances);
    let cookies = attacker
        .session
        .cookies()
        .flat_map(|cookie| cookie.octets().windows(8).map(appearances));
    for part in parts.chain(cookies).flatten() {
        assert!(!log.contains(&part), "{part} is in the log");
    }
    for line in certified.lines().filter(|line| !line.starts_with('-')) {
        assert!(!log.contains(line), "the private key is in the log");
    }
}
