//! `[synchronization]`.

use super::file;
use crate::config::Synchronization;
use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, Section, limit};
use crate::raw::Value;
use ntp_proto::clock::{
    Authentication, ClockConfig, DisciplineKind, DisturbanceLimits, FirstTime, StepLimits,
    StepPolicy,
};
use ntp_proto::packet::{ReferenceId, Stratum};
use ntp_proto::time::Seconds;

pub(crate) const SYNCHRONIZATION: Section = Section {
    name: "[synchronization]",
    keys: &[
        "minimum-agreeing-sources",
        "authentication",
        "first-time-from",
        "single-step-panic-threshold",
        "startup-step-panic-threshold",
        "accumulated-step-panic-threshold",
        "warn-on-jump",
        "local-stratum",
        "reference-id",
        "discipline",
        "after-disturbance-panic-threshold",
        "step-threshold",
        "startup-step-threshold",
        "maximum-root-distance",
        "leap-seconds-file",
        "algorithm",
    ],
};

pub(crate) const THRESHOLD: Section = Section {
    name: "a panic threshold",
    keys: &["forward", "backward"],
};

/// The settings of the filter of ntpd-rs 1.x.
pub(crate) const ALGORITHM: Section = Section {
    name: "[synchronization.algorithm]",
    keys: &[
        "precision-low-probability",
        "precision-high-probability",
        "precision-hysteresis",
        "precision-minimum-weight",
        "poll-interval-low-weight",
        "poll-interval-high-weight",
        "poll-interval-hysteresis",
        "poll-interval-step-threshold",
        "delay-outlier-threshold",
        "initial-wander",
        "initial-frequency-uncertainty",
        "maximum-source-uncertainty",
        "range-statistical-weight",
        "range-delay-weight",
        "steer-offset-threshold",
        "steer-offset-leftover",
        "steer-frequency-threshold",
        "steer-frequency-leftover",
        "step-threshold",
        "slew-maximum-frequency-offset",
        "slew-minimum-duration",
        "maximum-frequency-steer",
        "ignore-server-dispersion",
        "meddling-threshold",
    ],
};

const DISTURBANCE_LIMITS: [(&str, DisturbanceLimits); 3] = [
    ("startup", DisturbanceLimits::Startup),
    ("running", DisturbanceLimits::Running),
    ("startup-or-lost-time", DisturbanceLimits::StartupOrLostTime),
];

const DISCIPLINES: [(&str, DisciplineKind); 2] = [
    ("estimate", DisciplineKind::Estimate),
    ("pll-fll", DisciplineKind::PllFll),
];

const AUTHENTICATION: [(&str, Authentication); 3] = [
    ("require", Authentication::Require),
    ("prefer", Authentication::Prefer),
    ("mix", Authentication::Mix),
];

const FIRST_TIME: [(&str, FirstTime); 2] = [
    ("witness", FirstTime::Witness),
    ("single", FirstTime::Single),
];

/// The largest root distance; beyond it a source is useless.
const LARGEST_ROOT_DISTANCE: Seconds = Seconds::new(16.0);

/// The section, with its requirements on the sources.
pub(super) struct Read {
    pub(super) value: Synchronization,
    pub(super) demands: Demands,
}

/// The requirements on the sources, each with its place in the file.
#[derive(Default)]
pub(crate) struct Demands {
    pub(crate) minimum_agreeing: Option<Located<usize>>,
    pub(crate) authentication: Option<Located<Authentication>>,
    pub(crate) first_time: Option<Located<FirstTime>>,
}

pub(super) fn read(mut fields: Fields, report: &mut Report) -> Read {
    let defaults = ClockConfig::default();
    let minimum_agreeing = fields.integer("minimum-agreeing-sources", 1..=1000, report);
    let minimum_agreeing =
        minimum_agreeing.and_then(|min| Some(min.with(usize::try_from(min.value).ok()?)));
    let authentication = fields.word("authentication", &AUTHENTICATION, report);
    let first_time = fields.word("first-time-from", &FIRST_TIME, report);
    let settings = ClockConfig {
        authentication: authentication
            .as_ref()
            .map_or(defaults.authentication, |policy| policy.value),
        first_time: first_time
            .as_ref()
            .map_or(defaults.first_time, |policy| policy.value),
        minimum_agreeing: minimum_agreeing
            .as_ref()
            .map_or(defaults.minimum_agreeing, |minimum| minimum.value),
        maximum_distance: root_distance(&mut fields, report).unwrap_or(defaults.maximum_distance),
        steps: steps(&mut fields, report),
        local_stratum: local_stratum(&mut fields, report).unwrap_or(defaults.local_stratum),
        local_reference_id: reference_id(&mut fields, report)
            .unwrap_or(defaults.local_reference_id),
        // Set by `[clock]`.
        serves_unsteered: defaults.serves_unsteered,
        discipline: fields
            .word("discipline", &DISCIPLINES, report)
            .map_or(defaults.discipline, |kind| kind.value),
    };
    let warn_on_jump = fields
        .boolean("warn-on-jump", report)
        .is_none_or(|warn| warn.value);
    let leap_seconds_file = file::optional(&mut fields, "leap-seconds-file", report);
    algorithm(&mut fields, report);
    fields.finish(report);
    let demands = Demands {
        minimum_agreeing,
        authentication,
        first_time,
    };
    Read {
        value: Synchronization {
            settings,
            warn_on_jump,
            leap_seconds_file,
        },
        demands,
    }
}

