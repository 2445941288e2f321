//! Stable words: the names of enum values in documents, metrics and logs. They are part of the
//! interface: a word does not change when a variant is renamed.

/// The table of an enum's stable words, in both directions, as a list and as JSON. A word that is
/// not in the table is kept in the variant `Other`.
macro_rules! stable_words {
    ($name:ident { $($variant:ident => $word:literal,)+ }) => {
        impl $name {
            /// The words of all values that this version knows.
            pub const WORDS: [&'static str; [$($word),+].len()] = [$($word),+];

            /// The stable word of this value, which names it in documents, metrics and logs.
            #[must_use]
            pub fn word(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                Ok(Self::from(word.as_str()))
            }
        }
    };
}
pub(crate) use stable_words;

#[cfg(test)]
mod tests {
    use crate::SourceState;

    #[test]
    fn a_word_comes_back_from_json_and_an_unknown_one_is_kept() {
        for (state, json) in [
            (SourceState::Falseticker, r#""falseticker""#),
            (SourceState::Other("sleeping".into()), r#""sleeping""#),
        ] {
            assert_eq!(serde_json::to_string(&state).unwrap(), json);
            assert_eq!(serde_json::from_str::<SourceState>(json).unwrap(), state);
            assert_eq!(format!("\"{}\"", state.word()), json);
        }
    }
}
