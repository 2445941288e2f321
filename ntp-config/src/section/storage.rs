//! `[storage]`.

use crate::config::{ClockMode, Storage};
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};
use std::path::PathBuf;

pub(crate) const STORAGE: Section = Section {
    name: "[storage]",
    keys: &["directory"],
};

/// Values from a virtual clock, or from measuring only, must not end up in the files of the service
/// that steers the system's clock on the same machine: then the default folder is not used.
fn default_for(mode: ClockMode) -> Storage {
    match mode {
        ClockMode::Auto | ClockMode::System => Storage::default(),
        ClockMode::Virtual | ClockMode::None => Storage { directory: None },
    }
}

pub(super) fn read(mut fields: Fields, mode: ClockMode, report: &mut Report) -> Storage {
    let directory = fields.string("directory", report);
    fields.finish(report);
    let Some(directory) = directory else {
        return default_for(mode);
    };
    match directory.value.as_str() {
        "none" => Storage { directory: None },
        path if path.starts_with('/') && !path.contains('\0') => Storage {
            directory: Some(PathBuf::from(path)),
        },
        _ => {
            let help = "write an absolute path such as \"/var/lib/truechimer\", or \"none\" to keep nothing";
            report.error(
                &directory.span,
                "`directory` must be an absolute path",
                help,
            );
            Storage::default()
        }
    }
}
