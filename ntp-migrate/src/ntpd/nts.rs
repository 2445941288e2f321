//! The lines `nts` of NTPsec.

use super::{Ntpd, preferred_aead};
use crate::ledger::LineId;
use crate::text::Directive;
use toml::Value;

/// The settings of NTS that are the same for all sources, and those of the NTS-KE server.
#[derive(Default)]
pub(super) struct Nts {
    pub(super) enabled: bool,
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
    pub(super) authorities: Option<String>,
    pub(super) aead: Vec<Value>,
    pub(super) server_lines: Vec<LineId>,
}

impl Ntpd<'_> {
    /// Reads one line, which may have several options.
    pub(super) fn nts_line(&mut self, directive: &Directive, id: LineId) {
        let mut rest = directive.arguments().iter();
        let mut of_server = false;
        while let Some(option) = rest.next() {
            match *option {
                "enable" | "disable" => {
                    self.nts.enabled = *option == "enable";
                    of_server = true;
                    continue;
                }
                _ => {}
            }
            let Some(value) = rest.next() else {
                return self.malformed(id);
            };
            let value = (*value).to_owned();
            match *option {
                "cert" => {
                    self.nts.certificate = Some(value);
                    of_server = true;
                }
                "key" => {
                    self.nts.key = Some(value);
                    of_server = true;
                }
                "ca" => self.nts.authorities = Some(value),
                "aead" => match preferred_aead(&value) {
                    Some(names) => self.nts.aead = names,
                    None => self.plan.ledger.approximate(
                        id,
                        "`aead`: the algorithm is not known, and the default is used",
                    ),
                },
                "cookie" => self.plan.ledger.approximate(
                    id,
                    "`cookie`: the keys are in the directory of [storage], and old cookies do not \
                     open",
                ),
                "mintls"
                | "maxtls"
                | "tlsciphersuites"
                | "tlscipherserverpreference"
                | "tlsecdhcurves" => {
                    let note = format!("`{option}`: TLS 1.3 is used, with its usual ciphers");
                    self.plan.ledger.approximate(id, note);
                }
                _ => {
                    let note = format!("`{option}` is not an option that is known");
                    self.plan.ledger.lose(id, note);
                }
            }
        }
        if of_server {
            self.nts.server_lines.push(id);
        }
    }
}
