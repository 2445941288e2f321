//! Sections of ntpd-rs 1.x that this version does not have. They are refused, because ignoring them would change what
//! the operator asked for.

use crate::diagnostic::Report;
use crate::fields::{Fields, Section};

/// The refused sections; they are no part of what is possible at the top of a file.
pub(crate) const NOT_YET: Section =
    Section { name: "the file", keys: &["nts-ke-server", "keyset", "csptp", "csptp-server"] };

pub(super) fn refuse(root: &mut Fields, report: &mut Report) {
    for key in NOT_YET.keys {
        let Some(entry) = root.take_foreign(key) else { continue };
        let (what, help) = match *key {
            "nts-ke-server" | "keyset" => (
                "this version speaks plain NTP only and has no NTS server",
                "remove the section; clients that use NTS need another server until NTS follows",
            ),
            _ => ("this version does not speak CSPTP", "remove the section"),
        };
        report.error(&entry.key.span, format!("`{key}`: {what}"), help);
    }
}
