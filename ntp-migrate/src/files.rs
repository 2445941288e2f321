//! Reading the input within bounds.

use glob::Pattern;
use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The largest file in octets, and the most octets of all files together.
pub const LARGEST_FILE: u64 = 1 << 20;

/// The most files, with those that cannot be read.
const MOST_FILES: usize = 256;

/// The most lines of all files together, without blank ones.
const MOST_LINES: usize = 10_000;

/// The most directories that are listed.
const MOST_DIRECTORIES: usize = 1000;

/// The most files that include one another.
const DEEPEST: usize = 10;

/// The most paths that match one pattern.
const MOST_MATCHES: usize = 1000;

/// Access to the files of the input. A path is as the input names it, so that the files of an
/// unpacked tree can be read as well.
pub trait Files {
    /// The octets of a regular file.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than [`LARGEST_FILE`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names of the entries of a directory, in any order.
    ///
    /// # Errors
    /// If it cannot be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;
}

/// One file of the input.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The octet at which each line begins.
    line_starts: Vec<usize>,
}

impl Input {
    fn new(path: &Path, text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            line_starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// The number of the line, from 1, at an octet.
    pub(crate) fn line_of(&self, octet: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= octet)
    }

    /// The whole line at an octet, without the blanks around it.
    pub(crate) fn whole_line(&self, octet: usize) -> &str {
        let number = self.line_of(octet);
        let start = self
            .line_starts
            .get(number - 1)
            .copied()
            .unwrap_or_default();
        let end = self
            .line_starts
            .get(number)
            .copied()
            .unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim()
    }
}

/// Reads files, and counts them.
pub(crate) struct Reader<'a> {
    files: &'a dyn Files,
    read: Vec<PathBuf>,
    attempts: usize,
    octets: u64,
    lines: usize,
    listed: Cell<usize>,
    open: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            read: Vec::new(),
            attempts: 0,
            octets: 0,
            lines: 0,
            listed: Cell::new(0),
            open: Vec::new(),
        }
    }

    /// The files that were read, in order.
    pub(crate) fn into_read(self) -> Vec<PathBuf> {
        self.read
    }

    /// Reads a file. Octets that are not UTF-8, as of old comments, become U+FFFD.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Input, String> {
        let shown = path.display();
        if self.attempts >= MOST_FILES {
            return Err(format!("{shown} is beyond the limit of {MOST_FILES} files"));
        }
        self.attempts += 1;
        let octets = self
            .files
            .read(path)
            .map_err(|error| format!("{shown} cannot be read: {error}"))?;
        let all_octets = self.octets.saturating_add(octets.len() as u64);
        if all_octets > LARGEST_FILE {
            return Err(format!("{shown} exceeds the limit of 1 MiB of input"));
        }
        let text = String::from_utf8_lossy(&octets);
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let all_lines = self.lines + lines.count();
        if all_lines > MOST_LINES {
            return Err(format!(
                "with {shown}, the input has more than {MOST_LINES} lines"
            ));
        }
        (self.octets, self.lines) = (all_octets, all_lines);
        self.read.push(path.to_owned());
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        Ok(Input::new(path, text))
    }

    /// Reads a file that another one includes; [`leave`](Self::leave) ends its inclusion.
    pub(crate) fn enter(&mut self, path: &Path) -> Result<Input, String> {
        let path = normal(path);
        if self.open.contains(&path) {
            return Err(format!("{} includes itself", path.display()));
        }
        if self.open.len() >= DEEPEST {
            return Err(format!(
                "{} is included {DEEPEST} files deep",
                path.display()
            ));
        }
        let input = self.read(&path)?;
        self.open.push(path);
        Ok(input)
    }

    /// Ends the inclusion that began last.
    pub(crate) fn leave(&mut self) {
        self.open.pop();
    }

    /// The names in a directory with this suffix, sorted; hidden ones are left out. Empty if there
    /// is no such directory.
    pub(crate) fn names(&self, directory: &Path, suffix: &str) -> Vec<String> {
        let entries = self.list(directory).unwrap_or_default();
        let mut names: Vec<String> = entries
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .filter(|name| name.ends_with(suffix) && !name.starts_with('.'))
            .take(MOST_MATCHES)
            .collect();
        names.sort();
        names
    }

    pub(crate) fn is_directory(&self, path: &Path) -> bool {
        self.list(path).is_some()
    }

    fn list(&self, directory: &Path) -> Option<Vec<OsString>> {
        let listed = self.listed.get();
        self.listed.set(listed.saturating_add(1));
        (listed < MOST_DIRECTORIES).then(|| self.files.list(directory).ok())?
    }

    /// The paths that match a pattern with the wildcards of glob(7), sorted. A path without
    /// wildcards matches itself.
    pub(crate) fn matching(&self, pattern: &Path) -> Vec<PathBuf> {
        let mut paths = vec![PathBuf::new()];
        for component in pattern.components() {
            let part = component.as_os_str();
            let wildcard = matches!(component, Component::Normal(_))
                .then(|| part.to_str().filter(|text| text.contains(['*', '?', '['])))
                .flatten()
                .and_then(|text| Pattern::new(text).ok());
            let Some(wildcard) = wildcard else {
                paths.iter_mut().for_each(|path| path.push(part));
                continue;
            };
            let inside = |path: &PathBuf| {
                let names = self.names(path, "");
                let matching = names.into_iter().filter(|name| wildcard.matches(name));
                matching.map(|name| path.join(name)).collect::<Vec<_>>()
            };
            paths = paths.iter().flat_map(inside).take(MOST_MATCHES).collect();
        }
        paths
    }
}

/// The path without `.` and `..`, which compares equal however the input writes it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            // There is nothing above the root.
            Component::ParentDir if normal.has_root() => {}
            other => normal.push(other),
        }
    }
    normal
}
