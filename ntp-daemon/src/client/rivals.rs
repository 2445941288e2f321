//! Other programs that steer the same clock: their interference, and the running suspects.

use crate::digits::{ppm, signed};
use ntp_os_clock::Interference;
use ntp_proto::time::MonoTime;
use std::fs;
use std::path::Path;

/// Programs that steer the system's clock, by the names that the kernel has for their processes (at
/// most 15 octets).
const KNOWN: [&str; 12] = [
    "chronyd",
    "ntpd",
    "ntpsec",
    "systemd-timesyn",
    "openntpd",
    "ntp-daemon",
    "phc2sys",
    "ptp4l",
    "timemaster",
    "vmtoolsd",
    "VBoxService",
    "adjtimexconfig",
];

/// Another program, as far as it can be found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

/// The interference found so far.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rivalry {
    /// The number of times that the clock was found to run at another rate than was set.
    pub(crate) count: u64,
    pub(crate) last: MonoTime,
    pub(crate) latest: Interference,
    /// Running programs that could be the cause.
    pub(crate) suspects: Vec<Program>,
}

impl Rivalry {
    /// Records one more observation; the first one, and each with other suspects, is logged.
    pub(crate) fn note(rivalry: &mut Option<Self>, now: MonoTime, latest: Interference) {
        let count = rivalry.as_ref().map_or(0, |known| known.count) + 1;
        // A search through all processes each time would cost too much.
        let suspects = match &*rivalry {
            Some(known) if known.count % 16 != 0 => known.suspects.clone(),
            _ => suspects(Path::new("/proc")),
        };
        if rivalry
            .as_ref()
            .is_none_or(|known| known.suspects != suspects)
        {
            tracing::error!(
                set = %ppm(latest.ordered),
                found = %ppm(latest.found),
                moved = %signed(latest.moved),
                "another program steers the clock: {}. Only one can: stop the other one",
                names(&suspects)
            );
        }
        *rivalry = Some(Self {
            count,
            last: now,
            latest,
            suspects,
        });
    }
}

fn names(suspects: &[Program]) -> String {
    if suspects.is_empty() {
        // The first process is hidden if those of other users are (ProtectProc= of systemd).
        return if Path::new("/proc/1").exists() {
            "no known time service runs here under its usual name".into()
        } else {
            "the programs of other users are hidden from this one (see `systemctl list-units`)"
                .into()
        };
    }
    let each: Vec<_> = suspects
        .iter()
        .map(|program| format!("{} (process {})", program.name, program.pid))
        .collect();
    format!("perhaps {}", each.join(" or "))
}

/// The known programs that run, except this one. Processes that cannot be read are left out.
fn suspects(processes: &Path) -> Vec<Program> {
    let Ok(entries) = fs::read_dir(processes) else {
        return Vec::new();
    };
    let program = |entry: fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(entry.path().join("comm"))
            .ok()?
            .trim_end()
            .to_owned();
        (pid != std::process::id() && KNOWN.contains(&name.as_str()))
            .then_some(Program { name, pid })
    };
    let mut found: Vec<_> = entries.flatten().filter_map(program).collect();
    found.sort_by_key(|program| program.pid);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_daemons_are_found_by_the_names_of_their_processes() {
        let processes = tempfile::tempdir().unwrap();
        let own = std::process::id().to_string();
        for (pid, name) in [
            ("812", "chronyd"),
            ("77", "systemd-timesyn"),
            ("5", "bash"),
            (&own, "ntp-daemon"),
        ] {
            fs::create_dir(processes.path().join(pid)).unwrap();
            fs::write(processes.path().join(pid).join("comm"), format!("{name}\n")).unwrap();
        }
        fs::create_dir(processes.path().join("self")).unwrap();

        let found = suspects(processes.path());

        let program = |name: &str, pid| Program {
            name: name.into(),
            pid,
        };
        assert_eq!(
            found,
            [program("systemd-timesyn", 77), program("chronyd", 812)]
        );
        assert_eq!(
            names(&found),
            "perhaps systemd-timesyn (process 77) or chronyd (process 812)"
        );
        assert!(suspects(Path::new("/nowhere")).is_empty());
    }
}
