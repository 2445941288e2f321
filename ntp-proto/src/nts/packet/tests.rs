//! Client and server together, and what hostile peers may send to either.

use super::fields;
use crate::nts::*;
use crate::packet::{
    FieldType, HEADER_LENGTH, Header, KissCode, Mode, Packet, Stratum, Version, Writer,
};
use crate::server::MAX_REQUEST_LENGTH;
use crate::time::{NtpTimestamp, PollInterval};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use std::convert::Infallible;
use std::sync::Arc;

/// Both ends of a TLS session export the same octets for the same context.
fn exporter(label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Infallible> {
    assert_eq!(label, EXPORTER_LABEL);
    for (place, octet) in out.iter_mut().enumerate() {
        *octet = (place as u8) ^ context[3].wrapping_mul(17) ^ context[4].wrapping_mul(101);
    }
    Ok(())
}

/// A client and a server that have keys in common.
struct Pair {
    rng: ChaCha8Rng,
    keys: KeySet,
    session: KeyPair,
    jar: CookieJar,
}

impl Pair {
    fn new(algorithm: AeadAlgorithm) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let keys = KeySet::new(DEFAULT_OLD_KEYS, 0, &mut rng);
        let (jar, session) = establish(&[algorithm], &[algorithm], &keys, &mut rng);
        Self {
            rng,
            keys,
            session: session.primary,
            jar,
        }
    }

    /// A request as the client makes it.
    fn request(&mut self) -> (Vec<u8>, UniqueId) {
        let mut buffer = [0; MAX_PROTECTED_REQUEST];
        let request = protect_request(
            &request_header(),
            &mut self.jar,
            &self.session.c2s,
            &mut self.rng,
            &mut buffer,
        )
        .unwrap();
        (buffer[..request.length].to_vec(), request.unique_id)
    }

    /// A request of any fields, sealed with the right keys.
    fn sealed(&mut self, fields: &[(FieldType, Vec<u8>)]) -> Vec<u8> {
        let mut buffer = [0; 2000];
        let mut writer = Writer::new(&mut buffer);
        writer.header(&request_header()).unwrap();
        for (kind, value) in fields {
            writer.extension(*kind, value).unwrap();
        }
        let written = writer.written();
        let nonce = fields::packet_nonce(&self.session.c2s, &mut self.rng);
        let length =
            fields::append_authenticator(&mut buffer, written, &self.session.c2s, &nonce, &[])
                .unwrap();
        buffer[..length].to_vec()
    }

    fn serve(&mut self, octets: &[u8]) -> Result<Vec<u8>, NtsRefusal> {
        let request = open(octets, &self.keys)?;
        let reply = request.prepare(&self.keys, &mut self.rng);
        let mut buffer = [0; MAX_REQUEST_LENGTH];
        let length = reply
            .emit(&reply_header(&request.value().header), &mut buffer)
            .unwrap();
        assert_eq!(length, reply.len());
        Ok(buffer[..length].to_vec())
    }

    fn cookie(&mut self) -> Vec<u8> {
        self.jar.take().unwrap().octets().to_vec()
    }
}

fn establish(
    offered: &[AeadAlgorithm],
    allowed: &[AeadAlgorithm],
    keys: &KeySet,
    rng: &mut ChaCha8Rng,
) -> (CookieJar, ClientKeys) {
    let config = KeServerConfig {
        algorithms: allowed.to_vec(),
        server: Some("ntp.example".to_owned()),
        port: Some(1123),
    };
    let mut client = KeClient::new(offered);
    let mut server = KeServer::new(Arc::new(config));
    let request = server.handle_bytes(&client.request()).unwrap().unwrap();
    let response = request.respond(exporter, keys, rng).unwrap();
    let reply = client.handle_bytes(&response).unwrap().unwrap();
    assert_eq!(reply.server.as_deref(), Some("ntp.example"));
    assert_eq!(reply.port, Some(1123));
    assert_eq!(
        reply.compliant_128gcm,
        reply.aead == AeadAlgorithm::Aes128GcmSiv
    );
    let session = reply.keys(exporter).unwrap();
    (reply.cookies, session)
}

fn open(octets: &[u8], keys: &KeySet) -> Result<Authenticated<AuthenticatedRequest>, NtsRefusal> {
    open_request(&Packet::decode(octets).unwrap(), octets, keys)
}

fn request_header() -> Header {
    Header::request(
        Version::V4,
        PollInterval::clamped(6),
        NtpTimestamp::from_bits(0x0123_4567_89AB_CDEF),
    )
}

