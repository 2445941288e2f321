use super::*;
use proptest::prelude::*;

const NTPV4: &[u8] = &[0, 0];
const OFFER: [AeadAlgorithm; 2] = [AeadAlgorithm::Aes128GcmSiv, AeadAlgorithm::SivCmac256];

/// A reply up to its cookies, as the RFC demands it.
fn start() -> MessageWriter {
    MessageWriter::default()
        .critical(RecordType::NEXT_PROTOCOL, NTPV4)
        .critical(RecordType::AEAD, &[0, 15])
}

fn with_cookie() -> MessageWriter {
    start().optional(RecordType::COOKIE, &[9; 100])
}

fn answer(octets: &[u8]) -> Result<KeReply, KeError> {
    let mut client = KeClient::new(&OFFER);
    let reply = client.handle_bytes(octets)?;
    reply.ok_or_else(|| client.handle_end())
}

fn fault(message: MessageWriter) -> KeError {
    answer(&message.end()).unwrap_err()
}

#[test]
#[rustfmt::skip]
fn the_request_is_of_the_rfc_layout() {
    assert_eq!(KeClient::new(&OFFER).request(), [
        0x80, 0x01, 0, 2, 0, 0,         // critical, next protocol: NTPv4
        0x80, 0x04, 0, 4, 0, 30, 0, 15, // critical, AEAD algorithms: AES-128-GCM-SIV, AES-SIV-CMAC-256
        0x04, 0x00, 0, 0,               // not critical, compliant AES-128-GCM-SIV
        0x80, 0x00, 0, 0,               // critical, end of message
    ]);
}

#[test]
fn without_aes_gcm_siv_the_private_record_is_not_sent() {
    assert_eq!(
        KeClient::new(&[AeadAlgorithm::SivCmac256]).request().len(),
        16
    );
}

#[test]
fn a_good_reply_is_understood() {
    let message = with_cookie()
        .critical(RecordType::SERVER, b"ntp.example.org")
        .optional(RecordType::PORT, &[4, 1]);
    let reply = answer(&message.end()).unwrap();
    assert_eq!(reply.aead, AeadAlgorithm::SivCmac256);
    assert_eq!(reply.cookies.len(), 1);
    assert_eq!(reply.server.as_deref(), Some("ntp.example.org"));
    assert_eq!(reply.port, Some(1025));
    assert!(!reply.compliant_128gcm);
}

#[test]
fn a_reply_octet_by_octet_is_understood() {
    let mut client = KeClient::new(&OFFER);
    let message = with_cookie().end();
    let (last, first) = message.split_last().unwrap();
    assert!(
        first
            .iter()
            .all(|octet| client.handle_bytes(&[*octet]).unwrap().is_none())
    );
    assert!(client.handle_bytes(&[*last]).unwrap().is_some());
}

#[test]
fn a_server_without_cookies_is_refused() {
    assert_eq!(fault(start()), KeError::NoCookies);
}

#[test]
fn a_thousand_cookies_are_refused_and_of_forty_the_first_eight_are_kept() {
    let many = |count| {
        (0..count).fold(start(), |message, _| {
            message.optional(RecordType::COOKIE, &[1; 16])
        })
    };
    assert_eq!(fault(many(1000)), KeError::TooManyRecords);
    assert_eq!(answer(&many(40).end()).unwrap().cookies.len(), 8);
}

#[test]
fn empty_and_huge_cookies_are_left_out() {
    assert_eq!(
        fault(start().optional(RecordType::COOKIE, &[])),
        KeError::UnusableCookies { length: 0 }
    );
    let huge = start().optional(RecordType::COOKIE, &[1; 60_000]);
    assert_eq!(
        fault(huge.clone()),
        KeError::UnusableCookies { length: 60_000 }
    );
    let mixed = huge
        .optional(RecordType::COOKIE, &[])
        .optional(RecordType::COOKIE, &[1; 100]);
    assert_eq!(answer(&mixed.end()).unwrap().cookies.len(), 1);
}

#[test]
fn a_cookie_of_65_kib_is_refused_before_it_has_come() {
    let mut client = KeClient::new(&OFFER);
    let start = start().optional(RecordType::COOKIE, &[1; 100]).end();
    let head = [&start[..start.len() - 4], &[0, 5, 0xFF, 0xFF]].concat();
    assert_eq!(
        client.handle_bytes(&head).unwrap_err(),
        KeError::TooLong {
            limit: MAX_KE_REPLY
        }
    );
}

#[test]
fn an_algorithm_that_was_not_offered_is_refused() {
    let chosen = |body: &[u8]| {
        MessageWriter::default()
            .critical(RecordType::NEXT_PROTOCOL, NTPV4)
            .critical(RecordType::AEAD, body)
    };
    assert_eq!(fault(chosen(&[0, 17])), KeError::UnofferedAead(17));
    assert_eq!(fault(chosen(&[0x12, 0x34])), KeError::UnofferedAead(0x1234));
    assert_eq!(fault(chosen(&[])), KeError::NoCommonAead);
    assert_eq!(
        fault(chosen(&[0, 15, 0, 30])),
        KeError::BadBody(RecordType::AEAD)
    );
    assert_eq!(fault(chosen(&[15])), KeError::BadBody(RecordType::AEAD));
}

#[test]
fn a_protocol_that_was_not_offered_is_refused() {
    let chosen = |body: &[u8]| MessageWriter::default().critical(RecordType::NEXT_PROTOCOL, body);
    assert_eq!(fault(chosen(&[0, 1])), KeError::UnofferedProtocol(1));
    assert_eq!(fault(chosen(&[0, 0, 0, 1])), KeError::UnofferedProtocol(1));
    assert_eq!(fault(chosen(&[])), KeError::NoCommonProtocol);
    assert_eq!(
        fault(chosen(&[0])),
        KeError::BadBody(RecordType::NEXT_PROTOCOL)
    );
}

