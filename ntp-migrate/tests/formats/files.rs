//! Files that include others.

use crate::{Memory, Outcome};
use ntp_migrate::Verdict::{Approximated, Dropped, Kept};
use ntp_migrate::{Files, LARGEST_FILE, migrate};
use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

const MAIN: &str = "/etc/chrony/chrony.conf";

#[test]
fn directories_of_chrony_are_read_by_name_and_the_first_one_wins() {
    let files = Memory::of(&[
        (
            MAIN,
            "confdir /etc/chrony/conf.d /usr/share/chrony.d\nsourcedir /etc/chrony/sources.d\n\
             sourcedir /run/chrony-dhcp\n",
        ),
        ("/etc/chrony/conf.d/20.conf", "server b.example\n"),
        ("/usr/share/chrony.d/20.conf", "server hidden.example\n"),
        ("/usr/share/chrony.d/10.conf", "server a.example\n"),
        ("/etc/chrony/conf.d/README", "server no.example\n"),
        ("/etc/chrony/conf.d/.x.conf", "server no.example\n"),
        (
            "/etc/chrony/sources.d/s.sources",
            "server c.example\nallow\n",
        ),
        ("/run/chrony-dhcp/eth0.sources", "server d.example\n"),
    ]);
    let result = Outcome::of(&files, MAIN, None);

    assert_eq!(
        result.sources(),
        [
            "server a.example:123",
            "server b.example:123",
            "server c.example:123",
            "server d.example:123"
        ]
    );
    assert_eq!(result.verdict(1), Kept);
    assert_eq!(result.verdict(3), Approximated);
    // Sources alone may be named there.
    assert!(result.config.servers.is_empty());
    assert_eq!(result.migration.count(Dropped), 1);
}

#[test]
fn patterns_match_as_a_shell_does() {
    let files = Memory::of(&[
        (
            MAIN,
            "include /etc/*/more-[ab].conf\ninclude /etc/none-*.conf\ninclude /etc/no\n",
        ),
        ("/etc/chrony/more-a.conf", "server a.example\n"),
        ("/etc/other/more-b.conf", "server b.example\n"),
        ("/etc/other/more-c.conf", "server c.example\n"),
    ]);
    let result = Outcome::of(&files, MAIN, None);

    assert_eq!(
        result.sources(),
        ["server a.example:123", "server b.example:123"]
    );
    let verdicts: Vec<_> = (1..=3).map(|number| result.verdict(number)).collect();
    assert_eq!(verdicts, [Kept, Dropped, Dropped]);
    assert_eq!(
        result.migration.files,
        [MAIN, "/etc/chrony/more-a.conf", "/etc/other/more-b.conf"].map(PathBuf::from)
    );
}

#[test]
fn files_that_include_themselves_end() {
    let files = Memory::of(&[
        (
            MAIN,
            "server a.example\ninclude /etc/chrony/x/../chrony.conf\ninclude /b\n",
        ),
        ("/b", "include /c\n"),
        ("/c", "server c.example\ninclude /b\n"),
    ]);
    let result = Outcome::of(&files, MAIN, None);

    assert_eq!(
        result.sources(),
        ["server a.example:123", "server c.example:123"]
    );
    assert!(
        result.notes(2).contains("includes itself"),
        "{}",
        result.notes(2)
    );
    assert_eq!(result.migration.count(Dropped), 2);
}

#[test]
fn a_chain_of_includes_is_bounded() {
    let mut files = Memory::default();
    for index in 0..50 {
        let text = format!("include /{}\nserver s{index}.example\n", index + 1);
        files
            .0
            .insert(format!("/{index}").into(), text.into_bytes());
    }
    let result = Outcome::of(&files, "/0", Some(ntp_migrate::Format::Chrony));
    assert_eq!(result.sources().len(), 10);
    assert_eq!(result.migration.count(Dropped), 1);
}

#[test]
fn much_input_is_refused_and_does_not_take_long() {
    let mut files = Memory::default();
    let line = "server a.example\n";
    let many = line.repeat(usize::try_from(LARGEST_FILE).unwrap() / line.len());
    files.0.insert("/many".into(), many.into_bytes());
    files.0.insert(
        "/more".into(),
        b"include /many\ninclude /many\nserver b.example\n".to_vec(),
    );

    let from = Some(ntp_migrate::Format::Chrony);
    let error = migrate(&["/many".into()], from, &files).unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");
    // Files that are included are left out.
    let result = Outcome::of(&files, "/more", from);
    assert_eq!(result.sources(), ["server b.example:123"]);
    assert_eq!(result.migration.count(Dropped), 2);

    let mut text = String::from("server a.example\n");
    for index in 0..4000 {
        let (high, low) = (index / 256, index % 256);
        text += &format!("interface listen 10.{high}.{low}.1\nrestrict 10.{high}.{low}.2 ignore\n");
    }
    files.0.insert("/ntp.conf".into(), text.into_bytes());
    let error = migrate(&["/ntp.conf".into()], None, &files).unwrap_err();
    assert!(error.to_string().contains("100 addresses"), "{error}");
}

/// A disk of which every name is a directory of a thousand files, none of which can be read.
#[derive(Default)]
struct Endless {
    reads: Cell<usize>,
    lists: Cell<usize>,
}

impl Files for Endless {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("/main") {
            let lines = (0..300).map(|index| format!("include /*/*\ninclude /{index}/*/x*\n"));
            return Ok(lines.collect::<String>().into_bytes());
        }
        self.reads.set(self.reads.get() + 1);
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn list(&self, _directory: &Path) -> io::Result<Vec<OsString>> {
        self.lists.set(self.lists.get() + 1);
        Ok((0..1000).map(|index| index.to_string().into()).collect())
    }
}

#[test]
fn patterns_that_match_everything_read_and_list_little() {
    let files = Endless::default();
    let from = Some(ntp_migrate::Format::Chrony);
    let migration = migrate(&["/main".into()], from, &files).unwrap();
    assert_eq!(migration.count(Dropped), 600);
    assert_eq!(files.reads.get(), 255);
    assert_eq!(files.lists.get(), 1000);
}

#[test]
fn toml_of_many_keys_is_refused_and_does_not_take_long() {
    let from = Some(ntp_migrate::Format::NtpdRs);
    let keys = |many: usize| {
        let keys = (0..many).map(|index| format!("k{index} = 1\n"));
        let source = "[[source]]\nmode = \"sundial\"\naddress = \"a.example\"\n";
        Memory::of(&[("/a", &format!("{source}{}", keys.collect::<String>()))])
    };
    let result = Outcome::of(&keys(5000), "/a", from);
    assert_eq!(result.migration.count(Dropped), 5002);

    let error = migrate(&["/a".into()], from, &keys(20_000)).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 lines"),
        "{error}"
    );

    let inline = format!("source = [{}]", "1, ".repeat(20_000));
    let files = Memory::of(&[("/a", &inline)]);
    let error = migrate(&["/a".into()], from, &files).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 keys"),
        "{error}"
    );
}

#[test]
fn a_result_that_is_no_configuration_any_more_is_refused() {
    let mut text = String::from("server a.example\n");
    for index in 0..50 {
        text += &format!("interface listen 10.0.0.{index}\n");
    }
    for index in 0..4000 {
        text += &format!("restrict 10.{}.{}.2 ignore\n", index / 256, index % 256);
    }
    let files = Memory::of(&[("/ntp.conf", &text)]);
    let error = migrate(&["/ntp.conf".into()], None, &files).unwrap_err();
    assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
}
