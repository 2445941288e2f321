//! Correction of the clock, selection of sources, leap seconds and the NTS client.

use super::{CertSet, Chrony};
use crate::ledger::LineId;
use crate::plan::SYNCHRONIZATION;
use crate::text::Directive;
use crate::units::{number, whole};
use toml::Value;

/// The file that belongs to the `right/` time zones.
const LEAP_SECONDS: &str = "/usr/share/zoneinfo/leap-seconds.list";

/// The most lines `ntstrustedcerts`.
const MOST_CERTIFICATES: usize = 100;

impl Chrony<'_> {
    /// Reads a directive of this module; false if it is another one.
    pub(super) fn clock_directive(&mut self, directive: &Directive, id: LineId) -> bool {
        let arguments = directive.arguments();
        let first = arguments.first().copied().unwrap_or_default();
        match directive.keyword().as_str() {
            "makestep" => self.makestep(arguments, id),
            "maxchange" => self.maxchange(arguments, id),
            "maxdistance" => match number(first) {
                Some(distance) => self.plan.set_root_distance(distance, id),
                None => self.malformed(id),
            },
            "minsources" => match whole(first) {
                Some(least) => {
                    let key = (SYNCHRONIZATION, "minimum-agreeing-sources");
                    self.plan.set(key, least, id);
                }
                None => self.malformed(id),
            },
            "authselectmode" => self.authselectmode(first, id),
            "leapsectz" => {
                let note = "the list of leap seconds of the same package is used";
                self.plan.ledger.approximate(id, note);
                self.plan
                    .set((SYNCHRONIZATION, "leap-seconds-file"), LEAP_SECONDS, id);
            }
            "leapseclist" => self
                .plan
                .set((SYNCHRONIZATION, "leap-seconds-file"), first, id),
            "leapsecmode" => match first.to_ascii_lowercase().as_str() {
                "system" => {}
                "step" => self
                    .plan
                    .ledger
                    .approximate(id, "the kernel inserts the leap second"),
                _ => self
                    .plan
                    .ledger
                    .lose(id, "the kernel inserts the leap second, at once"),
            },
            "ntstrustedcerts" => self.ntstrustedcerts(arguments, id),
            "nosystemcert" => self.system_certificates = false,
            "ntsaeads" => self.ntsaeads(arguments, id),
            "initstepslew" => self.initstepslew(arguments, id),
            "keyfile" => self.key_files.push(id),
            "acquisitionport" if first == "0" => {}
            "dscp" if first == "0" => {}
            "ptpport" if first == "0" => {}
            _ => return false,
        }
        true
    }

    pub(super) fn malformed(&mut self, id: LineId) {
        self.plan
            .ledger
            .lose(id, "its arguments are missing or malformed");
    }

    fn makestep(&mut self, arguments: &[&str], id: LineId) {
        let [threshold, limit] = arguments else {
            return self.malformed(id);
        };
        let (Some(threshold), Some(limit)) = (number(threshold), whole(limit)) else {
            return self.malformed(id);
        };
        if limit == 0 || threshold < 0.0 {
            self.plan.ledger.approximate(
                id,
                "a large offset is still stepped at the first synchronization; \
                 `startup-step-threshold` sets from which size on",
            );
            self.plan
                .set((SYNCHRONIZATION, "step-threshold"), "inf", id);
            return;
        }
        self.plan
            .set((SYNCHRONIZATION, "startup-step-threshold"), threshold, id);
        if limit < 0 && threshold > 0.0 {
            self.plan
                .set((SYNCHRONIZATION, "step-threshold"), threshold, id);
        } else if limit < 0 {
            let note = "the clock is stepped from an offset of 1 ms on";
            self.plan.ledger.approximate(id, note);
            self.plan
                .set((SYNCHRONIZATION, "step-threshold"), 0.001, id);
        } else {
            let note = format!(
                "the first synchronization may step, not the first {limit} updates; so may the one \
                 after a suspend or after another program has set the clock"
            );
            self.plan.ledger.approximate(id, note);
            self.plan
                .set((SYNCHRONIZATION, "step-threshold"), "inf", id);
        }
    }

    fn maxchange(&mut self, arguments: &[&str], id: LineId) {
        let Some(offset) = arguments.first().and_then(|offset| number(offset)) else {
            return self.malformed(id);
        };
        let note = "the limit holds after the first synchronization; beyond it the clock is left \
                    alone and the daemon goes on";
        self.plan.ledger.approximate(id, note);
        self.plan
            .set((SYNCHRONIZATION, "single-step-panic-threshold"), offset, id);
    }

    fn authselectmode(&mut self, mode: &str, id: LineId) {
        let mode = mode.to_ascii_lowercase();
        let ours = match mode.as_str() {
            "require" | "prefer" | "mix" => mode.as_str(),
            "ignore" => {
                let note = "\"mix\" lets all sources vote alike as well";
                self.plan.ledger.approximate(id, note);
                "mix"
            }
            _ => return self.malformed(id),
        };
        self.plan.set((SYNCHRONIZATION, "authentication"), ours, id);
    }

    fn ntstrustedcerts(&mut self, arguments: &[&str], id: LineId) {
        let (set, path) = match arguments {
            [path] => (Some(0), *path),
            [set, path] => (whole(set), *path),
            _ => (None, ""),
        };
        match set.filter(|_| path.starts_with('/')) {
            Some(_) if self.certificates.len() >= MOST_CERTIFICATES => {
                let note = format!("there are more than {MOST_CERTIFICATES} such lines");
                self.plan.ledger.lose(id, note);
            }
            Some(set) => self.certificates.push((CertSet(set), path.to_owned(), id)),
            None => self
                .plan
                .ledger
                .lose(id, "the path of the certificates must be absolute"),
        }
    }

    fn ntsaeads(&mut self, arguments: &[&str], id: LineId) {
        self.aead.clear();
        for name in arguments {
            match ntp_config::text::aead_algorithm(name) {
                Ok(known) => {
                    let value = Value::String(known.name().to_owned());
                    if !self.aead.contains(&value) {
                        self.aead.push(value);
                    }
                }
                Err(refusal) => self.plan.ledger.approximate(id, refusal.message()),
            }
        }
    }

    fn initstepslew(&mut self, arguments: &[&str], id: LineId) {
        let Some(threshold) = arguments.first().and_then(|threshold| number(threshold)) else {
            return self.malformed(id);
        };
        let note = "the sources set the clock at the start; the servers of this line are not asked \
                    beforehand";
        self.plan.ledger.approximate(id, note);
        self.plan
            .set((SYNCHRONIZATION, "startup-step-threshold"), threshold, id);
    }
}
