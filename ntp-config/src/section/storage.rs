//! `[storage]`.

use crate::config::Storage;
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};
use std::path::PathBuf;

pub(crate) const STORAGE: Section = Section { name: "[storage]", keys: &["directory"] };

pub(super) fn read(mut fields: Fields, report: &mut Report) -> Storage {
    let directory = fields.string("directory", report);
    fields.finish(report);
    let Some(directory) = directory else { return Storage::default() };
    match directory.value.as_str() {
        "none" => Storage { directory: None },
        path if path.starts_with('/') && !path.contains('\0') => Storage { directory: Some(PathBuf::from(path)) },
        _ => {
            let help = "write an absolute path such as \"/var/lib/truechimer\", or \"none\" to keep nothing";
            report.error(&directory.span, "`directory` must be an absolute path", help);
            Storage::default()
        }
    }
}
