//! Observation: the document with the state of the daemon, and the socket that hands it out.

mod clock;
mod dates;
mod document;
mod nts;
mod socket;
mod sources;
mod system;

pub(crate) use document::document;
pub(crate) use socket::{BoundSocket, DocumentRequest, Listener, start};

#[cfg(test)]
mod tests {
    use ntp_observe::{DiscardReason, NtsKeReason, NtsKeStage};
    use ntp_proto::association::Discard;
    use ntp_proto::nts::{KeError, KeReason, KeStage};

    /// Panics unless both lists have the same words. The document has lists of its own, because its
    /// readers do not depend on the core and must understand daemons of other versions; this keeps
    /// the lists of one version the same.
    fn assert_same_words(core: &[&str], document: &[&str]) {
        let sorted = |words: &[&str]| {
            let mut words: Vec<_> = words.iter().map(ToString::to_string).collect();
            words.sort_unstable();
            words
        };
        assert_eq!(sorted(core), sorted(document));
    }

    #[test]
    fn the_document_knows_exactly_the_words_of_the_core() {
        assert_same_words(&KeStage::WORDS, &NtsKeStage::WORDS);
        let reasons = [&KeReason::WORDS[..], &KeError::WORDS].concat();
        assert_same_words(&reasons, &NtsKeReason::WORDS);
        assert_same_words(&Discard::WORDS, &DiscardReason::WORDS);
    }
}
