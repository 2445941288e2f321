//! `[keyset]`.

use super::file;
use crate::config::Keyset;
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};
use ntp_proto::nts::MAX_OLD_KEYS;
use std::time::Duration;

pub(crate) const KEYSET: Section = Section {
    name: "[keyset]",
    keys: &[
        "stale-key-count",
        "key-rotation-interval",
        "key-storage-path",
    ],
};

/// The longest rotation interval: a year, because a stolen key decrypts cookies until it is rotated
/// out.
const LONGEST_ROTATION: i64 = 31_536_000;

/// The time in which a client with the longest usual poll interval (2¹⁰ s) uses its eight cookies.
const EIGHT_COOKIES: Duration = Duration::from_secs(8 << 10);

pub(super) fn read(mut fields: Fields, report: &mut Report) -> Keyset {
    let defaults = Keyset::default();
    let stale = fields.integer("stale-key-count", 0..=i64::from(MAX_OLD_KEYS), report);
    let rotation = fields.integer("key-rotation-interval", 1..=LONGEST_ROTATION, report);
    let at = rotation
        .as_ref()
        .or(stale.as_ref())
        .map(|value| value.span.clone());
    let keyset = Keyset {
        stale_key_count: stale
            .and_then(|stale| usize::try_from(stale.value).ok())
            .unwrap_or(defaults.stale_key_count),
        key_rotation_interval: rotation
            .and_then(|rotation| u64::try_from(rotation.value).ok())
            .map_or(defaults.key_rotation_interval, Duration::from_secs),
        key_storage_path: file::optional(&mut fields, "key-storage-path", report),
    };
    fields.finish(report);
    if let Some(at) = at.filter(|_| cookie_life(&keyset) < EIGHT_COOKIES) {
        let message = format!(
            "cookies may expire after {} s",
            cookie_life(&keyset).as_secs()
        );
        let help = format!(
            "make `key-rotation-interval` times `stale-key-count` at least {}, or clients with \
             long poll intervals must repeat key establishment",
            EIGHT_COOKIES.as_secs()
        );
        report.warning(&at, message, help);
    }
    keyset
}

/// The shortest life of a cookie: one that is made just before a rotation.
fn cookie_life(keyset: &Keyset) -> Duration {
    let rotations = u32::try_from(keyset.stale_key_count).unwrap_or(u32::MAX);
    keyset.key_rotation_interval.saturating_mul(rotations)
}
