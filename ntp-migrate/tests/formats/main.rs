//! Each format, by what the result means to `ntp-config`, not by its text.

mod access;
mod chrony;
mod files;
mod hostile;
mod ntpd;
mod ntpd_rs;
mod others;
mod timesyncd;

use ntp_config::{Config, SourceEntry, SourceKind, Trust};
use ntp_migrate::{Files, Format, MigrateError, Migration, Verdict, migrate};
use ntp_proto::time::Seconds;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Files in memory.
#[derive(Default)]
struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    fn of(files: &[(&str, &str)]) -> Self {
        let entries = files.iter();
        Self(
            entries
                .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()))
                .collect(),
        )
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.get(path).cloned();
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let inside = self.0.keys().filter_map(|path| {
            let below = path.strip_prefix(directory).ok()?;
            Some(below.components().next()?.as_os_str().to_owned())
        });
        let names: BTreeSet<OsString> = inside.collect();
        if names.is_empty() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        Ok(names.into_iter().collect())
    }
}

/// A result, with its meaning.
struct Outcome {
    migration: Migration,
    config: Config,
}

impl Outcome {
    fn of(files: &Memory, path: &str, from: Option<Format>) -> Self {
        let migration = migrate(&[path.into()], from, files).unwrap();
        let loaded = ntp_config::parse_str("ntp.toml", &migration.text);
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{}", migration.text));
        Self {
            migration,
            config: loaded.config,
        }
    }

    fn chrony(text: &str) -> Self {
        Self::of(
            &Memory::of(&[("/etc/chrony/chrony.conf", text)]),
            "/etc/chrony/chrony.conf",
            Some(Format::Chrony),
        )
    }

    fn ntpd(text: &str) -> Self {
        Self::of(
            &Memory::of(&[("/etc/ntp.conf", text)]),
            "/etc/ntp.conf",
            Some(Format::Ntpd),
        )
    }

    /// The verdict of the line with this number, of the first file.
    fn verdict(&self, number: usize) -> Verdict {
        let first = &self.migration.files[0];
        let mut lines = self.migration.lines.iter();
        let line = lines.find(|line| line.number == number && line.file == *first);
        line.unwrap_or_else(|| panic!("line {number} is missing: {:?}", self.migration.lines))
            .verdict
    }

    /// All notes of the line with this number.
    fn notes(&self, number: usize) -> String {
        let lines = self.migration.lines.iter();
        let of_line = lines.filter(|line| line.number == number);
        of_line
            .flat_map(|line| line.notes.clone())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The sources, as mode and address.
    fn sources(&self) -> Vec<String> {
        self.config.sources.iter().map(shown).collect()
    }

    fn trust(&self, index: usize) -> &Trust {
        match &self.config.sources[index].kind {
            SourceKind::Nts { trust, .. } => trust,
            other => panic!("not a source with NTS: {other:?}"),
        }
    }

    fn polls(&self, index: usize) -> (i8, i8) {
        let limits = self.config.sources[index].settings.poll_limits;
        (limits.min().log2(), limits.max().log2())
    }
}

fn shown(source: &SourceEntry) -> String {
    match &source.kind {
        SourceKind::Server { address } => format!("server {address}"),
        SourceKind::Pool { address, count, .. } => format!("pool {address} {count}"),
        SourceKind::Nts { address, .. } => format!("nts {address}"),
    }
}

fn seconds(value: f64) -> Option<Seconds> {
    Some(Seconds::new(value))
}

#[test]
fn a_file_is_recognized_by_its_content_and_then_by_its_name() {
    for (path, text, format) in [
        ("/a/x", "[Time]\nNTP=a.example\n", Format::Timesyncd),
        (
            "/a/x",
            "makestep 1 3\nserver a.example iburst\n",
            Format::Chrony,
        ),
        (
            "/a/x",
            "server a.example\nrestrict default limited\n",
            Format::Ntpd,
        ),
        ("/a/x", "servers a.example\n", Format::Openntpd),
        (
            "/a/x",
            "[[source]]\nmode = \"server\"\naddress = \"a.example\"\n",
            Format::NtpdRs,
        ),
        ("/a/x", "Server = \"a.example:4460\"\n", Format::Ntsclient),
        (
            "/etc/chrony/chrony.conf",
            "server a.example\n",
            Format::Chrony,
        ),
        ("/etc/ntp.conf", "server a.example\n", Format::Ntpd),
        ("/etc/ntpd.conf", "server a.example\n", Format::Openntpd),
        (
            "/run/chrony-dhcp/eth0.sources",
            "server a.example\n",
            Format::Chrony,
        ),
        ("/etc/systemd/timesyncd.conf", "", Format::Timesyncd),
    ] {
        let result = Outcome::of(&Memory::of(&[(path, text)]), path, None);
        assert_eq!(result.migration.formats, [format], "{path}: {text}");
    }
}

#[test]
fn a_file_that_could_be_of_several_formats_is_refused_with_the_remedy() {
    let files = Memory::of(&[("/a/x", "server a.example\n"), ("/a/y", "hello world\n")]);
    for (path, part) in [
        ("/a/x", "chrony or ntpd or openntpd"),
        ("/a/y", "no format fits"),
    ] {
        let error = migrate(&[path.into()], None, &files).unwrap_err();
        let MigrateError::Unreadable(message) = error else {
            panic!("{error:?}");
        };
        assert!(message.contains(part), "{message}");
        assert!(message.contains("--from FORMAT"), "{message}");
    }
    let result = Outcome::of(&files, "/a/x", Some(Format::Ntpd));
    assert_eq!(result.sources(), ["server a.example:123"]);
}

#[test]
fn several_files_make_one_configuration() {
    let files = Memory::of(&[
        ("/etc/systemd/timesyncd.conf", "[Time]\nNTP=a.example\n"),
        (
            "/etc/chrony.conf",
            "server b.example iburst\nmakestep 1 -1\n",
        ),
    ]);
    let paths = ["/etc/systemd/timesyncd.conf", "/etc/chrony.conf"].map(PathBuf::from);
    let migration = migrate(&paths, None, &files).unwrap();

    let config = ntp_config::parse_str("x", &migration.text).unwrap().config;
    let sources: Vec<String> = config.sources.iter().map(shown).collect();
    assert_eq!(sources, ["server a.example:123", "server b.example:123"]);
    assert_eq!(migration.formats, [Format::Timesyncd, Format::Chrony]);
}

#[test]
fn an_input_without_any_server_gets_one_and_says_so() {
    let result = Outcome::chrony("driftfile /var/lib/chrony/drift\n");

    assert_eq!(result.sources(), ["pool pool.ntp.org:123 4"]);
    assert_eq!(result.migration.added.len(), 1);
    assert!(
        result
            .migration
            .text
            .contains("# no server could be taken over")
    );
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let error = migrate(&["/nowhere".into()], None, &Memory::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("/nowhere cannot be read"),
        "{error}"
    );
}
