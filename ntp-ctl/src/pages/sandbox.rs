//! The rights that the daemon has given up.

use crate::terminal::wrap;
use ntp_observe::{Document, SandboxFacts, SandboxLevel};

/// The paragraph of the daemon's rights; empty for a daemon that says nothing about them.
pub(crate) fn lines(document: &Document, width: usize) -> String {
    let Some(sandbox) = &document.daemon.sandbox else {
        return String::new();
    };
    let mut text = format!(
        "\nRights of the daemon\n{}",
        wrap("  ", &rights(sandbox), width)
    );
    for lacking in &sandbox.lacking {
        text.push_str(&wrap("  - ", &format!("lacking: {lacking}"), width));
    }
    text
}

fn rights(sandbox: &SandboxFacts) -> String {
    let user = match sandbox.uid {
        0 => "root".to_owned(),
        uid => format!("user {uid}"),
    };
    let capabilities = match sandbox.capabilities.as_slice() {
        [] => "no capability".to_owned(),
        kept => kept.join(", "),
    };
    let privileges = if sandbox.no_new_privileges {
        "no new privileges"
    } else {
        "new privileges possible"
    };
    format!(
        "{user} with {capabilities}, {privileges}; files and ports {}, system calls {}",
        restricted(&sandbox.landlock, "Landlock"),
        restricted(&sandbox.seccomp, "seccomp")
    )
}

fn restricted(level: &SandboxLevel, by: &str) -> String {
    match level {
        SandboxLevel::Full => format!("restricted ({by})"),
        SandboxLevel::Partial => format!("restricted in part ({by})"),
        SandboxLevel::Unavailable => format!("not restricted (this kernel refuses {by})"),
        SandboxLevel::Off => "not restricted ([security] sandbox = \"off\")".to_owned(),
        SandboxLevel::Other(word) => format!("{word} ({by})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_and_what_is_lacking_are_said() {
        let mut document = Document::default();
        assert_eq!(lines(&document, 80), "");
        document.daemon.sandbox = Some(SandboxFacts {
            uid: 998,
            capabilities: vec!["CAP_SYS_TIME".into()],
            no_new_privileges: true,
            landlock: SandboxLevel::Partial,
            seccomp: SandboxLevel::Full,
            lacking: vec!["Landlock is old".into()],
        });
        assert_eq!(
            lines(&document, 200),
            "\nRights of the daemon\n  user 998 with CAP_SYS_TIME, no new privileges; files and ports restricted in part \
             (Landlock), system calls restricted (seccomp)\n  - lacking: Landlock is old\n"
        );
    }
}