#[test]
fn missing_records_are_named() {
    assert_eq!(
        fault(MessageWriter::default()),
        KeError::Missing(RecordType::NEXT_PROTOCOL)
    );
    let only = MessageWriter::default().critical(RecordType::NEXT_PROTOCOL, NTPV4);
    assert_eq!(fault(only), KeError::Missing(RecordType::AEAD));
}

#[test]
fn what_may_be_there_once_must_not_be_there_twice() {
    for (kind, body) in [
        (RecordType::NEXT_PROTOCOL, NTPV4),
        (RecordType::AEAD, &[0, 15]),
        (RecordType::SERVER, b"a.example"),
        (RecordType::PORT, &[0, 123]),
    ] {
        let message = MessageWriter::default()
            .critical(kind, body)
            .critical(kind, body);
        assert_eq!(fault(message), KeError::Duplicate(kind));
    }
}

#[test]
fn an_unknown_record_is_refused_if_critical_and_ignored_if_not() {
    let unknown = RecordType::from_bits(4321);
    assert_eq!(
        fault(with_cookie().critical(unknown, &[1])),
        KeError::UnknownCritical(unknown)
    );
    assert!(answer(&with_cookie().optional(unknown, &[1]).end()).is_ok());
}

#[test]
fn errors_and_warnings_end_the_exchange() {
    let error = MessageWriter::default().critical(RecordType::ERROR, &[0, 2]);
    assert_eq!(
        fault(error),
        KeError::ErrorRecord(KeErrorCode::InternalServerError)
    );
    assert_eq!(
        fault(with_cookie().critical(RecordType::WARNING, &[0, 7])),
        KeError::Warning(7)
    );
    let odd = MessageWriter::default().critical(RecordType::ERROR, &[2]);
    assert_eq!(fault(odd), KeError::BadBody(RecordType::ERROR));
}

#[test]
fn servers_and_ports_that_cannot_be_are_refused() {
    let names: [&[u8]; 6] = [
        b"",
        b"a b",
        b"a\x1b[31m",
        b"a\0",
        "zürich.example".as_bytes(),
        &[b'a'; 254],
    ];
    for name in names {
        assert_eq!(
            fault(with_cookie().critical(RecordType::SERVER, name)),
            KeError::BadBody(RecordType::SERVER)
        );
    }
    for port in [&[0u8, 0][..], &[1], &[0, 0, 123]] {
        assert_eq!(
            fault(with_cookie().critical(RecordType::PORT, port)),
            KeError::BadBody(RecordType::PORT)
        );
    }
    let address = with_cookie().critical(RecordType::SERVER, b"2001:db8::1");
    assert_eq!(
        answer(&address.end()).unwrap().server.as_deref(),
        Some("2001:db8::1")
    );
}

#[test]
fn a_reply_without_its_end_is_truncated() {
    let message = with_cookie().end();
    assert_eq!(
        answer(&message[..message.len() - 1]).unwrap_err(),
        KeError::Truncated
    );
    assert_eq!(answer(&[]).unwrap_err(), KeError::Truncated);
}

#[test]
fn ten_megabytes_are_given_up_at_the_limit() {
    let mut client = KeClient::new(&OFFER);
    let chunk = [&[0x10, 0, 0x3F, 0xFC][..], &[0; 0x3FFC]].concat();
    let taken = (0..640).position(|_| client.handle_bytes(&chunk).is_err());
    assert!(taken.is_some_and(|chunks| chunks <= 4));
}

/// Which context each key was exported with: its fourth octet is the algorithm.
fn contexts(reply: &KeReply) -> (u8, Option<u8>) {
    let keys = reply
        .keys(|_, context, out| {
            out.fill(context[3]);
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap();
    (
        keys.primary.s2c.secret()[0],
        keys.alternate.map(|keys| keys.s2c.secret()[0]),
    )
}

#[test]
fn without_the_echo_aes_gcm_siv_has_the_older_keys_first_and_those_of_the_rfc_to_fall_back_on() {
    let start = || {
        MessageWriter::default()
            .critical(RecordType::NEXT_PROTOCOL, NTPV4)
            .critical(RecordType::AEAD, &[0, 30])
    };
    let older = answer(&start().optional(RecordType::COOKIE, &[1; 64]).end()).unwrap();
    assert_eq!(contexts(&older), (15, Some(30)));

    let echoed = start()
        .optional(RecordType::COMPLIANT_128_GCM_SIV, &[])
        .optional(RecordType::COOKIE, &[1; 64]);
    let compliant = answer(&echoed.end()).unwrap();
    assert!(compliant.compliant_128gcm);
    assert_eq!(contexts(&compliant), (30, None));
}

#[test]
fn the_echo_means_nothing_for_other_algorithms() {
    let reply = answer(
        &with_cookie()
            .optional(RecordType::COMPLIANT_128_GCM_SIV, &[])
            .end(),
    )
    .unwrap();
    assert!(!reply.compliant_128gcm);
    assert_eq!(contexts(&reply), (15, None));
}

proptest! {
    #[test]
    fn replies_of_any_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = answer(&octets);
    }

    #[test]
    fn replies_of_any_records_never_panic(
        records in proptest::collection::vec(
            (0u16..9, any::<bool>(), proptest::collection::vec(0u8..32, 0..5)), 0..12,
        ),
    ) {
        let message = records.iter().fold(MessageWriter::default(), |message, (kind, critical, body)| {
            let kind = RecordType::from_bits(*kind);
            if *critical { message.critical(kind, body) } else { message.optional(kind, body) }
        });
        let _ = answer(&message.end());
    }
}
