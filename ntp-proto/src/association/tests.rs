//! The claims of an association, as exchanges with a server that can misbehave.

use super::*;
use crate::association::OwnServers;
use crate::clock::Timescale;
use crate::packet::{LeapIndicator, Mode, ReferenceId, Stratum};
use crate::time::{Frequency, NtpDuration, NtpShort, PollInterval, Precision, Seconds};
use rand::SeedableRng;
use rand::rngs::ChaCha12Rng;

const SERVER: &str = "192.0.2.1:123";
const NOWHERE: &OwnServers = &OwnServers::NONE;

/// A source, its clock and a network without delay surprises: 10 ms each way.
struct Bench {
    association: Association,
    rng: ChaCha12Rng,
    timescale: Timescale,
    now: MonoTime,
}

fn local(now: MonoTime) -> NtpTimestamp {
    NtpTimestamp::from_unix(1_800_000_000, 0) + NtpDuration::from(now.since_epoch())
}

impl Bench {
    fn new() -> Self {
        let config = AssociationConfig {
            burst: 1,
            ..AssociationConfig::default()
        };
        Self {
            association: Association::new(
                AssociationId::new(1),
                SERVER.parse().unwrap(),
                config,
                MonoTime::ZERO,
            ),
            rng: ChaCha12Rng::seed_from_u64(1),
            timescale: Timescale::new(local(MonoTime::ZERO), Frequency::ZERO),
            now: MonoTime::ZERO,
        }
    }

    fn request(&mut self) -> (Header, TransmitToken) {
        self.now = self.now.max(self.association.next_poll());
        let mut buffer = [0; 64];
        let transmit = self
            .association
            .poll_transmit(self.now, &mut self.rng, &mut buffer)
            .expect("a request is due");
        (
            Header::decode(&buffer[..transmit.length]).unwrap(),
            transmit.token,
        )
    }

    /// Sends a request and redeems its token.
    fn ask(&mut self) -> Header {
        let (request, token) = self.request();
        self.redeem(token).unwrap();
        request
    }

    fn redeem(&mut self, token: TransmitToken) -> Result<Option<Accepted>, Discard> {
        let stamp = LocalStamp {
            at: local(self.now),
            origin: StampOrigin::Kernel,
        };
        let context = context(&self.timescale, self.now);
        self.association.handle_transmitted(token, stamp, &context)
    }

    /// The reply of a server whose clock is 0.25 s ahead of ours.
    fn reply(&self, request: &Header) -> Header {
        let arrival = local(self.now) + NtpDuration::from_seconds(0.26);
        Header {
            mode: Mode::Server,
            stratum: Stratum::from_bits(2),
            precision: Precision::from_log2(-23),
            reference_id: ReferenceId::from_letters(*b"GPS\0"),
            origin: request.transmit,
            receive: arrival,
            transmit: arrival,
            ..*request
        }
    }

    fn deliver(&mut self, reply: &Header) -> Result<Accepted, Discard> {
        self.deliver_bytes(SERVER, &reply.encode())
    }

    fn deliver_bytes(&mut self, from: &str, bytes: &[u8]) -> Result<Accepted, Discard> {
        let arrived = self.now + Duration::from_millis(20);
        let received = LocalStamp {
            at: local(arrived),
            origin: StampOrigin::Kernel,
        };
        let datagram = Datagram {
            from: from.parse().unwrap(),
            to: None,
            received,
            bytes,
        };
        let context = context(&self.timescale, arrived);
        self.association.handle_datagram(&datagram, &context)
    }

    fn exchange(&mut self) -> Result<Accepted, Discard> {
        let request = self.ask();
        self.deliver(&self.reply(&request))
    }

    /// A kiss in reply to a request.
    fn kiss_for(&self, request: &Header, code: &[u8; 4]) -> Header {
        Header {
            leap: LeapIndicator::Unsynchronized,
            stratum: Stratum::UNSPECIFIED,
            reference_id: ReferenceId::from_letters(*code),
            ..self.reply(request)
        }
    }

