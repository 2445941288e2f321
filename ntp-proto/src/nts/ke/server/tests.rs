use super::*;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;

const NTPV4: &[u8] = &[0, 0];

fn config(algorithms: &[AeadAlgorithm]) -> Arc<KeServerConfig> {
    Arc::new(KeServerConfig {
        algorithms: algorithms.to_vec(),
        server: None,
        port: None,
    })
}

fn ask(octets: &[u8]) -> Result<Option<KeRequest>, KeRefusal> {
    KeServer::new(config(&[
        AeadAlgorithm::SivCmac256,
        AeadAlgorithm::Aes128GcmSiv,
    ]))
    .handle_bytes(octets)
}

fn chosen(algorithms: &[u8]) -> AeadAlgorithm {
    let message = MessageWriter::default().critical(RecordType::NEXT_PROTOCOL, NTPV4);
    ask(&message.critical(RecordType::AEAD, algorithms).end())
        .unwrap()
        .unwrap()
        .algorithm()
}

fn refusal(message: MessageWriter) -> KeRefusal {
    ask(&message.end()).unwrap_err()
}

/// The code in the error record that a refused client is sent.
fn told(refusal: &KeRefusal) -> Option<KeErrorCode> {
    let (record, rest) = Record::split_first(&refusal.response).unwrap();
    assert_eq!(record.kind == RecordType::ERROR, rest == [0x80, 0, 0, 0]);
    (record.kind == RecordType::ERROR).then(|| KeErrorCode::from_bits(record.number().unwrap()))
}

#[test]
fn the_first_algorithm_of_the_client_that_we_allow_is_chosen() {
    assert_eq!(chosen(&[0, 30, 0, 15]), AeadAlgorithm::Aes128GcmSiv);
    assert_eq!(chosen(&[0, 15, 0, 30]), AeadAlgorithm::SivCmac256);
    assert_eq!(
        chosen(&[0xFF, 0xFF, 0, 17, 0, 16, 0, 30]),
        AeadAlgorithm::Aes128GcmSiv
    );
}

#[test]
fn what_is_not_to_be_had_is_told_by_an_empty_list() {
    let other = refusal(MessageWriter::default().critical(RecordType::NEXT_PROTOCOL, &[0x80, 1]));
    assert_eq!(other.error, KeError::NoCommonProtocol);
    assert_eq!(other.response, [0x80, 1, 0, 0, 0x80, 0, 0, 0]);

    let start = MessageWriter::default().critical(RecordType::NEXT_PROTOCOL, NTPV4);
    let other = refusal(start.critical(RecordType::AEAD, &[0, 17]));
    assert_eq!(other.error, KeError::NoCommonAead);
    assert_eq!(
        other.response,
        [0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 0, 0x80, 0, 0, 0]
    );
}

#[test]
fn bad_requests_are_told_so() {
    let start = || MessageWriter::default().critical(RecordType::NEXT_PROTOCOL, NTPV4);
    let good = || start().critical(RecordType::AEAD, &[0, 15]);
    for (message, error) in [
        (
            MessageWriter::default(),
            KeError::Missing(RecordType::NEXT_PROTOCOL),
        ),
        (start(), KeError::Missing(RecordType::AEAD)),
        (
            start().critical(RecordType::NEXT_PROTOCOL, NTPV4),
            KeError::Duplicate(RecordType::NEXT_PROTOCOL),
        ),
        (
            good().critical(RecordType::AEAD, &[0, 15]),
            KeError::Duplicate(RecordType::AEAD),
        ),
        (
            start().critical(RecordType::AEAD, &[15]),
            KeError::BadBody(RecordType::AEAD),
        ),
        (
            good().optional(RecordType::COOKIE, &[1; 100]),
            KeError::Unexpected(RecordType::COOKIE),
        ),
        (
            good().critical(RecordType::ERROR, &[0, 1]),
            KeError::Unexpected(RecordType::ERROR),
        ),
        (
            good().critical(RecordType::WARNING, &[0, 1]),
            KeError::Unexpected(RecordType::WARNING),
        ),
    ] {
        let refusal = refusal(message);
        assert_eq!(refusal.error, error);
        assert_eq!(told(&refusal), Some(KeErrorCode::BadRequest));
    }
}

#[test]
fn an_unknown_critical_record_is_told_so_and_others_are_ignored() {
    let unknown = RecordType::from_bits(0x7777);
    let good = || {
        MessageWriter::default()
            .critical(RecordType::NEXT_PROTOCOL, NTPV4)
            .critical(RecordType::AEAD, &[0, 15])
    };
    let refusal = refusal(good().critical(unknown, &[]));
    assert_eq!(refusal.error, KeError::UnknownCritical(unknown));
    assert_eq!(
        told(&refusal),
        Some(KeErrorCode::UnrecognizedCriticalRecord)
    );
    assert!(
        ask(&good()
            .optional(unknown, &[])
            .optional(RecordType::SERVER, b"x")
            .end())
        .is_ok()
    );
}

#[test]
fn a_request_beyond_the_limit_is_refused_and_one_of_1024_octets_is_not() {
    let good = |filler: usize| {
        MessageWriter::default()
            .critical(RecordType::NEXT_PROTOCOL, NTPV4)
            .critical(RecordType::AEAD, &[0, 15])
            .optional(RecordType::from_bits(0x7777), &vec![0; filler])
    };
    assert!(ask(&good(1004).end()).is_ok());
    let refusal = refusal(good(MAX_KE_REQUEST));
    assert_eq!(
        refusal.error,
        KeError::TooLong {
            limit: MAX_KE_REQUEST
        }
    );
    assert_eq!(told(&refusal), Some(KeErrorCode::BadRequest));
}

#[test]
fn a_failed_export_is_the_caller_s_to_tell() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let message = MessageWriter::default().critical(RecordType::NEXT_PROTOCOL, NTPV4);
    let request = ask(&message.critical(RecordType::AEAD, &[0, 15]).end())
        .unwrap()
        .unwrap();
    let keys = KeySet::new(7, 0, &mut rng);
    assert_eq!(
        request.respond(|_, _, _| Err("no session"), &keys, &mut rng),
        Err("no session")
    );
    assert_eq!(KeRefusal::internal(), [0x80, 2, 0, 2, 0, 2, 0x80, 0, 0, 0]);
}

proptest! {
    #[test]
    fn requests_of_any_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = ask(&octets);
    }
}
