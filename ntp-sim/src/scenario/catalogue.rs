//! All scenarios of a folder.

use super::Scenario;
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a catalogue cannot be read.
#[derive(Debug)]
pub enum CatalogueError {
    /// A file or folder cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// A file does not hold scenarios.
    Malformed(PathBuf, String),
    /// A name was given twice.
    Twice(String),
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(
                    f,
                    "cannot read {}: {error}; name a folder with --scenarios",
                    path.display()
                )
            }
            Self::Malformed(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Twice(name) => write!(f, "two scenarios have the name \"{name}\"; rename one"),
        }
    }
}

impl std::error::Error for CatalogueError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: toml::Table,
    scenario: Vec<toml::Table>,
}

/// The scenarios of a folder, sorted by file, in the order in which the files tell them.
#[derive(Debug)]
pub struct Catalogue {
    scenarios: Vec<Scenario>,
}

impl Catalogue {
    /// Reads every `*.toml` of a folder.
    ///
    /// # Errors
    /// What cannot be read, or says what cannot be.
    pub fn read(folder: &Path) -> Result<Self, CatalogueError> {
        let unreadable = |error| CatalogueError::Unreadable(folder.to_owned(), error);
        let entries = std::fs::read_dir(folder).map_err(unreadable)?;
        let paths: Result<Vec<PathBuf>, _> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect();
        let mut paths = paths.map_err(unreadable)?;
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
        paths.sort();
        let mut scenarios: Vec<Scenario> = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| CatalogueError::Unreadable(path.clone(), error))?;
            let read =
                parse(&text).map_err(|error| CatalogueError::Malformed(path.clone(), error))?;
            for scenario in read {
                if scenarios.iter().any(|known| known.name == scenario.name) {
                    return Err(CatalogueError::Twice(scenario.name));
                }
                scenarios.push(scenario);
            }
        }
        Ok(Self { scenarios })
    }

    /// Reads the scenarios of one file's text.
    ///
    /// # Errors
    /// A message about a key that cannot be.
    pub fn parse(text: &str) -> Result<Vec<Scenario>, String> {
        parse(text)
    }

    /// Those whose names match one of the patterns, where `*` stands for anything.
    #[must_use]
    pub fn matching(&self, patterns: &[String]) -> Vec<&Scenario> {
        let wanted = |scenario: &&Scenario| {
            patterns
                .iter()
                .any(|pattern| matches(pattern, &scenario.name))
        };
        self.scenarios.iter().filter(wanted).collect()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Scenario] {
        &self.scenarios
    }
}

fn parse(text: &str) -> Result<Vec<Scenario>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    file.scenario
        .into_iter()
        .map(|own| {
            let name = own
                .get("name")
                .and_then(toml::Value::as_str)
                .unwrap_or("without a name")
                .to_owned();
            let mut whole = file.defaults.clone();
            lay_over(&mut whole, own);
            whole
                .try_into()
                .map_err(|error: toml::de::Error| format!("scenario \"{name}\": {error}"))
        })
        .collect()
}

/// Keys of `upper` win; tables are merged.
fn lay_over(lower: &mut toml::Table, upper: toml::Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay_over(below, above),
            (_, value) => drop(lower.insert(key, value)),
        }
    }
}

/// Whether a name matches a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(tail) = name.strip_prefix(head) else {
        return false;
    };
    (0..=tail.len())
        .filter(|place| tail.is_char_boundary(*place))
        .any(|place| {
            let (_, behind) = tail.split_at(place);
            matches(rest, behind)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_the_defaults_with_its_own_keys_laid_over_them() {
        let text = "[defaults]\nduration = 10.0\npoll = [6, 6]\nlink = { base = 1e-3, jitter = 1e-4 }\n\
                    [[scenario]]\nname = \"a\"\nlink = { jitter = 1e-5 }\n";
        let scenarios = parse(text).unwrap();
        assert_eq!(
            (scenarios[0].link.base, scenarios[0].link.jitter),
            (1e-3, 1e-5)
        );
    }

    #[test]
    fn a_misspelt_key_is_refused_with_the_scenarios_name() {
        let error =
            parse("[[scenario]]\nname = \"a\"\nduration = 1.0\npoll = [6, 6]\njiter = 1.0\n")
                .unwrap_err();
        assert!(
            error.contains("\"a\"") && error.contains("jiter"),
            "{error}"
        );
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("poll6-*", "poll6-10us-1e-8"));
        assert!(matches("*", ""));
        assert!(matches("*-1e-8", "poll6-10us-1e-8"));
        assert!(!matches("poll6", "poll6-10us"));
    }
}
