//! ntp.conf of ntpd and NTPsec, with the files that it includes.
//!
//! | module | concept |
//! |---|---|
//! | `source` | `server`, `pool`, `peer`, and reference clocks |
//! | `access` | `restrict`, rate limits, addresses |
//! | `tuning` | `tos`, `tinker`, `enable` and `disable` |
//! | `nts` | the lines `nts` |
//! | `simple` | directives whose result does not depend on their arguments |

mod access;
mod nts;
mod simple;
mod source;
mod tuning;

use crate::chrony::certificate_files;
use crate::files::{Input, Reader};
use crate::ledger::LineId;
use crate::plan::{Mode, NtsKe, Plan, SYNCHRONIZATION, Server};
use crate::text::{self, Directive};
use crate::units::{DEFAULT_POOL, LARGEST_POOL};
pub(crate) use simple::is_known;
use std::path::{Path, PathBuf};
use toml::Value;

/// The number of associations of ntpd, where pools fill what servers leave (`tos maxclock`).
const DEFAULT_MAX_CLOCK: i64 = 10;

/// A configuration of ntpd while it is read.
struct Ntpd<'a> {
    plan: &'a mut Plan,
    server: Server,
    interfaces: access::Interfaces,
    limits: access::Limits,
    max_clock: Option<(i64, LineId)>,
    /// The lines `keys` and `trustedkey`.
    key_lines: Vec<LineId>,
    keys_used: bool,
    nts: nts::Nts,
    /// The sources with NTS that use the common certificates, by their places in the plan.
    common_trust: Vec<usize>,
    /// The sources without an algorithm of their own.
    common_aead: Vec<usize>,
    directory: PathBuf,
}

/// Reads the file, those that it includes, and those of `ntp.d` beside it.
pub(crate) fn read(main: &Input, reader: &mut Reader, plan: &mut Plan) -> Result<(), String> {
    let first_source = plan.sources.len();
    let mut server = Server::default();
    server.access.default_allow = true;
    let directory = main.path.parent().unwrap_or(Path::new("")).to_owned();
    let mut ntpd = Ntpd {
        plan,
        server,
        interfaces: access::Interfaces::default(),
        limits: access::Limits::default(),
        max_clock: None,
        key_lines: Vec::new(),
        keys_used: false,
        nts: nts::Nts::default(),
        common_trust: Vec::new(),
        common_aead: Vec::new(),
        directory,
    };
    ntpd.file(main, reader);
    if main.path.file_name().is_some_and(|name| name == "ntp.conf") {
        let folder = ntpd.directory.join("ntp.d");
        for name in reader.names(&folder, ".conf") {
            let input = reader.enter(&folder.join(name))?;
            ntpd.file(&input, reader);
            reader.leave();
        }
    }
    ntpd.finish(reader, first_source);
    Ok(())
}

