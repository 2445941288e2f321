//! `[storage]`.

use crate::config::{ClockMode, Storage};
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};
use std::path::PathBuf;

pub(crate) const STORAGE: Section = Section {
    name: "[storage]",
    keys: &["directory"],
};

/// The default of `mode`. A virtual clock and pure measurement have no default directory, because
/// their values must not replace those of the service that disciplines the system clock.
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
            let help = "write an absolute path such as \"/var/lib/truechimer\", or \"none\" to \
                        keep nothing";
            report.error(
                &directory.span,
                "`directory` must be an absolute path",
                help,
            );
            Storage::default()
        }
    }
}