fn reply_header(request: &Header) -> Header {
    Header {
        mode: Mode::Server,
        stratum: Stratum::from_bits(1),
        origin: request.transmit,
        receive: NtpTimestamp::from_bits(1 << 60),
        transmit: NtpTimestamp::from_bits((1 << 60) + 1),
        ..*request
    }
}

fn nak_header(request: &Header) -> Header {
    Header {
        stratum: Stratum::UNSPECIFIED,
        reference_id: KissCode::Ntsn.to_reference_id(),
        ..reply_header(request)
    }
}

#[test]
fn key_establishment_gives_both_sides_the_same_keys() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let keys = KeySet::new(DEFAULT_OLD_KEYS, 0, &mut rng);
    for offered in [
        &AeadAlgorithm::ALL[..],
        &[AeadAlgorithm::SivCmac512],
        &[AeadAlgorithm::SivCmac384],
    ] {
        let (mut jar, client) = establish(offered, &AeadAlgorithm::ALL, &keys, &mut rng);
        assert_eq!(jar.len(), MAX_COOKIES);
        assert_eq!(client.primary.algorithm(), offered[0]);
        assert!(client.alternate.is_none());
        while let Some(cookie) = jar.take() {
            let server = keys.open_cookie(cookie.octets()).unwrap();
            assert_eq!(server.c2s.secret(), client.primary.c2s.secret());
            assert_eq!(server.s2c.secret(), client.primary.s2c.secret());
            assert_ne!(server.s2c.secret(), client.primary.c2s.secret());
        }
    }
}

#[test]
fn an_older_client_of_aes_gcm_siv_gets_the_keys_that_it_exports() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let keys = KeySet::new(DEFAULT_OLD_KEYS, 0, &mut rng);
    let request = [0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 30, 0x80, 0, 0, 0];
    let config = KeServerConfig {
        algorithms: AeadAlgorithm::ALL.to_vec(),
        server: None,
        port: None,
    };
    let request = KeServer::new(Arc::new(config))
        .handle_bytes(&request)
        .unwrap()
        .unwrap();
    let response = request.respond(exporter, &keys, &mut rng).unwrap();
    let reply = KeClient::new(&[AeadAlgorithm::Aes128GcmSiv])
        .handle_bytes(&response)
        .unwrap()
        .unwrap();
    assert!(!reply.compliant_128gcm);
    let mut cookies = reply.cookies.clone();
    let session = keys.open_cookie(cookies.take().unwrap().octets()).unwrap();
    assert_eq!(
        session.c2s.secret(),
        reply.keys(exporter).unwrap().primary.c2s.secret()
    );
}

#[test]
fn an_exchange_of_each_algorithm_keeps_the_jar_full() {
    for algorithm in AeadAlgorithm::ALL {
        let mut pair = Pair::new(algorithm);
        for _ in 0..20 {
            let (request, unique_id) = pair.request();
            let reply = pair.serve(&request).unwrap();
            assert_eq!(reply.len(), request.len(), "{algorithm}");
            let response = open_response(&reply, &unique_id, &pair.session.s2c)
                .unwrap()
                .into_value();
            assert_eq!(response.header, reply_header(&request_header()));
            pair.jar.extend(response.cookies);
            assert_eq!(pair.jar.len(), MAX_COOKIES);
        }
    }
}

#[test]
fn lost_replies_are_made_up_for_by_placeholders() {
    for algorithm in AeadAlgorithm::ALL {
        let mut pair = Pair::new(algorithm);
        for _ in 0..6 {
            pair.request();
        }
        let (request, unique_id) = pair.request();
        assert!(request.len() <= MAX_PROTECTED_REQUEST);
        let reply = pair.serve(&request).unwrap();
        assert!(reply.len() <= request.len());
        pair.jar.extend(
            open_response(&reply, &unique_id, &pair.session.s2c)
                .unwrap()
                .into_value()
                .cookies,
        );
        // Seven of the longest cookies do not fit into one request; then it takes two.
        assert!(pair.jar.len() >= 6, "{algorithm} has {}", pair.jar.len());
        let (request, unique_id) = pair.request();
        let reply = pair.serve(&request).unwrap();
        pair.jar.extend(
            open_response(&reply, &unique_id, &pair.session.s2c)
                .unwrap()
                .into_value()
                .cookies,
        );
        assert_eq!(pair.jar.len(), MAX_COOKIES);
    }
}