    /// Asks, is kissed, and waits until nothing better can come.
    fn kiss(&mut self, code: &[u8; 4]) -> Result<Accepted, Discard> {
        let request = self.ask();
        let outcome = self.deliver(&self.kiss_for(&request, code));
        self.pass_deadline();
        outcome
    }

    fn pass_deadline(&mut self) {
        self.now = self.now + REPLY_TIMEOUT + Duration::from_millis(1);
        self.association.handle_timeout(self.now);
    }
}

fn context(timescale: &Timescale, now: MonoTime) -> Context<'_> {
    let ourselves = Ourselves {
        address: None,
        system: None,
        server: None,
        own_servers: NOWHERE,
    };
    Context {
        now,
        timescale,
        precision: Precision::from_log2(-25),
        drift: Frequency::ZERO,
        ourselves,
    }
}

#[test]
fn an_honest_exchange_becomes_a_measurement() {
    let mut bench = Bench::new();
    assert_eq!(bench.exchange(), Ok(Accepted::Measured));
    let sample = *bench.association.filter().samples().next().unwrap();
    assert!((sample.offset().to_seconds() - 0.25).abs() < 1e-6);
    assert!((sample.delay() - Seconds::new(0.02)).abs() < Seconds::new(1e-6));
    assert!(bench.association.is_usable());
}

#[test]
fn a_request_tells_nothing_about_us() {
    let mut bench = Bench::new();
    let request = bench.ask();
    assert_ne!(request.transmit, local(bench.now));
    let blank = Header::request(
        Version::V4,
        PollInterval::clamped(request.poll),
        request.transmit,
    );
    assert_eq!(request, blank);
    assert_ne!(bench.ask().transmit, request.transmit);
}

#[test]
fn a_replayed_reply_is_discarded() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let reply = bench.reply(&request);
    assert_eq!(bench.deliver(&reply), Ok(Accepted::Measured));
    assert_eq!(bench.deliver(&reply), Err(Discard::Duplicate));
    assert_eq!(bench.association.counters().measured, 1);
}

#[test]
fn a_flood_of_forgeries_changes_nothing_and_the_true_reply_still_counts() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let truth = bench.reply(&request);
    let (poll, next) = (bench.association.poll(), bench.association.next_poll());
    for guess in 0..10_000_u64 {
        let forged = Header {
            origin: NtpTimestamp::from_bits(guess.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            ..truth
        };
        assert_eq!(bench.deliver(&forged), Err(Discard::Bogus));
    }
    assert_eq!(
        (bench.association.poll(), bench.association.next_poll()),
        (poll, next)
    );
    assert!(!bench.association.reach().is_reachable());
    assert_eq!(bench.deliver(&truth), Ok(Accepted::Measured));
}

#[test]
fn an_origin_of_zero_never_matches() {
    let mut bench = Bench::new();
    let unasked = Header {
        origin: NtpTimestamp::UNKNOWN,
        ..bench.reply(&Header::request(
            Version::V4,
            PollInterval::MIN,
            NtpTimestamp::UNKNOWN,
        ))
    };
    assert_eq!(bench.deliver(&unasked), Err(Discard::Bogus));
    bench.ask();
    assert_eq!(bench.deliver(&unasked), Err(Discard::Bogus));
}

#[test]
fn stray_short_and_foreign_datagrams_have_no_effect() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let truth = bench.reply(&request);
    assert_eq!(bench.deliver_bytes(SERVER, &[]), Err(Discard::Malformed));
    assert_eq!(
        bench.deliver_bytes(SERVER, &[0x24]),
        Err(Discard::Malformed)
    );
    assert_eq!(
        bench.deliver_bytes("192.0.2.9:123", &truth.encode()),
        Err(Discard::WrongAddress)
    );
    assert_eq!(
        bench.deliver_bytes("192.0.2.1:124", &truth.encode()),
        Err(Discard::WrongAddress)
    );
    assert_eq!(
        bench.deliver(&Header {
            mode: Mode::Client,
            ..truth
        }),
        Err(Discard::NotAReply)
    );
    assert_eq!(bench.deliver(&truth), Ok(Accepted::Measured));
}

