//! The words by which documents, metrics and logs know the values of an enum.

/// A value with a word of its own for JSON, metrics and logs: lower case, with hyphens.
///
/// A word never changes once it is released, even if the variant is renamed; so words are written
/// out instead of derived from names.
pub trait StableWord {
    /// The word of this value. Fields of a variant do not show in it.
    fn word(&self) -> &'static str;
}

/// Panics unless all of `values` have words of the right form, and no two of them the same.
#[cfg(test)]
pub(crate) fn assert_distinct<T: StableWord>(values: &[T]) {
    let words: std::collections::BTreeSet<_> = values.iter().map(StableWord::word).collect();
    assert_eq!(words.len(), values.len(), "{words:?}");
    for word in words {
        let well_formed = |octet: u8| octet.is_ascii_lowercase() || octet == b'-';
        assert!(word.bytes().all(well_formed), "{word}");
    }
}
