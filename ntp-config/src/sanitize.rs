//! Text from outside, such as files and peers, made safe to print.

/// The text with every character escaped that is not [printable](is_printable), and cut after
/// `most` characters.
#[must_use]
pub fn sanitize(text: &str, most: usize) -> String {
    let mut safe = String::new();
    for (place, character) in text.chars().enumerate() {
        if place == most {
            safe.push('…');
            break;
        }
        if is_printable(character) {
            safe.push(character);
        } else {
            safe.extend(character.escape_debug());
        }
    }
    safe
}

/// True if the character is visible by itself and leaves its surroundings alone. Not printable are
/// control characters, line breaks, changes of the writing direction, combining marks, and blanks
/// other than U+0020.
#[must_use]
pub fn is_printable(character: char) -> bool {
    matches!(character, '"' | '\'' | '\\') || character.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let text = "Zürich's \"time\" <a.example> C:\\ntp";
        assert_eq!(sanitize(text, 100), text);
    }

    #[test]
    fn what_could_fool_a_reader_is_escaped() {
        assert_eq!(
            sanitize("a\x1b[31m\n\u{202e}b\u{200b}", 100),
            "a\\u{1b}[31m\\n\\u{202e}b\\u{200b}"
        );
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(sanitize("abcdef", 3), "abc…");
        assert_eq!(sanitize("abc", 3), "abc");
    }
}