fn steps(fields: &mut Fields, report: &mut Report) -> StepPolicy {
    let defaults = StepPolicy::default();
    let running = step_limits(fields, "single-step-panic-threshold", report);
    if let Some(running) = &running
        && [running.value.forward, running.value.backward].contains(&Some(Seconds::ZERO))
    {
        let message =
            "`single-step-panic-threshold` of 0 would stop the daemon at the first correction";
        report.error(
            &running.span,
            message,
            "write a number of seconds above 0, or \"inf\" for no limit",
        );
    }
    let startup = step_limits(fields, "startup-step-panic-threshold", report);
    StepPolicy {
        startup: startup.map_or(defaults.startup, |limits| limits.value),
        running: running.map_or(defaults.running, |limits| limits.value),
        accumulated: fields
            .limit("accumulated-step-panic-threshold", report)
            // 0 means no limit, as in ntpd-rs.
            .map_or(defaults.accumulated, |limit| {
                limit.value.filter(|limit| *limit > Seconds::ZERO)
            }),
        startup_threshold: fields
            .seconds("startup-step-threshold", report)
            .map_or(defaults.startup_threshold, |threshold| threshold.value),
        threshold: step_threshold(fields, report)
            .map_or(defaults.threshold, |threshold| threshold.value),
        after_disturbance: fields
            .word(
                "after-disturbance-panic-threshold",
                &DISTURBANCE_LIMITS,
                report,
            )
            .map_or(defaults.after_disturbance, |limits| limits.value),
    }
}

/// Reads `step-threshold`. It refuses 0, which other daemons read as "never step".
fn step_threshold(fields: &mut Fields, report: &mut Report) -> Option<Located<Option<Seconds>>> {
    let threshold = fields.limit("step-threshold", report)?;
    if threshold.value != Some(Seconds::ZERO) {
        return Some(threshold);
    }
    let help = "write \"inf\" to never step, or a small number such as 0.001 to step nearly always";
    report.error(&threshold.span, "`step-threshold` must not be 0", help);
    None
}

/// Reads one limit for both directions, or a table with one for each.
fn step_limits(
    fields: &mut Fields,
    key: &'static str,
    report: &mut Report,
) -> Option<Located<StepLimits>> {
    if !matches!(fields.peek(key)?.value.value, Value::Table(_)) {
        let both = fields.limit(key, report)?;
        return Some(both.with(StepLimits::both(both.value)));
    }
    let mut table = fields.table(&THRESHOLD, key, report)?;
    let span = table.span().clone();
    let complete = THRESHOLD
        .keys
        .iter()
        .all(|direction| table.peek(direction).is_some());
    let forward = table
        .take("forward")
        .and_then(|entry| limit(&entry.value, "forward", report));
    let backward = table
        .take("backward")
        .and_then(|entry| limit(&entry.value, "backward", report));
    table.finish(report);
    if !complete {
        let help = "write both, as { forward = 1800, backward = \"inf\" }, or one number for both";
        report.error(
            &span,
            format!("`{key}` needs both `forward` and `backward`"),
            help,
        );
    }
    Some(Located {
        value: StepLimits {
            forward: forward?.value,
            backward: backward?.value,
        },
        span,
    })
}

fn root_distance(fields: &mut Fields, report: &mut Report) -> Option<Seconds> {
    let distance = fields.seconds("maximum-root-distance", report)?;
    if distance.value > Seconds::ZERO && distance.value <= LARGEST_ROOT_DISTANCE {
        return Some(distance.value);
    }
    let help = format!(
        "write a number of seconds above 0 and up to {}",
        LARGEST_ROOT_DISTANCE.to_f64()
    );
    report.error(
        &distance.span,
        "`maximum-root-distance` is out of range",
        help,
    );
    None
}

fn local_stratum(fields: &mut Fields, report: &mut Report) -> Option<Stratum> {
    let stratum = fields.integer("local-stratum", 1..=16, report)?;
    u8::try_from(stratum.value).ok().map(Stratum::from_bits)
}

fn reference_id(fields: &mut Fields, report: &mut Report) -> Option<ReferenceId> {
    let text = fields.string("reference-id", report)?;
    let fits = (1..=4).contains(&text.value.len())
        && text.value.bytes().all(|octet| octet.is_ascii_graphic());
    if !fits {
        let help = "write up to four letters of ASCII without blanks, as \"GPS\"";
        report.error(
            &text.span,
            format!("`{}` is not a reference id", text.value),
            help,
        );
        return None;
    }
    let mut letters = [0; 4];
    letters
        .iter_mut()
        .zip(text.value.bytes())
        .for_each(|(place, letter)| *place = letter);
    Some(ReferenceId::from_letters(letters))
}

/// Warns that the keys of ntpd-rs's algorithm have no effect. They are accepted, so that a file for
/// ntpd-rs works.
fn algorithm(fields: &mut Fields, report: &mut Report) {
    let Some(mut table) = fields.table(&ALGORITHM, "algorithm", report) else {
        return;
    };
    let tuned: Vec<_> = ALGORITHM
        .keys
        .iter()
        .filter_map(|key| Some((*key, table.take(key)?)))
        .collect();
    table.finish(report);
    let Some(first) = tuned
        .iter()
        .map(|(_, entry)| &entry.key.span)
        .min_by_key(|span| span.range.start)
    else {
        return;
    };
    let keys: Vec<&str> = tuned.iter().map(|(key, _)| *key).collect();
    let message = format!(
        "{} in [synchronization.algorithm] {} no effect: {} the filter of ntpd-rs, which this \
         daemon does not use",
        crate::suggest::listed(&keys),
        if keys.len() == 1 { "has" } else { "have" },
        if keys.len() == 1 {
            "it tunes"
        } else {
            "they tune"
        },
    );
    let help = "remove the section; when to step is `step-threshold` in [synchronization]";
    report.warning(first, message, help);
}
