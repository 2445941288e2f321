//! `[nts-ke]`: the common settings of all `[[nts-ke-server]]`.

use crate::config::NtsKe;
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};
use std::num::NonZeroUsize;

pub(crate) const NTS_KE: Section = Section {
    name: "[nts-ke]",
    keys: &["handshake-threads"],
};

/// The most threads for handshakes; each has an event queue of its own.
const MOST_THREADS: i64 = 64;

pub(super) fn read(mut fields: Fields, report: &mut Report) -> NtsKe {
    let threads = fields.integer("handshake-threads", 1..=MOST_THREADS, report);
    fields.finish(report);
    let threads = threads.and_then(|threads| usize::try_from(threads.value).ok());
    NtsKe {
        handshake_threads: threads.and_then(NonZeroUsize::new),
    }
}
