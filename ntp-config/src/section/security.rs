//! `[security]`.

use crate::config::{SandboxMode, Security};
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};

pub(crate) const SECURITY: Section = Section {
    name: "[security]",
    keys: &["user", "sandbox"],
};

pub(super) fn read(mut fields: Fields, report: &mut Report) -> Security {
    let user = fields.string("user", report);
    if let Some(user) = user
        .as_ref()
        .filter(|user| user.value.is_empty() || user.value.contains(['\0', ':', '\n']))
    {
        report.error(
            &user.span,
            "`user` is not the name of a user",
            "write the name of a user of this machine, such as \"truechimer\"",
        );
    }
    let modes = SandboxMode::ALL.map(|mode| (mode.as_str(), mode));
    let section = Security {
        user: user.map(|user| user.value),
        sandbox: fields
            .word("sandbox", &modes, report)
            .map_or_else(SandboxMode::default, |mode| mode.value),
    };
    fields.finish(report);
    section
}
