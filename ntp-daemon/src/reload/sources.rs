//! The configured sources with their identifiers, which stay when the configuration changes.

use super::pairing::pair;
use ntp_config::SourceEntry;
use ntp_proto::client::entry::SourceEntryId;

/// The configured sources in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberedSources {
    entries: Vec<(SourceEntryId, SourceEntry)>,
    /// The first number that was never used.
    next: usize,
}

impl NumberedSources {
    /// The sources of a start, numbered by their places.
    pub(crate) fn new(sources: Vec<SourceEntry>) -> Self {
        Self::default().continued_with(sources)
    }

    /// Other sources: those that equal one of these keep its identifier, the others get new ones.
    pub(crate) fn continued_with(&self, sources: Vec<SourceEntry>) -> Self {
        let pairs = pair(&self.entries, &sources, |(_, old), new| old == new);
        let mut next = self.next;
        let number = |kept: Option<usize>| {
            let kept = kept.and_then(|place| self.entries.get(place));
            kept.map_or_else(
                || {
                    next += 1;
                    SourceEntryId::new(next - 1)
                },
                |(id, _)| *id,
            )
        };
        let ids: Vec<SourceEntryId> = pairs.into_iter().map(number).collect();
        Self {
            entries: ids.into_iter().zip(sources).collect(),
            next,
        }
    }

    /// A source; `None` if it has gone.
    pub(crate) fn get(&self, id: SourceEntryId) -> Option<&SourceEntry> {
        let found = self.entries.iter().find(|(other, _)| *other == id);
        found.map(|(_, source)| source)
    }

    /// All sources with their identifiers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SourceEntryId, &SourceEntry)> {
        self.entries.iter().map(|(id, source)| (*id, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_config::{HostPort, SourceKind};
    use ntp_proto::association::AssociationConfig;

    fn source(host: &str) -> SourceEntry {
        SourceEntry {
            kind: SourceKind::Server {
                address: HostPort {
                    host: host.to_owned(),
                    port: 123,
                },
            },
            settings: AssociationConfig::default(),
        }
    }

    fn numbers(sources: &NumberedSources) -> Vec<usize> {
        sources.iter().map(|(id, _)| id.number()).collect()
    }

    #[test]
    fn what_stays_keeps_its_number_and_no_number_is_used_twice() {
        let first = NumberedSources::new(vec![source("a"), source("b"), source("b")]);
        assert_eq!(numbers(&first), [0, 1, 2]);
        let second = first.continued_with(vec![source("b"), source("c")]);
        assert_eq!(numbers(&second), [1, 3]);
        assert_eq!(second.get(SourceEntryId::new(3)), Some(&source("c")));
        assert_eq!(second.get(SourceEntryId::new(0)), None);
        let third = second.continued_with(vec![source("a"), source("c")]);
        assert_eq!(numbers(&third), [4, 3]);
    }
}
