//! The built program where it ends by itself: the command line and `--check`. (With this file,
//! `cargo test` also builds the program itself, which the end-to-end tests start.)
#![forbid(unsafe_code)]

use std::process::{Command, Output};

/// `EX_CONFIG` of sysexits.h.
const WRONG_CONFIGURATION: i32 = 78;

fn daemon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ntp-daemon"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Checks a configuration; returns the exit code, and what was said.
fn check(text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ntp.toml");
    std::fs::write(&file, text).unwrap();
    let output = daemon(&["--check", "-c", file.to_str().unwrap()]);
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_version_is_printed_without_a_configuration() {
    let output = daemon(&["--version"]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("ntp-daemon {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_configuration_is_checked_without_a_start() {
    let (code, said) = check("[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is valid"), "{said}");
}

#[test]
fn a_mistake_in_the_configuration_is_shown_with_its_place_and_an_exit_code_of_its_own() {
    let (code, said) = check("[[source]]\nmode = \"sever\"\naddress = \"192.0.2.1\"\n");
    assert_eq!(code, Some(WRONG_CONFIGURATION), "{said}");
    assert!(
        said.contains("ntp.toml") && said.contains("sever"),
        "{said}"
    );
}
