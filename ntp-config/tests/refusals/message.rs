//! The message: its form, the mark below its target, all problems at once, and nothing of the file
//! that could reach a terminal.

use crate::{Case, check, refusal};
use ntp_config::parse_str;

#[test]
fn the_whole_message_reads_like_that_of_a_compiler() {
    let text = "[[source]]\nmode = \"server\"\naddres = \"ntp.example.org\"\n";
    let expected = "\
error: a `[[source]]` without an `address`
 --> test.toml:1:1
  |
1 | [[source]]
  | ^^^^^^^^^^
  = help: write address = \"ntp.example.org\", with another port than 123 as \"ntp.example.org:1123\"

error: unknown key `addres` in [[source]]; did you mean `address`?
 --> test.toml:3:1
  |
3 | addres = \"ntp.example.org\"
  | ^^^^^^
  = help: possible here: `mode`, `address`, `port`, `count`, `ignore`, `poll-interval-limits`, \
`initial-poll-interval`, `burst`, `ntp-version`, `certificate-authority`, `system-authorities`, `pinned-keys` and \
`aead-algorithms`";
    assert_eq!(refusal(text), expected);
}

#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    check(&[
        Case {
            text: "[[source]]\nmode = server\n",
            at: "2:8",
            marked: "server",
            message: "this is not TOML",
            help: "double quotes",
        },
        Case {
            text: "[synchronization]\nlocal-stratum = 3\nlocal-stratum = 4\n",
            at: "3:1",
            marked: "local-stratum",
            message: "duplicate key",
            help: "key = value",
        },
    ]);
}

#[test]
fn all_problems_come_at_once_and_a_flood_of_them_is_cut() {
    let error = parse_str("t", "[clock]\na = 1\nb = 2\n[storage]\nc = 3\n").unwrap_err();
    assert_eq!(error.count(), 3);
    assert_eq!(error.messages().count(), 3);

    let many: String = (0..30).map(|n| format!("key{n} = 1\n")).collect();
    let shown = refusal(&many);
    assert_eq!(shown.matches("error:").count(), 20);
    assert!(shown.ends_with("and 10 more"), "{shown}");
}

#[test]
fn the_mark_is_below_its_target_after_tabs_and_wide_text_and_in_long_lines() {
    let tabbed = refusal("[clock]\n\tmodus = \"none\"\n");
    assert!(
        tabbed.contains("2 | \tmodus = \"none\"\n  | \t^^^^^\n"),
        "{tabbed}"
    );

    let accented = refusal("storage = { directory = \"/é\", x = 1 }\n");
    assert!(accented.contains("test.toml:1:31"), "{accented}");

    let long = refusal(&format!(
        "[clock]\nmodus = \"{}\" # {}\n",
        "x".repeat(5000),
        "y".repeat(5000)
    ));
    assert!(long.lines().all(|line| line.len() < 300), "{long}");

    let long_value = refusal(&format!("[clock]\nmode = \"{}\"\n", "x".repeat(5000)));
    assert!(
        long_value.lines().all(|line| line.len() < 1000),
        "{long_value}"
    );

    let windows = refusal("[clock]\r\nmodus = 1\r\n");
    assert!(windows.contains("2 | modus = 1\n  | ^^^^^\n"), "{windows}");
}

#[test]
fn no_control_character_of_the_file_reaches_the_terminal() {
    let shown = refusal("[clock]\n\"\\u001b[31mx\" = 1\nmode = \"\u{1b}[31m\"\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let shown = refusal("[clock]\n\"\\u001b[31mx\" = 1\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let shown = refusal("[clock]\nmode = \"\\u001b[31m\"\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}
