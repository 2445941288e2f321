//! Packets: headers, extension fields, MACs, and the fields of NTS.

use crate::session::{SESSION, rng};
use ntp_proto::nts::{
    MAX_COOKIES, MAX_PROTECTED_REPLY, NtsRefusal, nak_length, open_request, open_response,
    write_nak,
};
use ntp_proto::packet::{Header, Mode, Packet, Writer};

/// A datagram as a packet: what is decoded can be written again, octet for octet.
#[must_use]
pub fn packet(data: &[u8]) -> bool {
    let packet = match Packet::decode(data) {
        Ok(packet) => packet,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let fields = packet.extensions.iter();
    assert_eq!(fields.count(), packet.extensions.len());

    let mut octets = vec![0; data.len()];
    let mut writer = Writer::new(&mut octets);
    let room = "what was decoded has the same length when it is written";
    writer.header(&packet.header).expect(room);
    for field in packet.extensions.iter() {
        writer.extension(field.kind, field.value).expect(room);
    }
    if let Some(mac) = packet.mac {
        writer.bytes(&mac.key_id.to_be_bytes()).expect(room);
        writer.bytes(mac.digest).expect(room);
    }
    assert_eq!(writer.written(), data.len());
    assert_eq!(Packet::decode(&octets), Ok(packet));
    assert_eq!(octets, data);
    true
}

/// A datagram as a protected request and as a protected reply (RFC 8915 §5.7). True if either of
/// them opens.
#[must_use]
pub fn nts_fields(data: &[u8]) -> bool {
    let response = open_response(data, &SESSION.unique_id, &SESSION.pair.s2c);
    if let Ok(response) = &response {
        assert!(response.value().cookies.len() <= MAX_COOKIES);
        assert!(data.len() <= MAX_PROTECTED_REPLY);
    }
    let Ok(packet) = Packet::decode(data) else {
        return false;
    };
    let mut buffer = [0; MAX_PROTECTED_REPLY];
    match open_request(&packet, data, &SESSION.keys) {
        Ok(request) => {
            let prepared = request.prepare(&SESSION.keys, &mut rng(2));
            let header = reply_to(&request.value().header);
            let length = prepared
                .emit(&header, &mut buffer)
                .expect("a reply is no longer than its request");
            assert!(length <= data.len(), "no amplification");
            let keys = &request.value().keys;
            open_response(&buffer[..length], &request.value().unique_id, &keys.s2c)
                .expect("the client opens our reply");
            return true;
        }
        Err(NtsRefusal::BadCookie(_, unique_id) | NtsRefusal::Forged(unique_id)) => {
            let length = write_nak(&reply_to(&packet.header), &unique_id, &mut buffer)
                .expect("a NAK is no longer than its request");
            assert_eq!(length, nak_length(&unique_id));
            assert!(length <= data.len(), "no amplification");
        }
        Err(NtsRefusal::NotNts | NtsRefusal::Malformed(_)) => {}
    }
    response.is_ok()
}

/// The header of a reply to a request.
pub(crate) fn reply_to(request: &Header) -> Header {
    Header {
        mode: Mode::Server,
        origin: request.transmit,
        ..*request
    }
}
