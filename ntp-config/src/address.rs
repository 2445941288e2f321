//! Parses hosts and addresses as users write them.

use crate::bad_text::BadText;
use crate::config::HostPort;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The most characters of a host name (RFC 1035 §2.3.4, without the root's dot).
const LONGEST_NAME: usize = 253;

/// The most characters of one part of a host name (RFC 1035 §2.3.4).
const LONGEST_LABEL: usize = 63;

/// A host with an optional port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HostText {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl HostText {
    pub(crate) fn or_port(self, default_port: u16) -> HostPort {
        HostPort {
            host: self.host,
            port: self.port.unwrap_or(default_port),
        }
    }
}

/// The refusal of an address at which no single server can answer; `None` for names and all other
/// addresses.
pub(crate) fn not_a_server(host: &str) -> Option<BadText> {
    let ip = host.parse::<IpAddr>().ok()?.to_canonical();
    let refusal = |what: &str, help| {
        let message = format!("`{host}` is {what}, not the address of one server");
        Some(BadText::new(message, help))
    };
    match ip {
        _ if ip.is_unspecified() => {
            refusal("the unspecified address", "write the address of the server")
        }
        _ if ip.is_multicast() => refusal("a multicast address", "write the address of one server"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => {
            refusal("the broadcast address", "write the address of one server")
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => refusal(
            "a link-local address without its interface",
            "write the interface behind it, as \"fe80::1%eth0\"",
        ),
        _ => None,
    }
}

const BRACKETS: &str = "write an IPv6 address with a port as \"[2001:db8::1]:123\"";

/// Reads `host`, `host:port`, `192.0.2.1:port`, `[2001:db8::1]:port`, `[2001:db8::1]` or
/// `2001:db8::1`.
pub(crate) fn host(text: &str) -> Result<HostText, BadText> {
    if text.contains("://") {
        return Err(BadText::new(
            format!("`{text}` is a URL"),
            "write only the host name, as \"ntp.example.org\"",
        ));
    }
    if is_v6(text) {
        return Ok(HostText {
            host: text.to_owned(),
            port: None,
        });
    }
    if let Some(inner) = text.strip_prefix('[') {
        return bracketed(inner).unwrap_or_else(|| {
            Err(BadText::new(
                format!("`{text}` is not an IPv6 address in brackets"),
                BRACKETS,
            ))
        });
    }
    let (host, port) = match text.split_once(':') {
        None => (text, None),
        Some((_, rest)) if rest.contains(':') => {
            return Err(BadText::new(
                format!("`{text}` is not an IPv6 address"),
                BRACKETS,
            ));
        }
        Some((host, digits)) => (host, Some(port(digits)?)),
    };
    check_name(host)?;
    Ok(HostText {
        host: host.to_owned(),
        port,
    })
}

/// Parses the text behind an opening bracket: an IPv6 address, a closing bracket and an optional
/// port; `None` if it is something else.
fn bracketed(inner: &str) -> Option<Result<HostText, BadText>> {
    let (host, rest) = inner.split_once(']').filter(|(host, _)| is_v6(host))?;
    let host = host.to_owned();
    if rest.is_empty() {
        return Some(Ok(HostText { host, port: None }));
    }
    let port = port(rest.strip_prefix(':')?);
    Some(port.map(|port| HostText {
        host,
        port: Some(port),
    }))
}

/// True for an IPv6 address with or without a zone such as `%eth0` (RFC 4007 §11).
fn is_v6(text: &str) -> bool {
    let (address, zone) = text
        .split_once('%')
        .map_or((text, None), |(address, zone)| (address, Some(zone)));
    let zone_is_plain =
        |zone: &str| !zone.is_empty() && zone.bytes().all(|octet| octet.is_ascii_graphic());
    address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(zone_is_plain)
}

fn port(digits: &str) -> Result<u16, BadText> {
    let digits_only = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| digits_only && *port != 0);
    port.ok_or_else(|| {
        BadText::new(
            format!("`{digits}` is not a port"),
            "write a port from 1 to 65535, or leave it out",
        )
    })
}

fn check_name(name: &str) -> Result<(), BadText> {
    const HELP: &str = "write a host name such as \"ntp.example.org\" or an IP address";
    if name.is_empty() {
        return Err(BadText::new("the host name is empty", HELP));
    }
    if !name.is_ascii() {
        return Err(BadText::new(
            format!("`{name}` has characters beyond ASCII"),
            "write the name in its \"xn--\" form",
        ));
    }
    let bare = name.strip_suffix('.').unwrap_or(name);
    let good = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    let good_label =
        |label: &str| !label.is_empty() && label.len() <= LONGEST_LABEL && label.bytes().all(good);
    if bare.len() > LONGEST_NAME || !bare.split('.').all(good_label) {
        return Err(BadText::new(format!("`{name}` is not a host name"), HELP));
    }
    // Resolvers take a name whose last part is a number for an IPv4 address, here a wrong one.
    let numeric_end = bare
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|octet| octet.is_ascii_digit()));
    if numeric_end && name.parse::<Ipv4Addr>().is_err() {
        return Err(BadText::new(
            format!("`{name}` is not an IPv4 address"),
            "write four numbers from 0 to 255, as \"192.0.2.1\"",
        ));
    }
    Ok(())
}

/// Parses the address of a socket; without a port it gets `default_port`.
pub(crate) fn socket(text: &str, default_port: Option<u16>) -> Option<SocketAddr> {
    let with_default = || {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, default_port?))
    };
    text.parse().ok().or_else(with_default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NTP_PORT;

    fn parts(text: &str) -> (String, Option<u16>) {
        let host = host(text).unwrap();
        (host.host, host.port)
    }

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        for (text, host, port) in [
            ("ntp.example.org", "ntp.example.org", None),
            ("ntp.example.org.:1230", "ntp.example.org.", Some(1230)),
            ("192.0.2.1:124", "192.0.2.1", Some(124)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:123", "2001:db8::1", Some(123)),
            ("fe80::1%eth0", "fe80::1%eth0", None),
            ("localhost", "localhost", None),
            ("my_server", "my_server", None),
        ] {
            assert_eq!(parts(text), (host.to_owned(), port), "{text}");
        }
    }

    #[test]
    fn text_that_no_resolver_accepts_is_refused() {
        let long = "a".repeat(64);
        for text in [
            "",
            " ",
            "a b",
            "ntp://host",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host:1:2",
            "[::1",
            "[::1]x",
            "[host]:1",
            "..",
            "a..b",
            "192.0.2.256",
            "192.0.2",
            "münchen.example",
            "fe80::1%",
            "a/24",
            &long,
        ] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_listening_address_gets_the_port_of_ntp() {
        let read = |text| socket(text, Some(NTP_PORT)).map(|address| address.to_string());
        assert_eq!(read("0.0.0.0").as_deref(), Some("0.0.0.0:123"));
        assert_eq!(read("::").as_deref(), Some("[::]:123"));
        assert_eq!(read("[::]").as_deref(), Some("[::]:123"));
        assert_eq!(read("127.0.0.1:0").as_deref(), Some("127.0.0.1:0"));
        assert_eq!(read("localhost:123"), None);
        assert_eq!(socket("127.0.0.1", None), None);
    }
}
