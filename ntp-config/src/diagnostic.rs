//! Errors and warnings with their place in the file and the remedy.

use crate::sanitize::{is_printable, sanitize};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The most problems that are shown; the others are counted.
const MOST_SHOWN: usize = 20;

/// The characters of a long line that are shown on each side of the mark.
const CONTEXT: usize = 60;

/// The most characters of a message, which can contain text of the file.
const LONGEST_MESSAGE: usize = 800;

/// A place in one of the files that were read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    /// Index into the files of the [`Report`].
    pub(crate) file: usize,
    /// Octets of the file's text.
    pub(crate) range: Range<usize>,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> Located<T> {
    pub(crate) fn with<U>(&self, value: U) -> Located<U> {
        Located {
            value,
            span: self.span.clone(),
        }
    }
}

/// The position, the line and the mark that a message shows.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Excerpt {
    file: PathBuf,
    line: usize,
    column: usize,
    text: String,
    /// The blanks before the mark. Tabs of the line are kept, so that the mark is below its target.
    indent: String,
    marked: usize,
}

impl Excerpt {
    fn new(file: &Path, text: &str, range: &Range<usize>) -> Self {
        let start = floor_char_boundary(text, range.start);
        let end = floor_char_boundary(text, range.end).max(start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text
            .get(line_start..)
            .unwrap_or_default()
            .split('\n')
            .next()
            .unwrap_or_default();
        let line = line.trim_end_matches('\r');
        let lead: Vec<char> = before
            .get(line_start..)
            .unwrap_or_default()
            .chars()
            .collect();
        let column = lead.len();
        let on_line = end.min(line_start + line.len());
        let marked = text
            .get(start..on_line)
            .map_or(0, |part| part.chars().count())
            .clamp(1, CONTEXT);
        let skipped = column.saturating_sub(CONTEXT);
        let shown = line
            .chars()
            .skip(skipped)
            .take(column - skipped + marked + CONTEXT);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: column + 1,
            text: shown
                .map(|c| {
                    if c == '\t' || is_printable(c) {
                        c
                    } else {
                        '\u{fffd}'
                    }
                })
                .collect(),
            indent: lead
                .iter()
                .skip(skipped)
                .map(|c| if *c == '\t' { '\t' } else { ' ' })
                .collect(),
            marked,
        }
    }
}

/// The nearest start of a character at or before `at`.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or(0)
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            text,
            indent,
            marked,
        } = self;
        let gutter = line.to_string().len();
        writeln!(f, "{:gutter$}--> {}:{line}:{column}", "", file.display())?;
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{line} | {text}")?;
        writeln!(f, "{:gutter$} | {indent}{:^<marked$}", "", "")
    }
}

/// An error or a warning: the message, the place and the remedy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    message: String,
    excerpt: Option<Excerpt>,
    help: String,
}

impl Problem {
    /// A problem without a place in a file.
    pub(crate) fn anywhere(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            excerpt: None,
            help: help.into(),
        }
    }

    fn render(&self, f: &mut fmt::Formatter<'_>, severity: &str) -> fmt::Result {
        writeln!(
            f,
            "{severity}: {}",
            sanitize(&self.message, LONGEST_MESSAGE)
        )?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "{excerpt}")?;
        }
        write!(f, "  = help: {}", self.help)
    }

    fn position(&self) -> Option<(&Path, usize, usize)> {
        self.excerpt
            .as_ref()
            .map(|excerpt| (excerpt.file.as_path(), excerpt.line, excerpt.column))
    }
}

/// A value that is accepted but probably not intended.
///
/// It displays as several lines like a compiler's message, without colors and without a newline at
/// the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning(Problem);

impl Warning {
    /// The first line without the word `warning`.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The remedy.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.0.help
    }

    /// The file, line and column (both from 1), if it has a place.
    #[must_use]
    pub fn position(&self) -> Option<(&Path, usize, usize)> {
        self.0.position()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.render(f, "warning")
    }
}

/// All problems for which a configuration is refused, at least one.
///
/// It displays each problem as several lines like a compiler's message, without colors and without
/// a newline at the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn single(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }

    /// The number of problems.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// The first line of each problem without the word `error`.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(|problem| problem.message.as_str())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                write!(f, "\n\n")?;
            }
            problem.render(f, "error")?;
        }
        match self.problems.len().checked_sub(MOST_SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The text of a file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// The files that were read, with their errors and warnings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    files: Vec<SourceFile>,
    errors: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Report {
    /// Adds a file; the index is for [`Span::file`].
    pub(crate) fn add_file(&mut self, file: SourceFile) -> usize {
        self.files.push(file);
        self.files.len() - 1
    }

    pub(crate) fn error(
        &mut self,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = self.at(span, message.into(), help.into());
        self.errors.push(problem);
    }

    pub(crate) fn error_anywhere(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(Problem::anywhere(message, help));
    }

    pub(crate) fn warning(
        &mut self,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = self.at(span, message.into(), help.into());
        self.warnings.push(Warning(problem));
    }

    pub(crate) fn warning_anywhere(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.warnings
            .push(Warning(Problem::anywhere(message, help)));
    }

    pub(crate) const fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The files that were read and the warnings, or all errors.
    pub(crate) fn finish(self) -> Result<(Vec<PathBuf>, Vec<Warning>), ConfigError> {
        if self.errors.is_empty() {
            Ok((
                self.files.into_iter().map(|file| file.path).collect(),
                self.warnings,
            ))
        } else {
            Err(ConfigError {
                problems: self.errors,
            })
        }
    }

    fn at(&self, span: &Span, message: String, help: String) -> Problem {
        let excerpt = self
            .files
            .get(span.file)
            .map(|file| Excerpt::new(&file.path, &file.text, &span.range));
        Problem {
            message,
            excerpt,
            help,
        }
    }
}
