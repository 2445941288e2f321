//! The formats, and how one is recognized.

use crate::files::Input;
use crate::{chrony, ntpd, ntpd_rs, ntsclient, openntpd, text};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use toml::de::DeTable;

/// A format of configuration files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Format {
    /// timesyncd.conf of systemd-timesyncd, and of nts-timesyncd.
    Timesyncd,
    /// chrony.conf.
    Chrony,
    /// ntp.conf of ntpd and NTPsec.
    Ntpd,
    /// ntpd.conf of OpenNTPD.
    Openntpd,
    /// ntp.toml of ntpd-rs.
    NtpdRs,
    /// The configuration of ntsclient (Go).
    Ntsclient,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [
        Self::Timesyncd,
        Self::Chrony,
        Self::Ntpd,
        Self::Openntpd,
        Self::NtpdRs,
        Self::Ntsclient,
    ];

    /// The word for it on a command line and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Timesyncd => "timesyncd",
            Self::Chrony => "chrony",
            Self::Ntpd => "ntpd",
            Self::Openntpd => "openntpd",
            Self::NtpdRs => "ntpd-rs",
            Self::Ntsclient => "ntsclient",
        }
    }

    /// The words for these formats, each once.
    #[must_use]
    pub fn list(formats: &[Self]) -> String {
        let different: BTreeSet<Self> = formats.iter().copied().collect();
        let words: Vec<&str> = different.into_iter().map(Self::word).collect();
        words.join(", ")
    }

    /// The format of the usual files of this name.
    fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let parent = path
            .parent()
            .and_then(Path::file_name)
            .and_then(|parent| parent.to_str())
            .unwrap_or_default();
        Some(match name {
            "timesyncd.conf" | "nts-timesyncd.conf" => Self::Timesyncd,
            _ if parent.ends_with("timesyncd.conf.d") => Self::Timesyncd,
            "chrony.conf" => Self::Chrony,
            _ if name.ends_with(".sources") || parent == "chrony.d" || parent == "chrony" => {
                Self::Chrony
            }
            "ntp.conf" => Self::Ntpd,
            "ntpd.conf" => Self::Openntpd,
            "ntp.toml" => Self::NtpdRs,
            "ntsclient.toml" => Self::Ntsclient,
            _ => return None,
        })
    }

    /// Recognizes a file by its content and, where that fits several formats, by its name.
    pub(crate) fn detect(input: &Input) -> Result<Self, String> {
        let mut scores: Vec<(usize, Self)> = Self::ALL
            .into_iter()
            .map(|format| (format.known(input), format))
            .collect();
        scores.sort_by_key(|(known, _)| std::cmp::Reverse(*known));
        let most = scores.first().map_or(0, |(known, _)| *known);
        let by_name = Self::of_name(&input.path);
        let best = scores.iter().filter(|(known, _)| *known == most);
        let best: Vec<Self> = best.map(|(_, format)| *format).collect();
        match (best.as_slice(), by_name) {
            (_, Some(named)) if best.contains(&named) => Ok(named),
            ([only], _) if most > 0 => Ok(*only),
            _ => {
                let path = input.path.display();
                let could = if most == 0 {
                    "no format fits".to_owned()
                } else {
                    let words = Self::list(&best).replace(", ", " or ");
                    format!("it could be that of {words}")
                };
                Err(format!(
                    "the format of {path} is not clear ({could}); name it with --from FORMAT, one \
                     of {}",
                    Self::list(&Self::ALL)
                ))
            }
        }
    }

    /// The number of lines, keys or sections that belong to this format.
    fn known(self, input: &Input) -> usize {
        let count = |known: fn(&str) -> bool, chrony: bool| {
            let matching = |directive: text::Directive| known(&directive.keyword());
            if chrony {
                text::chrony(&input.text)
                    .filter(|d| matching(d.clone()))
                    .count()
            } else {
                text::hash_comments(&input.text)
                    .filter(|d| matching(d.clone()))
                    .count()
            }
        };
        let table = |known: fn(&DeTable) -> usize| {
            DeTable::parse(&input.text).map_or(0, |table| known(table.get_ref()))
        };
        match self {
            Self::Timesyncd => {
                let mut lines = input.text.lines();
                // No other format has such a line.
                usize::from(lines.any(|line| line.trim() == "[Time]")) * 1_000_000
            }
            Self::Chrony => count(chrony::is_known, true),
            Self::Ntpd => count(ntpd::is_known, false),
            Self::Openntpd => count(openntpd::is_known, false),
            // A file that is TOML at all is none of lines of words.
            Self::NtpdRs => table(ntpd_rs::known_keys) * 1000,
            Self::Ntsclient => table(ntsclient::known_keys) * 1000,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL
            .into_iter()
            .find(|format| format.word().eq_ignore_ascii_case(word));
        // NTPsec has the format of ntpd.
        let found = found.or_else(|| word.eq_ignore_ascii_case("ntpsec").then_some(Self::Ntpd));
        found.ok_or_else(|| format!("the formats are {}", Self::list(&Self::ALL)))
    }
}
