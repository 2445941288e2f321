//! Directives in lines of words.

/// The words of a line and its number, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Directive<'a> {
    pub(crate) number: usize,
    pub(crate) text: &'a str,
    pub(crate) words: Vec<&'a str>,
}

impl Directive<'_> {
    /// The first word in lower case.
    pub(crate) fn keyword(&self) -> String {
        self.words
            .first()
            .map_or_else(String::new, |word| word.to_ascii_lowercase())
    }

    /// The words behind the first one.
    pub(crate) fn arguments(&self) -> &[&str] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// The directives of chrony, whose comments are whole lines.
pub(crate) fn chrony(text: &str) -> impl Iterator<Item = Directive<'_>> {
    directives(text, |line| {
        let comment = line.trim_start().starts_with(['!', ';', '#', '%']);
        if comment { "" } else { line }
    })
}

/// The directives of ntpd and OpenNTPD, whose comments go from `#` to the end of a line.
pub(crate) fn hash_comments(text: &str) -> impl Iterator<Item = Directive<'_>> {
    directives(text, |line| {
        line.split_once('#').map_or(line, |(before, _)| before)
    })
}

fn directives<'a>(
    text: &'a str,
    without_comment: impl Fn(&'a str) -> &'a str,
) -> impl Iterator<Item = Directive<'a>> {
    text.lines().enumerate().filter_map(move |(index, line)| {
        let words: Vec<&str> = without_comment(line)
            .split_whitespace()
            .map(unquoted)
            .collect();
        (!words.is_empty()).then_some(Directive {
            number: index + 1,
            text: line,
            words,
        })
    })
}

/// A word without the double quotes around it.
fn unquoted(word: &str) -> &str {
    word.strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'))
        .unwrap_or(word)
}