#[test]
fn no_cookie_is_sent_twice() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let (request, unique_id) = pair.request();
        let packet = Packet::decode(&request).unwrap();
        let cookie = packet
            .extensions
            .iter()
            .find(|field| field.kind == FieldType::COOKIE)
            .unwrap();
        assert!(seen.insert(cookie.value.to_vec()));
        assert!(seen.insert(unique_id.octets().to_vec()));
        let reply = pair.serve(&request).unwrap();
        pair.jar.extend(
            open_response(&reply, &unique_id, &pair.session.s2c)
                .unwrap()
                .into_value()
                .cookies,
        );
    }
}

#[test]
fn a_request_without_cookies_is_not_made() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    pair.jar.clear();
    let mut buffer = [0; MAX_PROTECTED_REQUEST];
    let refused = protect_request(
        &request_header(),
        &mut pair.jar,
        &pair.session.c2s,
        &mut pair.rng,
        &mut buffer,
    )
    .unwrap_err();
    assert_eq!(refused, RequestError::NoCookie);
}

#[test]
fn the_longest_cookie_fits_into_a_request() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    pair.jar.clear();
    pair.jar.put(Cookie::new(&[1; MAX_COOKIE_LENGTH]).unwrap());
    let (request, _) = pair.request();
    assert!(request.len() <= MAX_PROTECTED_REQUEST);
    pair.jar.put(Cookie::new(&[1]).unwrap());
    let (request, _) = pair.request();
    assert!(Packet::decode(&request).is_ok());
}

#[test]
fn any_altered_octet_of_a_request_is_refused() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (request, _) = pair.request();
    for place in 0..request.len() {
        let mut bad = request.clone();
        bad[place] ^= 1;
        let refused = Packet::decode(&bad).is_err() || open(&bad, &pair.keys).is_err();
        assert!(refused, "octet {place}");
    }
}

#[test]
fn any_altered_octet_of_a_reply_is_refused() {
    let mut pair = Pair::new(AeadAlgorithm::Aes128GcmSiv);
    let (request, unique_id) = pair.request();
    let reply = pair.serve(&request).unwrap();
    for place in 0..reply.len() {
        let mut bad = reply.clone();
        bad[place] ^= 1;
        assert!(
            open_response(&bad, &unique_id, &pair.session.s2c).is_err(),
            "octet {place}"
        );
    }
}

#[test]
fn a_replayed_reply_of_another_request_is_refused() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (first, _) = pair.request();
    let old = pair.serve(&first).unwrap();
    let (_, unique_id) = pair.request();
    let refused = open_response(&old, &unique_id, &pair.session.s2c);
    assert_eq!(refused, Err(ResponseRefusal::WrongUniqueId));
}

#[test]
fn a_request_sent_back_is_not_a_reply() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (request, unique_id) = pair.request();
    assert_eq!(
        open_response(&request, &unique_id, &pair.session.s2c),
        Err(ResponseRefusal::Forged)
    );
}

#[test]
fn a_reply_stripped_of_its_protection_is_refused() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (request, unique_id) = pair.request();
    let reply = pair.serve(&request).unwrap();
    let s2c = &pair.session.s2c;
    assert_eq!(
        open_response(&reply[..HEADER_LENGTH], &unique_id, s2c),
        Err(ResponseRefusal::WrongUniqueId)
    );
    assert_eq!(
        open_response(&reply[..HEADER_LENGTH + 36], &unique_id, s2c),
        Err(ResponseRefusal::Unprotected)
    );
}

#[test]
fn what_follows_the_authenticator_of_a_reply_is_ignored() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (request, unique_id) = pair.request();
    let mut reply = pair.serve(&request).unwrap();
    reply.extend_from_slice(&[2, 4, 0, 104]);
    reply.extend_from_slice(&[0xEE; 100]);
    let response = open_response(&reply, &unique_id, &pair.session.s2c)
        .unwrap()
        .into_value();
    assert_eq!(response.cookies.len(), 1);
    assert_ne!(response.cookies[0].octets(), [0xEE; 100]);
}

#[test]
fn cookies_that_are_not_encrypted_are_not_taken() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let unique_id = UniqueId::random(&mut pair.rng);
    std::mem::swap(&mut pair.session.c2s, &mut pair.session.s2c);
    let reply = pair.sealed(&[
        (FieldType::UNIQUE_IDENTIFIER, unique_id.octets().to_vec()),
        (FieldType::COOKIE, vec![1; 100]),
    ]);
    let response = open_response(&reply, &unique_id, &pair.session.c2s)
        .unwrap()
        .into_value();
    assert_eq!(response.cookies, []);
}

