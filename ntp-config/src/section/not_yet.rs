//! Sections of ntpd-rs 1.x that this version does not support. They are refused, because the
//! operator expects their effect.

use crate::diagnostic::Report;
use crate::fields::{Fields, Section};

/// The refused sections, which messages do not suggest.
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
