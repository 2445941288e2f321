//! The account of the input: each directive, and what became of it.

use ntp_config::sanitize;
use std::path::{Path, PathBuf};

/// The most characters of an input line that are shown.
const LONGEST_TEXT: usize = 120;

/// The most characters of a note, which may quote the input.
const LONGEST_NOTE: usize = 400;

/// The most notes of one line.
const MOST_NOTES: usize = 20;

/// The result of one directive, from the best to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// The result does the same, by a setting or by default.
    Kept,
    /// The result does nearly the same; the notes name the difference.
    Approximated,
    /// The result lacks it; the notes name the reason.
    Dropped,
}

impl Verdict {
    /// The word for it in JSON and in comments.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Approximated => "approximated",
            Self::Dropped => "dropped",
        }
    }
}

/// One directive of the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line in the file, from 1.
    pub number: usize,
    /// The directive, cut and safe to print.
    pub text: String,
    /// The result.
    pub verdict: Verdict,
    /// The differences and reasons, each safe to print; empty for a plain [`Verdict::Kept`].
    pub notes: Vec<String>,
}

/// The place of a line in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct LineId(usize);

/// All directives, in the order in which they were read.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    lines: Vec<Line>,
    /// The files, in the order of their first lines.
    files: Vec<PathBuf>,
}

impl Ledger {
    /// Enters a directive, which is kept unless something else is reported about it.
    pub(crate) fn enter(&mut self, file: &Path, number: usize, text: &str) -> LineId {
        if self.files.last().is_none_or(|last| last != file)
            && !self.files.iter().any(|known| known == file)
        {
            self.files.push(file.to_owned());
        }
        self.lines.push(Line {
            file: file.to_owned(),
            number,
            text: sanitize(text.trim(), LONGEST_TEXT),
            verdict: Verdict::Kept,
            notes: Vec::new(),
        });
        LineId(self.lines.len() - 1)
    }

    /// Notes a difference of the result.
    pub(crate) fn approximate(&mut self, id: LineId, note: impl AsRef<str>) {
        self.note(id, Verdict::Approximated, note.as_ref());
    }

    /// Notes that an option of the line is not known, and is left out.
    pub(crate) fn unknown_option(&mut self, id: LineId, option: &str) {
        self.approximate(id, format!("`{option}` is not an option that is known"));
    }

    /// Notes that an option of the line has no number, and is left out.
    pub(crate) fn needs_number(&mut self, id: LineId, option: &str) {
        self.approximate(id, format!("`{option}` needs a number"));
    }

    /// Notes that something is lost.
    pub(crate) fn lose(&mut self, id: LineId, note: impl AsRef<str>) {
        self.note(id, Verdict::Dropped, note.as_ref());
    }

    fn note(&mut self, id: LineId, verdict: Verdict, note: &str) {
        let Some(line) = self.lines.get_mut(id.0) else {
            return;
        };
        line.verdict = line.verdict.max(verdict);
        let note = sanitize(note, LONGEST_NOTE);
        if line.notes.len() < MOST_NOTES && !line.notes.contains(&note) {
            line.notes.push(note);
        }
    }

    pub(crate) fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.get(id.0)
    }

    /// The number of lines.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// All lines, file by file in the order of their numbers.
    pub(crate) fn ids(&self) -> Vec<LineId> {
        let mut ids: Vec<LineId> = (0..self.lines.len()).map(LineId).collect();
        ids.sort_by_key(|id| self.line(*id).map(|line| self.place(line)));
        ids
    }

    /// All lines, in the same order.
    pub(crate) fn into_lines(mut self) -> Vec<Line> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.sort_by_key(|line| self.place(line));
        lines
    }

    fn place(&self, line: &Line) -> (usize, usize) {
        let file = self.files.iter().position(|file| *file == line.file);
        (file.unwrap_or(usize::MAX), line.number)
    }
}
