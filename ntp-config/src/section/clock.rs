//! `[clock]`.

use crate::config::{ClockMode, ClockSection};
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};
use ntp_proto::time::{Frequency, Seconds};

pub(crate) const CLOCK: Section = Section {
    name: "[clock]",
    keys: &[
        "mode",
        "virtual-offset",
        "virtual-frequency",
        "kept-by-another-program",
        "clock",
        "interface",
        "timestamp-mode",
    ],
};

const MODES: [(&str, ClockMode); 4] = [
    ("auto", ClockMode::Auto),
    ("system", ClockMode::System),
    ("virtual", ClockMode::Virtual),
    ("none", ClockMode::None),
];

/// The largest offset of a virtual clock in seconds: less than half an NTP era, so that its sign is
/// kept.
const LARGEST_OFFSET: f64 = 2_000_000_000.0;

/// The largest frequency offset of a virtual clock in s/s, far beyond any discipline's limit.
const LARGEST_FREQUENCY: f64 = 0.1;

pub(super) fn read(mut fields: Fields, report: &mut Report) -> ClockSection {
    let mode = fields
        .word("mode", &MODES, report)
        .map_or(ClockMode::default(), |mode| mode.value);
    if mode != ClockMode::Virtual {
        for key in ["virtual-offset", "virtual-frequency"] {
            if let Some(entry) = fields.peek(key) {
                let message = format!("`{key}` has no effect: the clock is not a virtual one");
                report.warning(
                    &entry.key.span,
                    message,
                    "write mode = \"virtual\" in [clock] or remove this line",
                );
            }
        }
    }
    let offset = fields.signed("virtual-offset", LARGEST_OFFSET, report);
    let frequency = fields.signed("virtual-frequency", LARGEST_FREQUENCY, report);
    let kept_by_another = kept_by_another(&mut fields, mode, report);
    let other_clock = (
        "this version disciplines only the system clock",
        "remove this line",
    );
    fields.refuse("clock", other_clock, report);
    let other_interface = (
        "this version takes packets from every interface",
        "remove this line; a [[server]] can be tied to one by its own `interface`",
    );
    fields.refuse("interface", other_interface, report);
    let why =
        "the kernel's software timestamps are used where available, hardware timestamps never";
    fields.no_effect("timestamp-mode", why, report);
    fields.finish(report);
    ClockSection {
        mode,
        kept_by_another,
        virtual_offset: Seconds::new(offset.map_or(0.0, |offset| offset.value)),
        virtual_frequency: Frequency::new(frequency.map_or(0.0, |frequency| frequency.value)),
    }
}

/// Reads `kept-by-another-program`: true if a clock that this daemon does not discipline is served.
/// It is the default for an explicit `mode = "none"`.
fn kept_by_another(fields: &mut Fields, mode: ClockMode, report: &mut Report) -> bool {
    const KEY: &str = "kept-by-another-program";
    let steered = matches!(mode, ClockMode::System | ClockMode::Virtual);
    let Some(kept) = fields.boolean(KEY, report) else {
        return mode == ClockMode::None;
    };
    if kept.value && steered {
        let message = format!("`{KEY}` has no effect: this daemon steers the clock itself");
        report.warning(
            &kept.span,
            message,
            "write mode = \"none\" in [clock] or remove this line",
        );
    }
    kept.value && !steered
}
