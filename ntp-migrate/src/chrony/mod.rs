//! chrony.conf, with the files that it includes.
//!
//! | module | concept |
//! |---|---|
//! | `source` | `server`, `pool`, `peer` |
//! | `clock` | correction of the clock, selection, leap seconds |
//! | `server` | access, addresses, rate limit, NTS-KE server |
//! | `simple` | directives whose result does not depend on their arguments |

mod clock;
mod server;
mod simple;
mod source;

use crate::files::{Input, Reader};
use crate::ledger::LineId;
use crate::plan::{Plan, Server};
use crate::text::{self, Directive};
pub(crate) use simple::is_known;
pub(crate) use source::{CORRECTED, NOSELECT, SYMMETRIC_KEY};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::Value;

/// The set of certificates of a source, 0 by default.
#[derive(Clone, Copy, PartialEq, Eq)]
struct CertSet(i64);

/// A configuration of chrony while it is read.
struct Chrony<'a> {
    plan: &'a mut Plan,
    /// The set of each source with NTS, by its place in the plan.
    certificate_sets: Vec<(usize, CertSet)>,
    /// The files of `ntstrustedcerts`.
    certificates: Vec<(CertSet, String, LineId)>,
    system_certificates: bool,
    aead: Vec<Value>,
    /// The lines with `keyfile`.
    key_files: Vec<LineId>,
    keys_used: bool,
    server: Server,
    serves: bool,
    /// `clientloglimit`, in octets.
    client_log: Option<(i64, LineId)>,
}

/// Reads the file and those that it includes.
pub(crate) fn read(main: &Input, reader: &mut Reader, plan: &mut Plan) {
    let mut chrony = Chrony {
        plan,
        certificate_sets: Vec::new(),
        certificates: Vec::new(),
        system_certificates: true,
        aead: Vec::new(),
        key_files: Vec::new(),
        keys_used: false,
        server: Server::default(),
        serves: true,
        client_log: None,
    };
    let only_sources = main
        .path
        .extension()
        .is_some_and(|extension| extension == "sources");
    chrony.file(main, reader, only_sources);
    chrony.finish(reader);
}

impl Chrony<'_> {
    /// Reads one file. A file of a `sourcedir` may only name sources.
    fn file(&mut self, input: &Input, reader: &mut Reader, only_sources: bool) {
        for directive in text::chrony(&input.text) {
            let id = self
                .plan
                .ledger
                .enter(&input.path, directive.number, directive.text);
            let keyword = directive.keyword();
            let is_source = matches!(keyword.as_str(), "server" | "pool" | "peer");
            match keyword.as_str() {
                _ if only_sources && !is_source => {
                    let note = "a .sources file may only name sources";
                    self.plan.ledger.lose(id, note);
                }
                _ if is_source => self.source(&directive, id),
                "include" => self.include(&directive, reader, id),
                "confdir" => self.directories(&directive, reader, ".conf", id),
                "sourcedir" => self.directories(&directive, reader, ".sources", id),
                _ => {
                    let known = self.clock_directive(&directive, id)
                        || self.server_directive(&directive, id)
                        || simple::note(&directive, self.plan, id);
                    if !known {
                        let note = format!("`{keyword}` is not a directive that is known");
                        self.plan.ledger.lose(id, note);
                    }
                }
            }
        }
    }

    fn include(&mut self, directive: &Directive, reader: &mut Reader, id: LineId) {
        let Some(pattern) = directive.arguments().first() else {
            self.plan.ledger.lose(id, "the name of the file is missing");
            return;
        };
        let paths = reader.matching(Path::new(pattern));
        if paths.is_empty() {
            self.plan.ledger.lose(id, "no file matches");
        }
        for path in paths {
            self.included(&path, reader, false, id);
        }
    }

    /// Reads the files of directories in the order of their names. Of files with the same name, the
    /// directory that was named first wins.
    fn directories(
        &mut self,
        directive: &Directive,
        reader: &mut Reader,
        suffix: &str,
        id: LineId,
    ) {
        let mut seen = BTreeSet::new();
        let mut paths: Vec<(String, PathBuf)> = Vec::new();
        for directory in directive.arguments() {
            let directory = Path::new(directory);
            let of_run_time = ["/run", "/var/run"].map(|parent| directory.starts_with(parent));
            if suffix == ".sources" && of_run_time.contains(&true) {
                let note = format!(
                    "servers that programs such as a DHCP client write to {} later are not read",
                    directory.display()
                );
                self.plan.ledger.approximate(id, note);
            }
            for name in reader.names(directory, suffix) {
                if seen.insert(name.clone()) {
                    let path = directory.join(&name);
                    paths.push((name, path));
                }
            }
        }
        paths.sort();
        for (_, path) in paths {
            self.included(&path, reader, suffix == ".sources", id);
        }
    }

    fn included(&mut self, path: &Path, reader: &mut Reader, only_sources: bool, id: LineId) {
        match reader.enter(path) {
            Ok(input) => {
                self.file(&input, reader, only_sources);
                reader.leave();
            }
            Err(note) => self.plan.ledger.lose(id, note),
        }
    }

    fn finish(mut self, reader: &Reader) {
        self.trust(reader);
        self.finish_server();
        let serves = self
            .plan
            .servers
            .iter()
            .any(|server| !server.lines.is_empty());
        for id in std::mem::take(&mut self.key_files) {
            if self.keys_used || serves {
                let note = "there are no symmetric keys; authenticated time is NTS";
                self.plan.ledger.lose(id, note);
            } else {
                let note = "there are no symmetric keys; no source uses one";
                self.plan.ledger.approximate(id, note);
            }
        }
    }

    /// Gives each source with NTS its certificates and algorithms.
    fn trust(&mut self, reader: &Reader) {
        let sets = std::mem::take(&mut self.certificate_sets);
        for (place, set) in &sets {
            let own = self.certificates.iter().filter(|(of, _, _)| of == set);
            let files: Vec<String> = own
                .flat_map(|(_, path, _)| certificate_files(path, reader))
                .collect();
            if let Some(source) = self.plan.sources.get_mut(*place) {
                source.authorities = files;
                source.system_authorities = self.system_certificates && *set == CertSet(0);
                source.aead.clone_from(&self.aead);
            }
        }
        for (set, _, id) in &self.certificates {
            if !sets.iter().any(|(_, used)| used == set) {
                let note = "no source with NTS uses it";
                self.plan.ledger.approximate(*id, note);
            }
        }
    }
}

/// The files with certificates in a directory, or the file itself.
pub(crate) fn certificate_files(path: &str, reader: &Reader) -> Vec<String> {
    let directory = Path::new(path);
    if !reader.is_directory(directory) {
        return vec![path.to_owned()];
    }
    let mut files = Vec::new();
    for suffix in [".crt", ".pem"] {
        let names = reader.names(directory, suffix);
        files.extend(
            names
                .iter()
                .map(|name| directory.join(name).display().to_string()),
        );
    }
    files.sort();
    files
}
