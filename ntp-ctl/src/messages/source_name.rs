//! Names of sources: as configured, with the address where that adds information.

use ntp_observe::{Document, SourceFacts};

/// The label of a source: its name, with the address where that adds information.
pub(crate) fn label(source: &SourceFacts) -> String {
    let name = bare_name(source);
    match host(source) {
        Some(address) if address != name => format!("{name} ({address})"),
        _ => name.to_owned(),
    }
}

/// The name in the configuration, without the port of NTP.
pub(crate) fn bare_name(source: &SourceFacts) -> &str {
    without_usual_port(&source.name)
}

/// The address without the port of NTP and without brackets; another port is kept.
pub(crate) fn host(source: &SourceFacts) -> Option<&str> {
    source.address.as_deref().map(without_usual_port)
}

fn without_usual_port(address: &str) -> &str {
    match address.strip_suffix(":123") {
        // An IPv6 address may end like that by itself.
        Some(host) if host.contains(':') && !host.ends_with(']') => address,
        Some(host) => host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host),
        None => address,
    }
}

/// The label of the source with this number.
pub(crate) fn label_of(id: u64, document: &Document) -> String {
    let source = document.sources.iter().find(|source| source.id == id);
    source.map_or_else(|| "the only source".to_owned(), label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, address: &str) -> SourceFacts {
        SourceFacts {
            name: name.into(),
            address: Some(address.into()),
            ..SourceFacts::default()
        }
    }

    #[test]
    fn the_address_stands_beside_the_name_only_where_it_says_more() {
        assert_eq!(
            label(&source("ntp.example.org", "192.0.2.1:123")),
            "ntp.example.org (192.0.2.1)"
        );
        assert_eq!(
            label(&source("ntp.example.org", "[2001:db8::1]:123")),
            "ntp.example.org (2001:db8::1)"
        );
        assert_eq!(label(&source("192.0.2.1", "192.0.2.1:123")), "192.0.2.1");
        assert_eq!(
            label(&source("ntp.example.org:123", "192.0.2.1:123")),
            "ntp.example.org (192.0.2.1)"
        );
        assert_eq!(
            label(&source("[2001:db8::1]:123", "[2001:db8::1]:123")),
            "2001:db8::1"
        );
        assert_eq!(
            label(&source("2001:db8::1:123", "[2001:db8::1:123]:123")),
            "2001:db8::1:123"
        );
        assert_eq!(
            label(&source("192.0.2.1:1123", "192.0.2.1:1123")),
            "192.0.2.1:1123"
        );
        assert_eq!(
            label(&SourceFacts {
                name: "ntp.example.org".into(),
                ..SourceFacts::default()
            }),
            "ntp.example.org"
        );
    }
}