impl Ntpd<'_> {
    fn file(&mut self, input: &Input, reader: &mut Reader) {
        for directive in text::hash_comments(&input.text) {
            let id = self
                .plan
                .ledger
                .enter(&input.path, directive.number, directive.text);
            let keyword = directive.keyword();
            match keyword.as_str() {
                "server" | "pool" | "peer" => self.source(&directive, id),
                "fudge" => self.fudge(&directive, id),
                "refclock" => self.reference_clock(&directive, id),
                "includefile" => self.include(&directive, reader, id),
                "restrict" => self.restrict(&directive, id),
                "interface" | "nic" => self.interface(&directive, id),
                "limit" | "discard" => self.limit(&directive, id),
                "tos" => self.tos(&directive, id),
                "tinker" => self.tinker(&directive, id),
                "enable" | "disable" => self.switches(&directive, id),
                "nts" => self.nts_line(&directive, id),
                "keys" => self.key_lines.push(id),
                "trustedkey" => {
                    self.key_lines.push(id);
                    self.keys_used = true;
                }
                "leapfile" => match directive.arguments().first() {
                    Some(path) => {
                        let key = (SYNCHRONIZATION, "leap-seconds-file");
                        self.plan.set(key, *path, id);
                    }
                    None => self.malformed(id),
                },
                _ => {
                    if !simple::note(&directive, self.plan, id) {
                        let note = format!("`{keyword}` is not a directive that is known");
                        self.plan.ledger.lose(id, note);
                    }
                }
            }
        }
    }

    fn malformed(&mut self, id: LineId) {
        self.plan
            .ledger
            .lose(id, "its arguments are missing or malformed");
    }

    fn include(&mut self, directive: &Directive, reader: &mut Reader, id: LineId) {
        let Some(path) = directive.arguments().first() else {
            return self.malformed(id);
        };
        let path = self.directory.join(path);
        let paths = if reader.is_directory(&path) {
            let names = reader.names(&path, ".conf");
            names.iter().map(|name| path.join(name)).collect()
        } else {
            vec![path]
        };
        for path in paths {
            match reader.enter(&path) {
                Ok(input) => {
                    self.file(&input, reader);
                    reader.leave();
                }
                Err(note) => self.plan.ledger.lose(id, note),
            }
        }
    }

    fn finish(mut self, reader: &Reader, first_source: usize) {
        self.pool_counts(first_source);
        self.trust(reader);
        for id in std::mem::take(&mut self.key_lines) {
            if self.keys_used {
                let note = "there are no symmetric keys; authenticated time is NTS";
                self.plan.ledger.lose(id, note);
            } else {
                let note = "there are no symmetric keys; none is trusted";
                self.plan.ledger.approximate(id, note);
            }
        }
        let nts_ke = self.nts_ke();
        self.finish_server(nts_ke);
    }

    /// Divides the associations that `tos maxclock` leaves among the pools.
    fn pool_counts(&mut self, first_source: usize) {
        let own = self
            .plan
            .sources
            .get_mut(first_source..)
            .unwrap_or_default();
        let is_pool = |mode: Mode| matches!(mode, Mode::Pool(_));
        let pools = own.iter().filter(|source| is_pool(source.mode)).count();
        let all = i64::try_from(own.len()).unwrap_or(i64::MAX);
        let (Ok(pools), Some(most)) = (i64::try_from(pools), self.max_clock) else {
            // Without the line, the default of a pool is nearly that of ntpd.
            return self.default_counts(first_source);
        };
        if pools == 0 {
            let note = "`maxclock`: all sources that are named are used";
            self.plan.ledger.approximate(most.1, note);
            return;
        }
        // A pool counts as an association as well.
        let left = (most.0 - all).max(pools);
        let count = (left + pools - 1) / pools;
        for source in own.iter_mut().filter(|source| is_pool(source.mode)) {
            source.mode = Mode::Pool(Some(count.clamp(1, LARGEST_POOL)));
        }
        let note = format!(
            "each pool keeps {} servers in use",
            count.clamp(1, LARGEST_POOL)
        );
        self.plan.ledger.approximate(most.1, note);
    }

    fn default_counts(&mut self, first_source: usize) {
        let own = self
            .plan
            .sources
            .get_mut(first_source..)
            .unwrap_or_default();
        let all = i64::try_from(own.len()).unwrap_or(i64::MAX);
        let pools: Vec<_> = own
            .iter_mut()
            .filter(|source| matches!(source.mode, Mode::Pool(_)))
            .collect();
        let Ok(number) = i64::try_from(pools.len()) else {
            return;
        };
        let left = (DEFAULT_MAX_CLOCK - all).max(number);
        let count = (left + number - 1) / number.max(1);
        if count < DEFAULT_POOL {
            for pool in pools {
                pool.mode = Mode::Pool(Some(count));
            }
        }
    }

    /// Gives the sources with NTS the certificates and the algorithm of the lines `nts`.
    fn trust(&mut self, reader: &Reader) {
        if let Some(location) = &self.nts.authorities {
            let files = certificate_files(location, reader);
            for place in &self.common_trust {
                if let Some(source) = self.plan.sources.get_mut(*place) {
                    source.authorities.clone_from(&files);
                    source.system_authorities = false;
                }
            }
        }
        for place in &self.common_aead {
            if let Some(source) = self.plan.sources.get_mut(*place) {
                source.aead.clone_from(&self.nts.aead);
            }
        }
    }

    /// The NTS-KE server, if it is enabled and complete.
    fn nts_ke(&mut self) -> Option<NtsKe> {
        let nts = &self.nts;
        let complete = nts.enabled && nts.certificate.is_some() && nts.key.is_some();
        if !complete {
            let note = "there is no NTS-KE server without `nts enable`, a certificate and a key";
            for id in &nts.server_lines {
                self.plan.ledger.approximate(*id, note);
            }
            return None;
        }
        Some(NtsKe {
            certificate: nts.certificate.clone(),
            key: nts.key.clone(),
            port: None,
            verbatim: Vec::new(),
            lines: nts.server_lines.clone(),
        })
    }
}

/// The preferred algorithm, and the one that every server has.
fn preferred_aead(name: &str) -> Option<Vec<Value>> {
    let known = ntp_config::text::aead_algorithm(&name.replace('_', "-")).ok()?;
    let mut names = vec![known.name(), "AES-SIV-CMAC-256"];
    names.dedup();
    Some(names.into_iter().map(Value::from).collect())
}
