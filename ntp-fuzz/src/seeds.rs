//! The files of the corpora that our own encoders make.

use crate::packets::reply_to;
use crate::session::{SESSION, exporter, key_pair, rng};
use ntp_observe::{
    Document, KeysetFacts, NtsFacts, NtsKeErrorFacts, NtsKeServerFacts, ServerFacts, SourceFacts,
    SystemFacts, SystemReason, write_document,
};
use ntp_proto::nts::{
    AeadAlgorithm, KeClient, KeServer, KeServerConfig, KeySet, MAX_PROTECTED_REPLY, open_request,
    write_nak,
};
use ntp_proto::packet::{FieldType, Header, Packet, Version, Writer};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use std::sync::Arc;

/// One file of a corpus.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seed {
    /// The target, which names the folder.
    pub target: &'static str,
    /// The name of the file.
    pub name: String,
    /// The content of the file.
    pub octets: Vec<u8>,
}

/// All seeds. They are the same each time.
///
/// # Panics
/// If an encoder refuses what it must be able to write.
#[must_use]
pub fn all() -> Vec<Seed> {
    let mut seeds = plain_packets();
    seeds.extend(protected_packets());
    seeds.extend(establishments());
    seeds.extend(AeadAlgorithm::ALL.map(|algorithm| {
        let cookie = SESSION.keys.seal_cookie(&key_pair(algorithm), &mut rng(7));
        seed("cookie", &format!("valid-{}", algorithm.id()), &cookie)
    }));
    seeds.extend(key_sets());
    seeds.extend(documents());
    seeds
}

fn seed(target: &'static str, name: &str, octets: &[u8]) -> Seed {
    Seed {
        target,
        name: name.to_owned(),
        octets: octets.to_vec(),
    }
}

fn request(version: Version) -> Header {
    Header::request(
        version,
        PollInterval::MIN,
        NtpTimestamp::from_bits(0x0123_4567_89ab_cdef),
    )
}

fn plain_packets() -> Vec<Seed> {
    let v3 = request(Version::V3).encode();
    let v4 = request(Version::V4).encode();
    let reply = reply_to(&request(Version::V4)).encode();
    let mac = [&v4[..], &[0, 0, 0, 1], &[0xaa; 16]].concat();
    let mut buffer = [0; 256];
    let mut writer = Writer::new(&mut buffer);
    writer
        .header(&request(Version::V4))
        .and_then(|()| writer.extension(FieldType::UNIQUE_IDENTIFIER, &[7; 32]))
        .and_then(|()| writer.last_extension(FieldType::from_bits(0x2005), b"unknown"))
        .expect("invariant: the buffer is long enough");
    let written = writer.written();
    vec![
        seed("packet", "valid-request-v3", &v3),
        seed("packet", "valid-request-v4", &v4),
        seed("packet", "valid-reply", &reply),
        seed("packet", "valid-mac", &mac),
        seed("packet", "valid-extensions", &buffer[..written]),
    ]
}

fn protected_packets() -> Vec<Seed> {
    let octets = &SESSION.request;
    let packet = Packet::decode(octets).expect("invariant: our request is a packet");
    let request = open_request(&packet, octets, &SESSION.keys).expect("invariant: it is ours");
    let header = reply_to(&packet.header);
    let mut reply = [0; MAX_PROTECTED_REPLY];
    let length = request
        .prepare(&SESSION.keys, &mut rng(8))
        .emit(&header, &mut reply)
        .expect("invariant: a reply is no longer than its request");
    let mut nak = [0; MAX_PROTECTED_REPLY];
    let nak_length = write_nak(&header, &SESSION.unique_id, &mut nak)
        .expect("invariant: the buffer is long enough");
    vec![
        seed("nts_fields", "valid-request", octets),
        seed("nts_fields", "valid-reply", &reply[..length]),
        seed("nts_fields", "hostile-nak", &nak[..nak_length]),
        seed("packet", "valid-nts-request", octets),
        seed("packet", "valid-nts-reply", &reply[..length]),
    ]
}

fn establishments() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for algorithm in AeadAlgorithm::ALL {
        let config = KeServerConfig {
            algorithms: vec![algorithm],
            server: Some("ntp.example".into()),
            port: Some(1123),
        };
        let request = KeClient::new(&[algorithm]).request();
        let response = KeServer::new(Arc::new(config))
            .handle_bytes(&request)
            .expect("invariant: our request is acceptable")
            .expect("invariant: our request is whole")
            .respond(exporter, &SESSION.keys, &mut rng(9))
            .unwrap_or_else(|never| match never {});
        let name = format!("valid-{}", algorithm.id());
        seeds.push(seed("ke_server", &name, &request));
        seeds.push(seed("ke_client", &name, &response));
    }
    seeds
}

fn key_sets() -> Vec<Seed> {
    let mut rng = rng(10);
    let mut keys = KeySet::new(3, 1_800_000_000, &mut rng);
    let fresh = keys.to_octets();
    for day in 1..5 {
        keys.rotate(1_800_000_000 + day * 86_400, &mut rng);
    }
    vec![
        seed("key_set", "valid-fresh", &fresh),
        seed("key_set", "valid-rotated", &keys.to_octets()),
    ]
}

fn documents() -> Vec<Seed> {
    let panic = SystemReason::PanicThreshold {
        offset_s: 4000.0,
        limit_s: 1000.0,
    };
    let source = SourceFacts {
        offset_s: Some(-1.5e-9),
        nts: Some(NtsFacts {
            last_ke_error: Some(NtsKeErrorFacts::default()),
            ..NtsFacts::default()
        }),
        ..SourceFacts::default()
    };
    let full = Document {
        system: SystemFacts {
            reasons: vec![panic],
            ..SystemFacts::default()
        },
        sources: vec![source],
        servers: vec![ServerFacts::default()],
        nts_ke_servers: vec![NtsKeServerFacts::default()],
        keyset: Some(KeysetFacts::default()),
        ..Document::default()
    };
    vec![
        seed(
            "document",
            "valid-empty.json",
            &write_document(&Document::default()),
        ),
        seed("document", "valid-full.json", &write_document(&full)),
    ]
}
