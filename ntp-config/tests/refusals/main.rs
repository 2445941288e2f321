//! Refusals: the place that each message names, and the text to write instead.

mod message;
mod numbers;
mod servers;
mod sources;
mod values;

use ntp_config::parse_str;

/// A text that must be refused, and what must be in the message.
struct Case {
    text: &'static str,
    /// `line:column` of what is wrong.
    at: &'static str,
    /// The marked part of the line.
    marked: &'static str,
    message: &'static str,
    help: &'static str,
}

const SOURCE: &str = "[[source]]\nmode = \"server\"\naddress = \"a.example\"\n";

const SEVERAL_NTS: &str = "write one [[source]] with mode = \"nts\" for each of several servers";

fn refusal(text: &str) -> String {
    match parse_str("test.toml", text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}

impl Case {
    fn check(&self) {
        let shown = refusal(self.text);
        let (line, column) = self.at.split_once(':').unwrap();
        let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
        let gutter = " ".repeat(line.to_string().len());
        let source = self.text.lines().nth(line - 1).unwrap();
        let blanks = " ".repeat(column - 1);
        let carets = "^".repeat(self.marked.chars().count());
        assert!(
            source[blanks.len()..].starts_with(self.marked),
            "the case itself is wrong: {source}"
        );
        let block = format!(
            "{gutter}--> test.toml:{line}:{column}\n{gutter} |\n{line} | {source}\n{gutter} | {blanks}{carets}\n  = help: "
        );
        for part in [block.as_str(), self.message, self.help] {
            assert!(shown.contains(part), "missing:\n{part}\nin:\n{shown}");
        }
    }
}

fn check(cases: &[Case]) {
    cases.iter().for_each(Case::check);
}
