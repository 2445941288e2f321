//! Programs that cannot touch the machine's clock.

use crate::Skip;
use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Takes CAP_SYS_TIME away, for good.
const SETPRIV: [&str; 4] = [
    "setpriv",
    "--bounding-set=-sys_time",
    "--inh-caps=-sys_time",
    "--no-new-privs",
];

/// CAP_SYS_TIME in the sets of /proc/self/status (capabilities(7)).
const SYS_TIME: u64 = 1 << 25;

/// The means that keep a program from the machine's clock.
#[derive(Clone, Debug)]
enum Means {
    /// By dropping the right first.
    Setpriv,
    /// We do not have the right ourselves.
    AsWeAre,
    /// Not at all.
    None(Skip),
}

fn means() -> &'static Means {
    static MEANS: OnceLock<Means> = OnceLock::new();
    MEANS.get_or_init(|| {
        let [tool, options @ ..] = SETPRIV;
        let probe = Command::new(tool)
            .args(options)
            .arg("true")
            .stderr(Stdio::null())
            .status();
        if probe.is_ok_and(|status| status.success()) {
            Means::Setpriv
        } else if has_the_right() {
            Means::None(Skip(
                "setpriv (util-linux) is needed, to keep the programs from the machine's clock"
                    .into(),
            ))
        } else {
            Means::AsWeAre
        }
    })
}

/// True if this process may set the clock, or could after executing another program.
fn has_the_right() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
            .unwrap_or(u64::MAX)
    };
    // Others than root gain nothing by executing what root has not marked for it.
    let root = rustix::process::geteuid().is_root();
    set("CapEff") & SYS_TIME != 0 || root && set("CapBnd") & SYS_TIME != 0
}

/// A command for `program` that cannot touch the machine's clock, in a network namespace if one is
/// named.
///
/// # Errors
/// If that cannot be guaranteed.
pub fn confined_in(namespace: Option<&str>, program: impl AsRef<OsStr>) -> Result<Command, Skip> {
    let mut words: Vec<&OsStr> = match means() {
        Means::Setpriv => SETPRIV.iter().chain(&["--"]).map(OsStr::new).collect(),
        Means::AsWeAre => Vec::new(),
        Means::None(skip) => return Err(skip.clone()),
    };
    if let Some(namespace) = namespace {
        words.extend(["ip", "netns", "exec", namespace].map(OsStr::new));
    }
    words.push(program.as_ref());
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("invariant: the program at least"));
    command.args(words);
    Ok(command)
}

/// A command for `program` that cannot touch the machine's clock.
///
/// # Errors
/// If that cannot be guaranteed.
pub fn confined(program: impl AsRef<OsStr>) -> Result<Command, Skip> {
    confined_in(None, program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confined_program_lacks_the_right_to_set_the_clock() {
        let Ok(mut command) = confined("cat") else {
            return;
        };
        let output = command.arg("/proc/self/status").output().unwrap();
        let status = String::from_utf8(output.stdout).unwrap();
        let effective = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .unwrap();

        assert_eq!(
            u64::from_str_radix(effective.trim(), 16).unwrap() & SYS_TIME,
            0
        );
    }
}
