//! Records of NTS key establishment (RFC 8915 §4).

use crate::session::{SESSION, exporter, rng};
use ntp_proto::nts::{
    AeadAlgorithm, KeClient, KeReply, KeServer, KeServerConfig, MAX_COOKIES, MAX_KE_REPLY,
    MAX_KE_REQUEST, Record,
};
use std::sync::{Arc, LazyLock};

static CONFIG: LazyLock<Arc<KeServerConfig>> = LazyLock::new(|| {
    Arc::new(KeServerConfig {
        algorithms: AeadAlgorithm::ALL.to_vec(),
        server: Some("ntp.example".into()),
        port: Some(1123),
    })
});

/// The octets of a server, as the client reads them. The size of the pieces in which they arrive
/// makes no difference.
#[must_use]
pub fn ke_client(data: &[u8]) -> bool {
    records_are_written_as_they_were_read(data);
    let mut client = KeClient::new(&AeadAlgorithm::ALL);
    let whole = client.handle_bytes(data);
    assert!(client.handle_end().to_string().is_ascii());

    let mut client = KeClient::new(&AeadAlgorithm::ALL);
    let pieces = in_pieces(data, |piece| client.handle_bytes(piece));
    assert_eq!(summary(&pieces), summary(&whole));

    match whole {
        Ok(Some(reply)) => {
            assert!((1..=MAX_COOKIES).contains(&reply.cookies.len()));
            assert_ne!(reply.port, Some(0));
            reply.keys(exporter).unwrap_or_else(|never| match never {});
            true
        }
        Ok(None) => {
            assert!(data.len() <= MAX_KE_REPLY);
            false
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// The octets of a client, as the server reads them. Our client understands every response.
#[must_use]
pub fn ke_server(data: &[u8]) -> bool {
    records_are_written_as_they_were_read(data);
    let whole = KeServer::new(Arc::clone(&CONFIG)).handle_bytes(data);
    let mut server = KeServer::new(Arc::clone(&CONFIG));
    let pieces = in_pieces(data, |piece| server.handle_bytes(piece));
    let chosen = |request: &Option<_>| request.as_ref().map(ntp_proto::nts::KeRequest::algorithm);
    assert_eq!(pieces.as_ref().map(chosen), whole.as_ref().map(chosen));

    let mut client = KeClient::new(&AeadAlgorithm::ALL);
    match whole {
        Ok(Some(request)) => {
            let response = request
                .respond(exporter, &SESSION.keys, &mut rng(3))
                .unwrap_or_else(|never| match never {});
            let reply = client.handle_bytes(&response);
            let reply = reply.expect("no error").expect("a whole response");
            assert_eq!(reply.aead, request.algorithm());
            assert_eq!(reply.cookies.len(), MAX_COOKIES);
            true
        }
        Ok(None) => {
            assert!(data.len() <= MAX_KE_REQUEST);
            false
        }
        Err(refusal) => {
            assert!(!refusal.error.to_string().is_empty());
            assert!(client.handle_bytes(&refusal.response).is_err());
            false
        }
    }
}

/// Hands over pieces of lengths 1, 2, 3 and so on, until there is a verdict.
fn in_pieces<T, E>(
    data: &[u8],
    mut handle: impl FnMut(&[u8]) -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let (mut rest, mut length) = (data, 1);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        if let Some(message) = handle(piece)? {
            return Ok(Some(message));
        }
        (rest, length) = (after, length + 1);
    }
    Ok(None)
}

/// A reply in a form that can be compared.
fn summary<E: std::fmt::Debug>(reply: &Result<Option<KeReply>, E>) -> String {
    format!("{reply:?}")
}

fn records_are_written_as_they_were_read(data: &[u8]) {
    let mut rest = data;
    while let Some((record, after)) = Record::split_first(rest) {
        let bits = record.kind.to_bits() | u16::from(record.critical) << 15;
        let length = u16::try_from(record.body.len()).expect("a length has 16 bits");
        let header = [bits.to_be_bytes(), length.to_be_bytes()].concat();
        assert_eq!([&header, record.body, after].concat(), rest);
        if let Some(number) = record.number() {
            assert_eq!(
                record.numbers().and_then(|mut all| all.next()),
                Some(number)
            );
        }
        rest = after;
    }
}
