//! The last known addresses of names, kept over a restart for a start without DNS.

use crate::reload::NumberedSources;
use ntp_config::{SourceEntry, SourceKind};
use ntp_proto::client::entry::{AddressFault, SourceEntryId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The version of the file.
const SCHEMA: u32 = 1;
/// The limit of addresses that are kept for one name.
const MOST: usize = 16;

#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    names: BTreeMap<String, Vec<IpAddr>>,
}

/// The addresses, by name.
#[derive(Default)]
pub(crate) struct KnownAddresses {
    names: BTreeMap<String, Vec<IpAddr>>,
    changed: bool,
}

impl KnownAddresses {
    /// Reads the content of the file, without names that no source has any more. `Err` contains the
    /// reason for which it cannot be used.
    pub(crate) fn from_octets(octets: &[u8], sources: &NumberedSources) -> Result<Self, String> {
        let kept: Kept = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
        if kept.schema != SCHEMA {
            return Err(format!(
                "it has schema {}, and {SCHEMA} is known",
                kept.schema
            ));
        }
        let mut names = kept.names;
        names.retain(|name, _| sources.iter().any(|(_, source)| host(source) == Some(name)));
        Ok(Self {
            names,
            changed: false,
        })
    }

    /// The content of the file, if it has changed since the last call.
    pub(crate) fn take_octets(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let kept = Kept {
            schema: SCHEMA,
            names: self.names.clone(),
        };
        let mut octets = serde_json::to_vec(&kept)
            .expect("invariant: names and addresses can be written as JSON");
        octets.push(b'\n');
        Some(octets)
    }

    /// The addresses of each source, with its port.
    pub(crate) fn of_sources(
        &self,
        sources: &NumberedSources,
    ) -> Vec<(SourceEntryId, Vec<SocketAddr>)> {
        let of = |(id, source): (SourceEntryId, &SourceEntry)| {
            let port = source.kind.address().port;
            let addresses = self.names.get(host(source)?)?;
            Some((
                id,
                addresses
                    .iter()
                    .map(|ip| SocketAddr::new(*ip, port))
                    .collect(),
            ))
        };
        sources.iter().filter_map(of).collect()
    }

    /// Records the addresses that a look-up for a source has found, without those that no server
    /// can have.
    pub(crate) fn note(&mut self, source: &SourceEntry, found: &[SocketAddr]) {
        let Some(host) = host(source) else { return };
        let mut addresses: Vec<IpAddr> = found
            .iter()
            .map(SocketAddr::ip)
            .filter(|ip| AddressFault::of(*ip).is_none())
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MOST);
        if !addresses.is_empty() && self.names.get(host) != Some(&addresses) {
            self.names.insert(host.to_owned(), addresses);
            self.changed = true;
        }
    }
}

/// The name that is looked up for a source; with NTS, key establishment does that.
fn host(source: &SourceEntry) -> Option<&String> {
    let named = matches!(
        source.kind,
        SourceKind::Server { .. } | SourceKind::Pool { .. }
    );
    let host = &source.kind.address().host;
    (named && host.parse::<IpAddr>().is_err()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_config::{HostPort, Trust};
    use ntp_proto::association::AssociationConfig;

    fn source(host: &str) -> SourceEntry {
        let address = HostPort {
            host: host.into(),
            port: 1123,
        };
        SourceEntry {
            kind: SourceKind::Server { address },
            settings: AssociationConfig::default(),
        }
    }

    fn nts(host: &str) -> SourceEntry {
        let address = HostPort {
            host: host.into(),
            port: 4460,
        };
        SourceEntry {
            kind: SourceKind::Nts {
                address,
                trust: Trust::default(),
            },
            settings: AssociationConfig::default(),
        }
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn found_addresses_are_known_at_the_next_start_and_only_for_names_that_are_still_configured() {
        let sources = [
            source("a.example"),
            source("192.0.2.9"),
            source("b.example"),
            nts("a.example"),
        ];
        let mut known = KnownAddresses::default();
        known.note(
            &sources[0],
            &addresses(&[
                "192.0.2.2:1123",
                "192.0.2.1:1123",
                "192.0.2.1:1123",
                "0.0.0.0:1123",
            ]),
        );
        known.note(&sources[1], &addresses(&["192.0.2.9:1123"]));
        known.note(&sources[2], &addresses(&["[2001:db8::1]:1123"]));
        known.note(&sources[3], &addresses(&["192.0.2.7:1123"]));
        let octets = known.take_octets().unwrap();
        assert_eq!(known.take_octets(), None, "nothing new");

        let sources = [nts("a.example"), source("a.example")];
        let numbered = NumberedSources::new(sources.to_vec());
        let known = KnownAddresses::from_octets(&octets, &numbered).unwrap();
        let of = known.of_sources(&numbered);
        assert_eq!(
            of,
            [(
                SourceEntryId::new(1),
                addresses(&["192.0.2.1:1123", "192.0.2.2:1123"])
            )]
        );
    }

    #[test]
    fn a_broken_file_is_refused_with_a_reason() {
        for text in [
            "",
            "{",
            "{\"schema\":2,\"names\":{}}",
            "{\"schema\":1,\"names\":{\"a\":[\"1.2\"]}}",
        ] {
            assert!(
                KnownAddresses::from_octets(text.as_bytes(), &NumberedSources::default()).is_err(),
                "{text}"
            );
        }
    }
}