#[test]
fn ntsn_is_recognized_by_its_unique_identifier_and_proves_nothing() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (request, unique_id) = pair.request();
    let other = KeySet::new(DEFAULT_OLD_KEYS, 0, &mut pair.rng);
    let NtsRefusal::BadCookie(CookieError::NoSuchKey, echoed) = open(&request, &other).unwrap_err()
    else {
        panic!("the cookie was opened");
    };
    assert_eq!(echoed, unique_id);
    let mut buffer = [0; MAX_REQUEST_LENGTH];
    let length = write_nak(&nak_header(&request_header()), &echoed, &mut buffer).unwrap();
    assert_eq!(length, 84);
    assert!(length < request.len());
    let nak = &buffer[..length];
    assert_eq!(
        open_response(nak, &unique_id, &pair.session.s2c),
        Err(ResponseRefusal::Nak)
    );
    let another = UniqueId::random(&mut pair.rng);
    assert_eq!(
        open_response(nak, &another, &pair.session.s2c),
        Err(ResponseRefusal::WrongUniqueId)
    );
}

#[test]
fn a_plain_request_is_none_of_nts() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    assert_eq!(
        open(&request_header().encode(), &pair.keys).unwrap_err(),
        NtsRefusal::NotNts
    );
    let (request, _) = pair.request();
    assert_eq!(
        open(&request[..HEADER_LENGTH + 36], &pair.keys).unwrap_err(),
        NtsRefusal::NotNts
    );
}

/// What of class 8 is refused before any cryptography.
#[test]
fn malformed_requests_are_refused_before_any_cookie_is_opened() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (id, cookie) = (vec![5; 32], pair.cookie());
    let (unique, sent) = (
        (FieldType::UNIQUE_IDENTIFIER, id.clone()),
        (FieldType::COOKIE, cookie),
    );
    let placeholder = |length| (FieldType::COOKIE_PLACEHOLDER, vec![0; length]);
    let short = (FieldType::UNIQUE_IDENTIFIER, vec![5; 28]);
    let long = (FieldType::UNIQUE_IDENTIFIER, vec![5; 68]);
    let tiny: Vec<_> = [unique.clone(), sent.clone()]
        .into_iter()
        .chain((0..28).map(|_| placeholder(12)))
        .collect();
    let table: [(Vec<_>, FieldFault); 11] = [
        (vec![sent.clone()], FieldFault::NoUniqueId),
        (vec![unique.clone()], FieldFault::NoCookie),
        (vec![], FieldFault::NoUniqueId),
        (vec![short, sent.clone()], FieldFault::BadUniqueId),
        (vec![long, sent.clone()], FieldFault::BadUniqueId),
        (
            vec![unique.clone(), unique.clone(), sent.clone()],
            FieldFault::Duplicate,
        ),
        (
            vec![unique.clone(), sent.clone(), sent.clone()],
            FieldFault::Duplicate,
        ),
        (
            vec![unique.clone(), sent.clone(), placeholder(96)],
            FieldFault::BadPlaceholder,
        ),
        (
            vec![unique.clone(), sent.clone(), placeholder(108)],
            FieldFault::BadPlaceholder,
        ),
        (
            vec![
                unique.clone(),
                placeholder(100),
                placeholder(12),
                sent.clone(),
            ],
            FieldFault::BadPlaceholder,
        ),
        (tiny, FieldFault::BadPlaceholder),
    ];
    for (fields, fault) in table {
        let octets = pair.sealed(&fields);
        assert_eq!(
            open(&octets, &pair.keys).unwrap_err(),
            NtsRefusal::Malformed(fault),
            "{fields:?}"
        );
    }
}

#[test]
fn a_cookie_without_an_authenticator_is_refused() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (request, _) = pair.request();
    let cut = &request[..HEADER_LENGTH + 36 + 108];
    assert_eq!(
        open(cut, &pair.keys).unwrap_err(),
        NtsRefusal::Malformed(FieldFault::NoAuthenticator)
    );
}

#[test]
fn lengths_that_do_not_fit_the_authenticator_are_refused() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (request, _) = pair.request();
    let body = request.len() - 36;
    for (place, length) in [
        (0, 0xFFFFu16),
        (0, 17),
        (0, 36),
        (2, 0xFFFF),
        (2, 17),
        (2, 33),
    ] {
        let mut bad = request.clone();
        bad[body + place..body + place + 2].copy_from_slice(&length.to_be_bytes());
        let refusal = open(&bad, &pair.keys).unwrap_err();
        assert_eq!(
            refusal,
            NtsRefusal::Malformed(FieldFault::BadAuthenticator),
            "{place}: {length}"
        );
    }
    for (place, length) in [(0, 0u16), (0, 15), (2, 0), (2, 15)] {
        let mut bad = request.clone();
        bad[body + place..body + place + 2].copy_from_slice(&length.to_be_bytes());
        assert!(
            matches!(open(&bad, &pair.keys), Err(NtsRefusal::Forged(_))),
            "{place}: {length}"
        );
    }
}

