//! Suggestions for misspelled words, and lists of the possible ones.

/// The known word nearest to `word`, if it is near enough to be a typing error.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = normalized(word);
    let most = 1 + plain.chars().count() / 4;
    let distances = known.iter().map(|candidate| {
        (
            strsim::levenshtein(&plain, &normalized(candidate)),
            *candidate,
        )
    });
    distances
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The word in lower case with hyphens, because upper case and underscores are frequent errors.
fn normalized(word: &str) -> String {
    word.chars()
        .take(64)
        .map(|c| {
            if c == '_' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// A list of words for a message: "`a`, `b` and `c`".
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_recognized_and_another_word_is_not() {
        let known = ["address", "count", "poll-interval-limits"];
        assert_eq!(nearest("addres", &known), Some("address"));
        assert_eq!(
            nearest("Poll_Interval_Limits", &known),
            Some("poll-interval-limits")
        );
        assert_eq!(nearest("cuont", &known), Some("count"));
        assert_eq!(nearest("listen", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
