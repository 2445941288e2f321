//! Arbitrary input: the result is always accepted, each line is accounted for, and nothing of the
//! input escapes from its value or comment.

use crate::Memory;
use ntp_config::is_printable;
use ntp_migrate::{Format, MigrateError, migrate};
use proptest::prelude::*;

/// Words that formats know, and words that they must survive.
const WORDS: &[&str] = &[
    "server",
    "pool",
    "peer",
    "servers",
    "listen",
    "on",
    "constraint",
    "from",
    "nts",
    "iburst",
    "minpoll",
    "maxpoll",
    "port",
    "ntsport",
    "version",
    "key",
    "maxsources",
    "certset",
    "allow",
    "deny",
    "all",
    "bindaddress",
    "binddevice",
    "ratelimit",
    "interval",
    "burst",
    "leak",
    "makestep",
    "maxchange",
    "minsources",
    "maxdistance",
    "authselectmode",
    "require",
    "prefer",
    "ntsserverkey",
    "ntsservercert",
    "ntsrotate",
    "ntsprocesses",
    "maxntsconnections",
    "ntsntpserver",
    "ntstrustedcerts",
    "nosystemcert",
    "ntsaeads",
    "leapseclist",
    "leapsectz",
    "local",
    "stratum",
    "orphan",
    "clientloglimit",
    "include",
    "confdir",
    "restrict",
    "default",
    "ignore",
    "noserve",
    "limited",
    "kod",
    "mask",
    "interface",
    "limit",
    "average",
    "discard",
    "tos",
    "minsane",
    "maxclock",
    "maxdist",
    "tinker",
    "panic",
    "step",
    "enable",
    "disable",
    "ntp",
    "cert",
    "ca",
    "aead",
    "fudge",
    "127.127.1.0",
    "refclock",
    "keys",
    "leapfile",
    "[Time]",
    "NTP=a.example",
    "FallbackNTP=",
    "RootDistanceMaxSec=5",
    "PollIntervalMinSec=1d",
    "NetworkTimeSecurityServer=n.example",
    "[[source]]",
    "mode",
    "=",
    "\"nts\"",
    "address",
    "a.example",
    "b.example",
    "192.0.2.1",
    "2001:db8::1",
    "::",
    "0.0.0.0",
    "224.0.0.1",
    "fe80::1",
    "10.0.0.0/8",
    "0/0",
    "::/0",
    "255.0.0.0",
    "1.2",
    "/etc/x.pem",
    "x.pem",
    "-1",
    "0",
    "1",
    "3",
    "10",
    "16",
    "99",
    "65536",
    "1e400",
    "nan",
    "inf",
    "-0.5",
    "0.1",
    "\"",
    "\\",
    "'",
    "\"\"\"",
    "]]",
    "[[server]]",
    "\u{0}",
    "\u{1b}[31m",
    "\u{202e}",
    "a\"b",
    "#",
    "!",
    "é",
    "µ",
    "9223372036854775807",
    "-9223372036854775808",
    "eth0",
    "veryverylonginterfacename",
];

fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        9 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => "[^\n\r]{0,8}",
    ];
    prop::collection::vec(word, 0..7).prop_map(|words| words.join(" "))
}

