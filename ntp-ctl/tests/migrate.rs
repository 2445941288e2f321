//! `ntp-ctl migrate`: files, exit codes and the summary.

use ntp_config::parse_str;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn migrate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ntp-ctl"))
        .arg("migrate")
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A tree with these files.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

#[test]
fn the_configuration_goes_to_standard_output_and_the_summary_to_standard_error() {
    let root = tree(&[(
        "chrony.conf",
        "server a.example iburst\nmakestep 1 -1\nlogdir /l\n",
    )]);

    let output = migrate(&[&path(&root, "chrony.conf")]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let loaded = parse_str("ntp.toml", text(&output.stdout)).unwrap();
    assert_eq!(loaded.config.sources.len(), 1);
    let summary = text(&output.stderr);
    assert!(
        summary.starts_with("Read 1 file of chrony: 2 kept, 1 approximated, 0 dropped.\n"),
        "{summary}"
    );
    assert!(summary.contains("chrony.conf:3: logdir /l\n"), "{summary}");
}

#[test]
fn a_loss_is_exit_code_five_and_named() {
    let root = tree(&[("ntp.conf", "server a.example\nbroadcastclient\n")]);

    let output = migrate(&[&path(&root, "ntp.conf")]);

    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(text(&output.stdout).contains("ntp.conf:2: dropped: broadcastclient\n"));
    assert!(text(&output.stderr).contains("\ndropped:\n"), "{output:?}");
}

#[test]
fn the_summary_in_json_accounts_for_every_line() {
    let root = tree(&[("ntpd.conf", "servers p.example\nsensor *\n")]);

    let output = migrate(&["--json", &path(&root, "ntpd.conf")]);

    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let summary: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(summary["schema"], 1);
    assert_eq!(summary["formats"], serde_json::json!(["openntpd"]));
    assert_eq!(summary["approximated"], 1);
    assert_eq!(summary["dropped"], 1);
    assert_eq!(summary["lines"][1]["line"], 2);
    assert_eq!(summary["lines"][1]["text"], "sensor *");
    assert_eq!(summary["lines"][1]["result"], "dropped");
    assert_eq!(summary["error"], Value::Null);
}

#[test]
fn an_existing_file_is_replaced_by_force_alone_and_as_a_whole() {
    let root = tree(&[
        ("chrony.conf", "server a.example iburst\n"),
        ("ntp.toml", "old"),
    ]);
    let (input, output) = (path(&root, "chrony.conf"), path(&root, "ntp.toml"));
    let names = || fs::read_dir(root.path()).unwrap().count();

    let refused = migrate(&[&input, "-o", &output]);

    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(text(&refused.stderr).contains("exists already; --force replaces it"));
    assert_eq!(fs::read_to_string(&output).unwrap(), "old");
    assert_eq!(names(), 2, "no temporary file is left");

    let written = migrate(&[&input, "-o", &output, "--force"]);

    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert!(written.stdout.is_empty());
    assert!(ntp_config::load(Path::new(&output)).is_ok());
    let mode = fs::metadata(&output).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(names(), 2);
}

#[test]
fn a_new_file_is_written_without_force() {
    let root = tree(&[("chrony.conf", "server a.example iburst\n")]);
    let output = path(&root, "ntp.toml");

    let written = migrate(&[&path(&root, "chrony.conf"), "--output", &output]);

    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert!(ntp_config::load(Path::new(&output)).is_ok());
    assert!(text(&written.stderr).contains(&format!("ntp-ctl validate {output}")));
}

#[test]
fn the_files_of_a_tree_are_those_below_its_root() {
    let root = tree(&[
        ("etc/systemd/timesyncd.conf", "[Time]\nNTP=a.example\n"),
        (
            "usr/lib/systemd/timesyncd.conf.d/1.conf",
            "[Time]\nNTP=vendor.example\n",
        ),
        (
            "run/systemd/timesyncd.conf.d/2.conf",
            "[Time]\nNTP=b.example\n",
        ),
        ("etc/systemd/timesyncd.conf.d/3.conf", ""),
    ]);
    let outside = tree(&[("secret.conf", "[Time]\nNTP=secret.example\n")]);
    let drop_ins = root.path().join("etc/systemd/timesyncd.conf.d");
    // Disables the vendor's file.
    symlink("/dev/null", drop_ins.join("1.conf")).unwrap();
    let at = root.path().display().to_string();

    let output = migrate(&["--root", &at, "/etc/systemd/timesyncd.conf"]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let loaded = parse_str("ntp.toml", text(&output.stdout)).unwrap();
    let hosts: Vec<String> = loaded
        .config
        .sources
        .iter()
        .map(|source| source.kind.address().host.clone())
        .collect();
    assert_eq!(hosts, ["a.example", "b.example"]);

    symlink(outside.path().join("secret.conf"), drop_ins.join("4.conf")).unwrap();
    let output = migrate(&["--root", &at, "/etc/systemd/timesyncd.conf"]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        text(&output.stderr).contains("outside of --root"),
        "{output:?}"
    );
}

#[test]
fn what_cannot_be_read_is_exit_code_one_with_the_remedy() {
    let root = tree(&[
        ("x.conf", "server a.example\n"),
        ("large", &"#".repeat((1 << 20) + 1)),
    ]);
    for (args, message) in [
        (vec![path(&root, "none")], "cannot be read"),
        (vec![path(&root, "x.conf")], "name it with --from FORMAT"),
        (vec![path(&root, ".")], "not a regular file"),
        (
            vec![path(&root, "large"), "--from=chrony".into()],
            "larger than 1 MiB",
        ),
        (
            vec!["/dev/zero".into(), "--from=chrony".into()],
            "not a regular file",
        ),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = migrate(&args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(message), "{output:?}");
        assert!(output.stdout.is_empty());
    }
    let output = migrate(&["--json", &path(&root, "none")]);
    let summary: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(
        summary["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cannot be read")
    );

    let output = migrate(&["x", "--from", "sundial"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("the formats are timesyncd, chrony"));
}

#[test]
fn only_a_regular_file_is_replaced() {
    let root = tree(&[
        ("chrony.conf", "server a.example iburst\n"),
        ("behind.toml", "old"),
        ("folder/x", ""),
    ]);
    symlink("behind.toml", root.path().join("link.toml")).unwrap();
    symlink("/nowhere/else", root.path().join("dangling.toml")).unwrap();
    // As /dev/null, it is no regular file; a test run by root must not name that one.
    let socket = root.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for name in ["link.toml", "dangling.toml", "folder", "socket"] {
        let (input, output) = (path(&root, "chrony.conf"), path(&root, name));
        let kind = || fs::symlink_metadata(&output).unwrap().file_type();
        let before = kind();
        for args in [
            vec![&*input, "-o", &output],
            vec![&*input, "-o", &output, "--force"],
        ] {
            let refused = migrate(&args);
            assert_eq!(refused.status.code(), Some(1), "{refused:?}");
            assert!(
                text(&refused.stderr).contains("is not a regular file, but a link"),
                "{refused:?}"
            );
            assert_eq!(kind(), before, "{name}");
        }
    }
    assert_eq!(
        fs::read_to_string(path(&root, "behind.toml")).unwrap(),
        "old"
    );
}

#[test]
fn a_folder_that_is_missing_is_named_with_the_command_that_makes_it() {
    let root = tree(&[("chrony.conf", "server a.example iburst\n")]);

    let output = migrate(&[
        &path(&root, "chrony.conf"),
        "-o",
        &path(&root, "new/ntp.toml"),
    ]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let remedy = format!("create it with `mkdir -p {}`", path(&root, "new"));
    assert!(text(&output.stderr).contains(&remedy), "{output:?}");
}

#[test]
fn a_configuration_that_cannot_be_written_is_a_failure() {
    let root = tree(&[("chrony.conf", "server a.example iburst\n")]);

    let output = Command::new(env!("CARGO_BIN_EXE_ntp-ctl"))
        .args(["migrate", &path(&root, "chrony.conf")])
        .stdout(fs::File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = text(&output.stderr);
    assert!(
        message.contains("cannot be written: No space left"),
        "{message}"
    );
    assert!(!message.contains("kept"), "{message}");
}

#[test]
fn a_file_without_any_directive_gets_a_source_that_works() {
    let root = tree(&[("chrony.conf", "")]);

    let output = migrate(&[&path(&root, "chrony.conf"), "--from", "chrony"]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(parse_str("ntp.toml", text(&output.stdout)).is_ok());
    assert!(text(&output.stderr).contains("\nadded: no server could be taken over"));
}

#[test]
fn names_of_files_stay_within_their_line() {
    let name = "x\n  1 dropped\u{1b}[31m";
    let root = tree(&[(name, "server a.example\nsundial\n")]);

    let unclear = migrate(&[&path(&root, name)]);
    let summary = migrate(&["--from", "chrony", &path(&root, name), &path(&root, name)]);

    for output in [&unclear, &summary] {
        assert!(
            text(&output.stderr).contains("x\\n  1 dropped\\u{1b}[31m"),
            "{output:?}"
        );
    }
    assert_eq!(text(&unclear.stderr).lines().count(), 1, "{unclear:?}");
    assert!(text(&summary.stderr).starts_with("Read 2 files of chrony: "));
}

#[test]
fn nothing_in_a_file_controls_the_terminal() {
    let root = tree(&[(
        "chrony.conf",
        "server a.example iburst\n\u{1b}[31mx \u{202e}\u{0} y\n",
    )]);

    let output = migrate(&[&path(&root, "chrony.conf")]);

    assert_eq!(output.status.code(), Some(5), "{output:?}");
    for octets in [&output.stdout, &output.stderr] {
        assert!(
            !octets.contains(&0x1b) && !octets.contains(&0),
            "{output:?}"
        );
        assert!(!text(octets).contains('\u{202e}'));
    }
}
