//! What a misspelled word was probably meant to be.

/// The known word that is nearest to `word`, if it is near enough to be a slip of the keyboard.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = normalized(word);
    let slips = 1 + plain.chars().count() / 4;
    let distances = known
        .iter()
        .map(|candidate| (edit_distance(&plain, &normalized(candidate)), *candidate));
    distances
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Upper case and underscores are frequent slips; they cost nothing.
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

/// The number of characters to insert, remove or replace (Levenshtein).
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, have) in from.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((want, above), left_above) in to.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(usize::MAX - 1);
            next.push(
                (above + 1)
                    .min(left + 1)
                    .min(left_above + usize::from(have != *want)),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
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
    fn a_slip_of_the_keyboard_is_recognised_and_another_word_is_not() {
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
