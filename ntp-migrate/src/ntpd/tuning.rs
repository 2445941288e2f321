//! `tos`, `tinker`, `enable` and `disable`.

use super::Ntpd;
use crate::ledger::LineId;
use crate::plan::SYNCHRONIZATION;
use crate::text::Directive;
use crate::units::{number, whole};

/// The switches without an equivalent, with the reason.
const SWITCHES: [(&str, &str); 7] = [
    (
        "bclient",
        "there are no broadcast clients; a source must be named",
    ),
    ("calibrate", "there are no reference clocks"),
    ("pps", "there are no reference clocks"),
    (
        "stats",
        "no statistics are written to files; the metrics exporter serves the figures",
    ),
    ("mode7", "no commands are taken over the network"),
    ("monitor", ""),
    ("auth", ""),
];

impl Ntpd<'_> {
    /// Reads `tos`.
    pub(super) fn tos(&mut self, directive: &Directive, id: LineId) {
        for pair in directive.arguments().chunks(2) {
            let [name, value] = pair else {
                return self.malformed(id);
            };
            let Some(value) = number(value) else {
                return self.malformed(id);
            };
            match *name {
                "minsane" => match whole(&value.to_string()) {
                    Some(least) => {
                        let key = (SYNCHRONIZATION, "minimum-agreeing-sources");
                        self.plan.set(key, least, id);
                    }
                    None => return self.malformed(id),
                },
                "maxclock" => match whole(&value.to_string()) {
                    Some(most) => self.max_clock = Some((most, id)),
                    None => return self.malformed(id),
                },
                "maxdist" => self.plan.set_root_distance(value, id),
                "orphan" => self.orphan(value, id),
                "minclock" | "mindist" | "maxdisp" | "orphanwait" | "bcpollbstep" | "basedate"
                | "floor" | "ceiling" | "cohort" | "beacon" => {
                    let note = format!("`{name}`: the selection needs no such setting");
                    self.plan.ledger.approximate(id, note);
                }
                _ => {
                    let note = format!("`{name}` is not an option that is known");
                    self.plan.ledger.lose(id, note);
                }
            }
        }
    }

    fn orphan(&mut self, stratum: f64, id: LineId) {
        // From 16 on, the mode is off.
        if let Some(stratum) = whole(&stratum.to_string()).filter(|stratum| *stratum < 16) {
            let note = "`orphan`: servers that list one another do not choose one of them; give \
                        each another stratum";
            self.plan.ledger.approximate(id, note);
            self.plan
                .set((SYNCHRONIZATION, "local-stratum"), stratum, id);
        }
    }

    /// Reads `tinker`.
    pub(super) fn tinker(&mut self, directive: &Directive, id: LineId) {
        for pair in directive.arguments().chunks(2) {
            let [name, value] = pair else {
                return self.malformed(id);
            };
            let Some(value) = number(value).filter(|value| *value >= 0.0) else {
                return self.malformed(id);
            };
            match *name {
                "panic" => self.panic_threshold(value, id),
                "step" if value > 0.0 => {
                    self.plan
                        .set((SYNCHRONIZATION, "step-threshold"), value, id);
                    self.plan
                        .set((SYNCHRONIZATION, "startup-step-threshold"), value, id);
                }
                "step" => {
                    let note = "a large offset is still stepped at the first synchronization; \
                                `startup-step-threshold` sets from which size on";
                    self.plan.ledger.approximate(id, note);
                    self.plan
                        .set((SYNCHRONIZATION, "step-threshold"), "inf", id);
                }
                "stepback" | "stepfwd" | "stepout" | "allan" | "dispersion" | "freq"
                | "huffpuff" => {
                    let note = format!("`{name}`: the estimator needs no such setting");
                    self.plan.ledger.approximate(id, note);
                }
                _ => {
                    let note = format!("`{name}` is not an option that is known");
                    self.plan.ledger.lose(id, note);
                }
            }
        }
    }

    /// Sets the largest correction; 0 means that there is no limit.
    fn panic_threshold(&mut self, seconds: f64, id: LineId) {
        let single = (SYNCHRONIZATION, "single-step-panic-threshold");
        if seconds > 0.0 {
            self.plan.set(single, seconds, id);
        } else {
            self.plan.set(single, "inf", id);
            let startup = (SYNCHRONIZATION, "startup-step-panic-threshold");
            self.plan.set(startup, "inf", id);
        }
    }

    /// Reads `enable` or `disable`.
    pub(super) fn switches(&mut self, directive: &Directive, id: LineId) {
        let enable = directive.keyword() == "enable";
        if directive.arguments().is_empty() {
            return self.malformed(id);
        }
        for name in directive.arguments() {
            match *name {
                "ntp" => {
                    if !enable {
                        self.plan.set(("clock", "mode"), "none", id);
                    }
                }
                "kernel" => {
                    if !enable {
                        let note = "`kernel`: the clock is corrected through the kernel";
                        self.plan.ledger.approximate(id, note);
                    }
                }
                _ => match SWITCHES.iter().find(|(switch, _)| switch == name) {
                    Some((_, reason)) if enable && !reason.is_empty() => {
                        self.plan.ledger.lose(id, format!("`{name}`: {reason}"));
                    }
                    Some(_) => {}
                    None => {
                        let note = format!("`{name}` is not a switch that is known");
                        self.plan.ledger.lose(id, note);
                    }
                },
            }
        }
    }
}
