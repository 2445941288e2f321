//! The built program where it ends by itself. (With this file, `cargo test` also builds the program
//! itself, which the end-to-end tests start.)
#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn a_run_that_would_end_at_once_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_ntp-load"))
        .args(["127.0.0.1:9", "--for", "0s", "--count", "1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("choose --for"), "{text}");
}