/// The numbers of lines that are neither blank nor comments.
fn directives(format: Format, text: &str) -> Vec<usize> {
    let counts = |line: &str| {
        let trimmed = line.trim();
        match format {
            Format::Chrony => !trimmed.is_empty() && !trimmed.starts_with(['!', ';', '#', '%']),
            Format::Timesyncd => {
                let is_header = trimmed.starts_with('[') && trimmed.ends_with(']');
                !(trimmed.is_empty() || trimmed.starts_with(['#', ';']) || is_header)
            }
            _ => !line.split('#').next().unwrap_or_default().trim().is_empty(),
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| counts(line))
        .map(|(index, _)| index + 1)
        .collect()
}

fn check(format: Format, text: &str) -> Result<(), TestCaseError> {
    let files = Memory::of(&[("/x", text), ("/etc/x.pem", "server c.example\n")]);
    let migration = match migrate(&["/x".into()], Some(format), &files) {
        Ok(migration) => migration,
        // Text that is not TOML.
        Err(MigrateError::Unreadable(message)) => {
            let is_toml = matches!(format, Format::NtpdRs | Format::Ntsclient);
            prop_assert!(is_toml, "{}", message);
            return Ok(());
        }
        Err(error) => return Err(TestCaseError::fail(format!("{error}\n{text}"))),
    };
    let loaded = ntp_config::parse_str("ntp.toml", &migration.text);
    prop_assert!(
        loaded.is_ok(),
        "{}\n{}",
        migration.text,
        loaded.unwrap_err()
    );
    let safe = |c: char| c == '\n' || is_printable(c);
    prop_assert!(migration.text.chars().all(safe), "{}", migration.text);
    for line in &migration.lines {
        prop_assert!(line.text.chars().all(is_printable), "{:?}", line);
        prop_assert!(
            line.notes.iter().all(|note| note.chars().all(is_printable)),
            "{:?}",
            line
        );
        let silent = line.verdict == ntp_migrate::Verdict::Kept;
        prop_assert_eq!(silent, line.notes.is_empty(), "{:?}", line);
    }
    // Keys of TOML may share a line, and a backslash joins lines of systemd.
    let joined = format == Format::Timesyncd && text.lines().any(|line| line.ends_with('\\'));
    if !matches!(format, Format::NtpdRs | Format::Ntsclient) && !joined {
        let mut numbers: Vec<usize> = migration
            .lines
            .iter()
            .filter(|line| line.file.as_os_str() == "/x" && !line.text.starts_with('#'))
            .map(|line| line.number)
            .collect();
        numbers.dedup();
        prop_assert_eq!(numbers, directives(format, text), "{}", text);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_lines_make_an_accepted_file_and_each_is_accounted_for(
        lines in prop::collection::vec(line(), 0..25),
        format in prop::sample::select(&Format::ALL[..]),
    ) {
        check(format, &lines.join("\n"))?;
    }

    #[test]
    fn any_toml_makes_an_accepted_file(
        keys in prop::collection::vec(
            (prop::sample::select(KEYS), prop::sample::select(VALUES)), 0..12),
        format in prop::sample::select(&[Format::NtpdRs, Format::Ntsclient][..]),
    ) {
        let mut text = String::new();
        for (key, value) in keys {
            if key.starts_with('[') {
                text += &format!("{key}\n");
            } else {
                text += &format!("{key} = {value}\n");
            }
        }
        check(format, &text)?;
    }
}

const KEYS: &[&str] = &[
    "[[source]]",
    "[[server]]",
    "[[nts-ke-server]]",
    "[synchronization]",
    "[keyset]",
    "[clock]",
    "[observability]",
    "[source-defaults]",
    "[csptp]",
    "[storage]",
    "[\"x y\"]",
    "mode",
    "address",
    "count",
    "ignore",
    "poll-interval-limits",
    "ntp-version",
    "listen",
    "allowlist",
    "rate-limiting-cutoff-ms",
    "certificate-chain-path",
    "private-key-path",
    "minimum-agreeing-sources",
    "authentication",
    "startup-step-panic-threshold",
    "local-stratum",
    "algorithm",
    "directory",
    "virtual-offset",
    "stale-key-count",
    "enable-srv-resolution",
    "Server",
    "CACert",
    "Interval",
    "\"\\u0007\\n\"",
];

const VALUES: &[&str] = &[
    "\"nts\"",
    "\"server\"",
    "\"pool\"",
    "\"sock\"",
    "\"a.example\"",
    "\"b.example:99\"",
    "\"0.0.0.0\"",
    "\"[::]:0\"",
    "\"192.0.2.1:123\"",
    "\"x\\\"\\n[[server]]\"",
    "\"\"",
    "\"/a.pem\"",
    "\"require\"",
    "\"none\"",
    "\"inf\"",
    "1",
    "0",
    "-1",
    "3",
    "1000000",
    "1.5",
    "nan",
    "inf",
    "true",
    "false",
    "[]",
    "[1]",
    "[\"192.0.2.1\"]",
    "{}",
    "{ min = 1, max = 0 }",
    "{ min = 12 }",
    "{ max = 3 }",
    "{ filter = [\"10.0.0.0/8\"] }",
    "{ forward = 1 }",
    "1979-05-27",
    "\"\\u202e\"",
];

#[test]
fn text_cannot_leave_its_value_or_its_comment() {
    let evil = "a.example\"\n\n[[server]]\nlisten = \"0.0.0.0:123\"\n";
    let result = crate::Outcome::chrony(&format!("server {evil}"));
    assert!(result.config.servers.is_empty());
    let value = "x\\\"\\n[[server]]\\nlisten = \\\"0.0.0.0:123\\\"\\n#";
    let text = format!("[[source]]\nmode = \"server\"\naddress = \"{value}\"\n");
    let files = Memory::of(&[("/ntp.toml", &text)]);
    let result = crate::Outcome::of(&files, "/ntp.toml", Some(Format::NtpdRs));
    assert!(result.config.servers.is_empty());
    assert_eq!(result.migration.text.matches("\n[[").count(), 1);
}

#[test]
fn quotes_and_backslashes_stay_within_one_value() {
    let result = crate::Outcome::chrony(
        "ntstrustedcerts /a\",\"/b\nleapseclist /l\\u0041'\"\nserver a.example nts\n",
    );
    let files = &result.trust(0).certificate_authorities;
    assert_eq!(files, &[std::path::PathBuf::from("/a\",\"/b")]);
    assert_eq!(
        result.config.synchronization.leap_seconds_file,
        Some("/l\\u0041'\"".into())
    );
}

#[test]
fn a_line_of_a_megabyte_is_cut_in_the_account() {
    for word in ["x", "a.example ", "\u{0}", "\"", "1."] {
        let long = word.repeat(900_000 / word.len());
        for format in Format::ALL {
            let text = format!("server {long}\nserver b.example\nNTP={long}\n");
            let files = Memory::of(&[("/x", text.as_str())]);
            if let Ok(migration) = migrate(&["/x".into()], Some(format), &files) {
                assert!(migration.text.len() < 1_000_000);
                for line in migration.lines {
                    assert!(line.text.chars().count() <= 121);
                }
            }
        }
    }
}