#[test]
fn a_late_reply_has_no_effect_and_the_next_poll_works() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let late = bench.reply(&request);
    bench.now = bench.now + Duration::from_secs(10);
    assert_eq!(bench.deliver(&late), Err(Discard::TooLate));
    bench.association.handle_timeout(bench.now);
    assert_eq!(bench.association.unanswered(), 1);
    assert_eq!(bench.deliver(&late), Err(Discard::TooLate));
    assert_eq!(bench.exchange(), Ok(Accepted::Measured));
}

#[test]
fn a_server_that_is_slower_than_the_polls_of_a_burst_is_late_and_not_silent() {
    let mut bench = Bench::new();
    let requests = [bench.ask(), bench.ask(), bench.ask()];
    for request in &requests[..2] {
        let late = bench.reply(request);
        assert_eq!(bench.deliver(&late), Err(Discard::TooLate));
        assert_eq!(
            bench.association.doubt().map(|doubt| doubt.discard),
            Some(Discard::TooLate)
        );
    }
    let timely = bench.reply(&requests[2]);
    assert_eq!(bench.deliver(&timely), Ok(Accepted::Measured));
}

#[test]
fn a_reply_to_a_request_from_before_a_step_is_too_late() {
    let mut bench = Bench::new();
    let request = bench.ask();
    bench.association.handle_step();
    let reply = bench.reply(&request);
    assert_eq!(bench.deliver(&reply), Err(Discard::TooLate));
    assert_eq!(bench.association.unanswered(), 0);
}

#[test]
fn a_reply_that_overtakes_its_transmit_timestamp_waits_for_it() {
    let mut bench = Bench::new();
    let (request, token) = bench.request();
    let reply = bench.reply(&request);
    assert_eq!(bench.deliver(&reply), Ok(Accepted::Parked));
    assert_eq!(bench.deliver(&reply), Err(Discard::Duplicate));
    assert_eq!(bench.redeem(token), Ok(Some(Accepted::Measured)));
}

#[test]
fn deny_ends_the_association_until_it_is_revived() {
    for code in [b"DENY", b"RSTR"] {
        let mut bench = Bench::new();
        assert!(matches!(bench.kiss(code), Err(Discard::Kiss(_))));
        assert!(bench.association.demobilized().is_some());
        let later = bench.now + Duration::from_secs(1_000_000);
        assert!(
            bench
                .association
                .poll_transmit(later, &mut bench.rng, &mut [0; 64])
                .is_none()
        );
        bench
            .association
            .revive(AssociationConfig::default(), later);
        assert_eq!(bench.exchange(), Ok(Accepted::Measured));
    }
}

#[test]
fn a_forged_refusal_that_arrives_ahead_of_the_true_reply_does_no_harm() {
    for code in [b"DENY", b"RSTR", b"RATE", b"NTSN", b"INIT"] {
        let mut bench = Bench::new();
        for _ in 0..4 {
            let request = bench.ask();
            for _ in 0..3 {
                assert!(bench.deliver(&bench.kiss_for(&request, code)).is_err());
            }
            assert_eq!(
                bench.deliver(&bench.reply(&request)),
                Ok(Accepted::Measured)
            );
            // And what comes after the true reply is nothing but a repetition.
            assert_eq!(
                bench.deliver(&bench.kiss_for(&request, code)),
                Err(Discard::Duplicate)
            );
            bench.pass_deadline();
            assert_eq!(bench.association.demobilized(), None);
            assert!(!bench.association.is_rate_limited() && bench.association.is_usable());
            let wait = bench.association.next_poll().since(bench.now);
            assert!(
                wait < Duration::from_secs(14),
                "{code:?} puts the next poll off by {wait:?}"
            );
        }
    }
}