#[test]
fn keys_of_another_session_are_refused() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    pair.session.c2s = AeadKey::random(AeadAlgorithm::SivCmac256, &mut pair.rng);
    let (request, unique_id) = pair.request();
    assert_eq!(
        open(&request, &pair.keys).unwrap_err(),
        NtsRefusal::Forged(unique_id)
    );
}

#[test]
fn a_code_of_another_kind_behind_the_authenticator_is_refused() {
    let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
    let (mut request, _) = pair.request();
    request.extend_from_slice(&[0; 20]);
    assert_eq!(
        open(&request, &pair.keys).unwrap_err(),
        NtsRefusal::Malformed(FieldFault::TrailingMac)
    );
}

#[test]
fn more_than_seven_placeholders_bring_eight_cookies() {
    let mut pair = Pair::new(AeadAlgorithm::Aes128GcmSiv);
    let cookie = pair.cookie();
    let mut fields = vec![
        (FieldType::UNIQUE_IDENTIFIER, vec![5; 32]),
        (FieldType::COOKIE, cookie),
    ];
    fields.extend((0..12).map(|_| (FieldType::COOKIE_PLACEHOLDER, vec![0; 68])));
    let request = pair.sealed(&fields);
    assert_eq!(
        open(&request, &pair.keys).unwrap().value().cookies,
        MAX_COOKIES
    );
}

proptest! {
    #[test]
    fn a_reply_is_never_longer_than_its_request(
        algorithm in 0usize..4, placeholders in 0usize..12, words in 8usize..17, nonce in 1usize..17,
    ) {
        let algorithm = AeadAlgorithm::ALL[algorithm];
        let mut pair = Pair::new(algorithm);
        let cookie = pair.cookie();
        let mut buffer = [0; 4000];
        let mut writer = Writer::new(&mut buffer);
        writer.header(&request_header()).unwrap();
        writer.extension(FieldType::UNIQUE_IDENTIFIER, &vec![5; 4 * words]).unwrap();
        writer.extension(FieldType::COOKIE, &cookie).unwrap();
        for _ in 0..placeholders {
            writer.extension(FieldType::COOKIE_PLACEHOLDER, &vec![0; cookie.len()]).unwrap();
        }
        let written = writer.written();
        // Clients may use shorter nonces than we do.
        let length = if algorithm == AeadAlgorithm::Aes128GcmSiv { 12 } else { nonce };
        let mut body = [0u8; 40];
        body[1] = length as u8;
        body[3] = TAG_LENGTH as u8;
        let start = 4 + length.next_multiple_of(4);
        pair.session.c2s.seal(&vec![0; length], &buffer[..written], &[], &mut body[start..]).unwrap();
        let mut writer = Writer::new(&mut buffer[written..]);
        writer.last_extension(FieldType::AUTHENTICATOR, &body[..start + TAG_LENGTH]).unwrap();
        let end = written + writer.written();
        let request = &buffer[..end].to_vec();
        if request.len() <= MAX_REQUEST_LENGTH {
            prop_assert!(pair.serve(request).unwrap().len() <= request.len());
        }
    }

    #[test]
    fn packets_of_any_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 48..400)) {
        let pair = Pair::new(AeadAlgorithm::SivCmac256);
        if let Ok(packet) = Packet::decode(&octets) {
            prop_assert!(open_request(&packet, &octets, &pair.keys).is_err());
        }
        let unique_id = UniqueId::new(&[0; 32]).unwrap();
        prop_assert!(open_response(&octets, &unique_id, &pair.session.s2c).is_err());
    }

    #[test]
    fn requests_with_many_altered_octets_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut pair = Pair::new(AeadAlgorithm::SivCmac256);
        let (mut request, unique_id) = pair.request();
        let good = request.clone();
        for (place, octet) in changes {
            let place = place.index(request.len());
            request[place] = octet;
        }
        if let Ok(packet) = Packet::decode(&request) {
            prop_assert!(request == good || open_request(&packet, &request, &pair.keys).is_err());
        }
        prop_assert!(open_response(&request, &unique_id, &pair.session.s2c).is_err());
    }

    #[test]
    fn decrypted_content_of_any_octets_never_panics(octets in proptest::collection::vec(0u8..32, 0..100)) {
        let fields: Vec<_> = fields::content(&octets).collect();
        prop_assert!(fields.len() <= octets.len() / 4 + 1);
    }
}
