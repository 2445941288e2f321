//! Text of a peer's, made harmless: no control characters, no escape sequences, no reversed
//! writing, and not too long.

/// The text with everything escaped that is not plainly visible, and cut after about `most`
/// characters.
#[must_use]
pub fn sanitize(text: &str, most: usize) -> String {
    let mut plain = String::new();
    for (written, character) in text.chars().enumerate() {
        if written == most {
            plain.push('…');
            break;
        }
        match character {
            '"' | '\'' => plain.push(character),
            other => plain.extend(other.escape_debug()),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        assert_eq!(
            sanitize("Zürich's \"time\" <a.example>", 100),
            "Zürich's \"time\" <a.example>"
        );
    }

    #[test]
    fn what_could_fool_a_reader_is_escaped() {
        assert_eq!(
            sanitize("a\x1b[31m\n\u{202e}b\\", 100),
            "a\\u{1b}[31m\\n\\u{202e}b\\\\"
        );
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(sanitize("abcdef", 3), "abc…");
        assert_eq!(sanitize("abc", 3), "abc");
    }
}
