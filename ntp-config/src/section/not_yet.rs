//! Sections of ntpd-rs 1.x that this version does not have. They are refused, because ignoring them
//! would change what the operator asked for.

use crate::diagnostic::Report;
use crate::fields::{Fields, Section};

/// The refused sections; they are no part of what is possible at the top of a file.
pub(crate) const NOT_YET: Section = Section {
    name: "the file",
    keys: &["csptp", "csptp-server"],
};

pub(super) fn refuse(root: &mut Fields, report: &mut Report) {
    for key in NOT_YET.keys {
        let Some(entry) = root.take_foreign(key) else {
            continue;
        };
        report.error(
            &entry.key.span,
            format!("`{key}`: this version does not support CSPTP"),
            "remove the section",
        );
    }
}
