//! The configured entries, in the order of the configuration, found by their identifiers.

use super::entry::{SourceEntry, SourceEntryId};

/// The configured entries.
#[derive(Debug)]
pub(super) struct Entries(Vec<SourceEntry>);

impl Entries {
    pub(super) fn get(&self, id: SourceEntryId) -> Option<&SourceEntry> {
        self.0.iter().find(|entry| entry.id() == id)
    }

    pub(super) fn get_mut(&mut self, id: SourceEntryId) -> Option<&mut SourceEntry> {
        self.0.iter_mut().find(|entry| entry.id() == id)
    }

    /// Takes an entry out.
    pub(super) fn take(&mut self, id: SourceEntryId) -> Option<SourceEntry> {
        let place = self.0.iter().position(|entry| entry.id() == id)?;
        Some(self.0.remove(place))
    }

    /// The identifiers, for loops that change the client.
    pub(super) fn ids(&self) -> Vec<SourceEntryId> {
        self.0.iter().map(SourceEntry::id).collect()
    }

    pub(super) fn as_slice(&self) -> &[SourceEntry] {
        &self.0
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, SourceEntry> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, SourceEntry> {
        self.0.iter_mut()
    }
}

impl FromIterator<SourceEntry> for Entries {
    fn from_iter<T: IntoIterator<Item = SourceEntry>>(entries: T) -> Self {
        Self(entries.into_iter().collect())
    }
}