#[test]
fn a_poll_that_is_brought_forward_does_not_let_a_forged_refusal_win() {
    for code in [b"DENY", b"RSTR", b"RATE"] {
        let mut bench = Bench::new();
        let request = bench.ask();
        assert!(bench.deliver(&bench.kiss_for(&request, code)).is_err());
        // Another server has answered meanwhile: all are to be asked at once.
        bench.association.poll_soon(bench.now);
        bench.association.handle_timeout(bench.now);
        assert!(
            bench
                .association
                .poll_transmit(bench.now, &mut bench.rng, &mut [0; 64])
                .is_none(),
            "asked again too soon"
        );
        assert!(
            bench.association.poll_timeout().unwrap() > bench.now,
            "the timer would never stop firing"
        );
        assert_eq!(
            bench.deliver(&bench.reply(&request)),
            Ok(Accepted::Measured),
            "{code:?}"
        );
        assert_eq!(bench.association.demobilized(), None);
        assert!(!bench.association.is_rate_limited());
    }
}

#[test]
fn a_forged_reply_that_cannot_be_measured_leaves_room_for_the_true_one() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let truth = bench.reply(&request);
    let faster_than_light = Header {
        transmit: truth.receive + NtpDuration::SECOND,
        ..truth
    };
    assert_eq!(
        bench.deliver(&faster_than_light),
        Err(Discard::NegativeDelay)
    );
    let distant = Header {
        root_dispersion: NtpShort::from_bits(20 << 16),
        ..truth
    };
    assert_eq!(bench.deliver(&distant), Err(Discard::RootDistance));
    assert_eq!(bench.deliver(&truth), Ok(Accepted::Measured));
    assert_eq!(bench.association.problem(), None);
}

#[test]
fn of_several_refusals_the_mildest_is_obeyed() {
    let mut bench = Bench::new();
    let request = bench.ask();
    assert!(bench.deliver(&bench.kiss_for(&request, b"DENY")).is_err());
    assert!(bench.deliver(&bench.kiss_for(&request, b"RATE")).is_err());
    assert!(bench.deliver(&bench.kiss_for(&request, b"RSTR")).is_err());
    bench.pass_deadline();
    assert_eq!(bench.association.demobilized(), None);
    assert!(bench.association.is_rate_limited());
}

#[test]
fn a_true_kiss_in_a_burst_is_obeyed_before_the_next_request() {
    for (code, most_polls) in [(b"RATE", 1), (b"DENY", 0)] {
        let mut bench = Bench::new();
        bench.association = Association::new(
            AssociationId::new(1),
            SERVER.parse().unwrap(),
            AssociationConfig::default(),
            MonoTime::ZERO,
        );
        let request = bench.ask();
        assert!(bench.deliver(&bench.kiss_for(&request, code)).is_err());
        let mut polls = 0;
        for second in 0..40 {
            let now = bench.now + Duration::from_secs(second);
            polls += usize::from(
                bench
                    .association
                    .poll_transmit(now, &mut bench.rng, &mut [0; 64])
                    .is_some(),
            );
        }
        assert!(polls <= most_polls, "{polls} requests after {code:?}");
    }
}

#[test]
fn a_kiss_with_a_forged_origin_is_ignored() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let forged = Header {
        origin: NtpTimestamp::from_bits(1),
        stratum: Stratum::UNSPECIFIED,
        reference_id: ReferenceId::from_letters(*b"DENY"),
        ..bench.reply(&request)
    };
    assert_eq!(bench.deliver(&forged), Err(Discard::Bogus));
    assert_eq!(bench.association.demobilized(), None);
}

#[test]
fn rate_slows_the_association_down_and_it_relaxes_later() {
    let mut bench = Bench::new();
    let before = bench.association.poll();
    assert_eq!(bench.kiss(b"RATE"), Err(Discard::Kiss(KissCode::Rate)));
    assert!(bench.association.is_rate_limited());
    assert!(bench.association.next_poll() >= bench.now + before.longer().duration());
    for _ in 0..20 {
        assert_eq!(bench.exchange(), Ok(Accepted::Measured));
    }
    assert_eq!(bench.association.poll(), before);
}

