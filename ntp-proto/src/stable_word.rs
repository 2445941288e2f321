//! The words by which documents, metrics and logs know the values of an enum.

/// A value with a word of its own for JSON, metrics and logs: lower case, with hyphens.
///
/// A word never changes once it is released, even if the variant is renamed; so words are written
/// out instead of derived from names.
pub trait StableWord {
    /// The word of this value. Fields of a variant do not show in it.
    fn word(&self) -> &'static str;
}

/// The table of an enum's stable words, and all lists that follow from it: `WORDS`, and for an enum
/// without fields, whose variants are named alone and in the order of their declaration, `ALL`.
macro_rules! stable_words {
    ($name:ident { $($variant:ident => $word:literal,)+ }) => {
        impl $name {
            /// All values in the order of their declaration.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];
        }

        // A value counts at the place that its number names.
        const _: () = {
            let (mut rest, mut place): (&[$name], usize) = (&$name::ALL, 0);
            while let [value, others @ ..] = rest {
                assert!(*value as usize == place, "not the order of the declaration");
                (rest, place) = (others, place + 1);
            }
        };

        $crate::stable_word::stable_words!($name { $(Self::$variant => $word,)+ });
    };
    ($name:ident { $($variant:pat => $word:literal,)+ } $(and $inner:path => $others:ident)?) => {
        impl $name {
            /// The words of all values
            $(#[doc = concat!("apart from those of [`", stringify!($others), "`]")])?
            /// in the order of their table.
            pub const WORDS: [&'static str; [$($word),+].len()] = [$($word),+];
        }

        impl $crate::StableWord for $name {
            fn word(&self) -> &'static str {
                match self {
                    $($variant => $word,)+
                    $($inner(other) => $crate::StableWord::word(other),)?
                }
            }
        }
    };
}
pub(crate) use stable_words;

/// Panics unless all of `words` have the right form, and no two of them are the same.
#[cfg(test)]
pub(crate) fn assert_distinct(words: &[&str]) {
    let different: std::collections::BTreeSet<_> = words.iter().collect();
    assert_eq!(different.len(), words.len(), "{words:?}");
    for word in words {
        let well_formed = |octet: u8| octet.is_ascii_lowercase() || octet == b'-';
        assert!(word.bytes().all(well_formed), "{word}");
    }
}
