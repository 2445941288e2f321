//! Loads a configuration from files, texts and command lines.

use crate::config::{Config, DEFAULT_POOL_COUNT, NTP_PORT, SourceEntry, SourceKind};
use crate::diagnostic::{ConfigError, Problem, Report, Warning};
use crate::section::synchronization::Demands;
use crate::{address, checks, raw, section};
use ntp_proto::association::AssociationConfig;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The directory with additional files, next to the main one.
const DROP_INS: &str = "conf.d";

/// The largest file in octets. Larger ones are not configurations, and devices may be endless.
const LARGEST_FILE: u64 = 1 << 20;

/// A configuration, with its files and warnings.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Values that are accepted but probably not intended.
    pub warnings: Vec<Warning>,
    /// The files that were read, in the order in which they overlay each other.
    pub files: Vec<PathBuf>,
}

/// Reads a configuration file, overlaid by each `conf.d/*.toml` next to it in the order of their
/// names.
///
/// Tables are merged key by key, and the later file wins; `[[source]]`, `[[server]]` and
/// `[[nts-ke-server]]` are collected from all files.
///
/// # Errors
/// A [`ConfigError`] with all problems: unreadable files, text that is not TOML, unknown keys, and
/// values that are invalid by themselves or together.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let mut texts = vec![(path.to_owned(), read_text(path)?)];
    for drop_in in drop_ins(path)? {
        let text = read_text(&drop_in)?;
        texts.push((drop_in, text));
    }
    build(&texts)
}

/// Reads a configuration from a text; messages name it `name`.
///
/// # Errors
/// As [`load`].
pub fn parse_str(name: &str, text: &str) -> Result<Loaded, ConfigError> {
    build(&[(PathBuf::from(name), text.to_owned())])
}

/// The configuration for pools of a command line, with defaults for all else.
///
/// # Errors
/// A [`ConfigError`] if there is no name, or one that is not a host.
pub fn for_pools(names: &[String]) -> Result<Loaded, ConfigError> {
    let mut report = Report::default();
    let mut config = Config::default();
    for name in names {
        match address::host(name) {
            Ok(host) => {
                let address = host.or_port(NTP_PORT);
                let kind = SourceKind::Pool {
                    address,
                    count: DEFAULT_POOL_COUNT,
                    ignore: Vec::new(),
                };
                config.sources.push(SourceEntry {
                    kind,
                    settings: AssociationConfig::default(),
                });
            }
            Err(reason) => report.error_anywhere(reason.message(), reason.help()),
        }
    }
    checks::whole(&config, &Demands::default(), &mut report);
    let (files, warnings) = report.finish()?;
    Ok(Loaded {
        config,
        warnings,
        files,
    })
}

fn build(texts: &[(PathBuf, String)]) -> Result<Loaded, ConfigError> {
    let mut report = Report::default();
    let mut root = raw::Table::default();
    for (path, text) in texts {
        root.overlay(raw::parse(path, text, &mut report));
    }
    // A table from broken text would only add misleading errors.
    let config = if report.has_errors() {
        Config::default()
    } else {
        section::read(root, &mut report)
    };
    let (files, warnings) = report.finish()?;
    Ok(Loaded {
        config,
        warnings,
        files,
    })
}

fn drop_ins(main: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = main.with_file_name(DROP_INS);
    let unreadable = |error: io::Error| {
        let help = "make the folder readable for this user, or remove it";
        ConfigError::single(Problem::anywhere(
            format!("the folder {} cannot be read: {error}", folder.display()),
            help,
        ))
    };
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        // Editors leave hidden files.
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let refuse = |what: &str, help: &str| {
        ConfigError::single(Problem::anywhere(
            format!("{} {what}", path.display()),
            help,
        ))
    };
    // Opening a pipe would wait for a writer.
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(refuse("is not a file", "name a regular file"));
    }
    let mut octets = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut octets));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let help =
                "name another file with -c FILE, or run `ntp-daemon -p POOL`, which needs none";
            return Err(refuse("does not exist", help));
        }
        Err(error) => {
            let help = "name a file that this user may read";
            return Err(refuse(&format!("cannot be read: {error}"), help));
        }
        Ok(read) if read as u64 > LARGEST_FILE => {
            return Err(refuse("is larger than 1 MiB", "name a configuration file"));
        }
        Ok(_) => {}
    }
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error
            .as_bytes()
            .iter()
            .take(valid)
            .filter(|octet| **octet == b'\n')
            .count()
            + 1;
        refuse(
            &format!("is not UTF-8 text, first in line {line}"),
            "save the file as UTF-8",
        )
    })
}