#[test]
fn an_unsynchronized_server_is_not_used_and_says_why() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let reply = Header {
        leap: LeapIndicator::Unsynchronized,
        ..bench.reply(&request)
    };
    assert_eq!(bench.deliver(&reply), Err(Discard::Unsynchronized));
    bench.pass_deadline();
    assert_eq!(bench.association.problem(), Some(Discard::Unsynchronized));
    assert!(!bench.association.is_usable());
    assert_eq!(bench.exchange(), Ok(Accepted::Measured));
    assert!(bench.association.is_usable());
}

#[test]
fn a_forged_port_unreachable_does_not_end_the_poll() {
    let mut bench = Bench::new();
    let request = bench.ask();
    bench.association.handle_unreachable(111);
    assert_eq!(bench.association.unreachable(), Some(111));
    let reply = bench.reply(&request);
    assert_eq!(bench.deliver(&reply), Ok(Accepted::Measured));
    assert_eq!(bench.association.unreachable(), None);
}

#[test]
fn a_network_error_for_an_early_request_is_not_the_cause_of_later_silence() {
    let mut bench = Bench::new();
    let _ = bench.ask();
    bench.association.handle_unreachable(111);
    for _ in 0..3 {
        let _ = bench.ask();
        assert_eq!(bench.association.unreachable(), Some(111));
    }
    let _ = bench.ask();
    assert_eq!(bench.association.unreachable(), None);
}

#[test]
fn the_last_discarded_datagram_is_known_until_a_reply_is_believed() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let forged = Header {
        origin: NtpTimestamp::from_bits(7),
        ..bench.reply(&request)
    };
    assert_eq!(bench.deliver(&forged), Err(Discard::Bogus));
    assert_eq!(
        bench.association.doubt().map(|doubt| doubt.discard),
        Some(Discard::Bogus)
    );

    let reply = bench.reply(&request);
    assert_eq!(bench.deliver(&reply), Ok(Accepted::Measured));
    assert_eq!(bench.deliver(&reply), Err(Discard::Duplicate));
    assert_eq!(
        bench.association.doubt(),
        None,
        "a second copy says nothing against the server"
    );
}

#[test]
fn a_reply_of_a_later_version_is_not_taken_for_garbage() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let reply = Header {
        version: Version::from_bits(5),
        ..bench.reply(&request)
    };
    assert_eq!(bench.deliver(&reply), Err(Discard::UnknownVersion(5)));
    assert_eq!(
        bench.association.doubt().map(|doubt| doubt.discard),
        Some(Discard::UnknownVersion(5))
    );
}

#[test]
fn a_server_with_an_absurd_distance_is_refused() {
    let mut bench = Bench::new();
    let request = bench.ask();
    let reply = Header {
        root_dispersion: NtpShort::from_bits(20 << 16),
        ..bench.reply(&request)
    };
    assert_eq!(bench.deliver(&reply), Err(Discard::RootDistance));
}

#[test]
fn a_request_that_cannot_be_sent_counts_as_lost() {
    let mut bench = Bench::new();
    let (_, token) = bench.request();
    bench.association.handle_send_failed(token, 101);
    assert_eq!(bench.association.send_error(), Some(101));
    assert_eq!(bench.association.unanswered(), 1);
}

#[test]
fn a_driver_that_sets_the_pace_itself_asks_at_once_and_is_not_slowed_down() {
    let mut bench = Bench::new();
    bench.exchange().unwrap();
    let request = bench.ask();
    let kiss = bench.kiss_for(&request, b"RATE");
    assert_eq!(bench.deliver(&kiss), Err(Discard::Kiss(KissCode::Rate)));
    let asked = bench.now;

    bench.association.ask_at_once(asked);

    assert_eq!(bench.exchange(), Ok(Accepted::Measured));
    assert!(bench.now < asked + Duration::from_secs(1));
    assert!(!bench.association.is_rate_limited());
}

#[test]
fn replies_are_accepted_for_as_long_as_the_driver_waits() {
    let mut bench = Bench::new();
    let patience = Duration::from_secs(10);
    bench.association = bench.association.with_reply_timeout(patience);
    let request = bench.ask();
    bench.now = bench.now + Duration::from_secs(9);
    let reply = bench.reply(&request);
    assert_eq!(bench.deliver(&reply), Ok(Accepted::Measured));
}
