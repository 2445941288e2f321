//! The difference between the configuration in force and another one.

use super::pairing::pair;
use crate::server::{RunningGroup, is_dual_stack};
use ntp_config::{Config, Observability, ServerEntry};
use ntp_proto::clock::ClockConfig;

/// The fate of one listening address of the new configuration.
#[derive(Debug)]
pub(super) enum ServerStep {
    /// The group at this place of the old list goes on, with other settings.
    Keep(usize),
    /// Sockets are opened; true: those at `[::]` serve IPv4, too.
    Open(bool),
}

/// The step of each listening address of `config`, in its order.
pub(super) fn server_steps(running: &[RunningGroup], config: &Config) -> Vec<ServerStep> {
    let pairs = pair(running, &config.servers, |group, entry| {
        group.entry().listen == entry.listen
    });
    let all = || config.servers.iter().map(|other| other.listen);
    let step = |(kept, entry): (Option<usize>, &ServerEntry)| match kept {
        Some(place) => ServerStep::Keep(place),
        None => ServerStep::Open(is_dual_stack(entry.listen, all())),
    };
    pairs.into_iter().zip(&config.servers).map(step).collect()
}

/// The settings of a listening address that stays which cannot change while it is open.
pub(super) fn fixed_settings(group: &RunningGroup, new: &ServerEntry, dual_stack: bool) -> bool {
    let old = group.entry();
    let of = |entry: &ServerEntry| {
        (
            entry.worker_threads,
            entry.pin_threads,
            entry.interface.clone(),
        )
    };
    of(old) != of(new) || group.is_dual_stack() != dual_stack
}

/// Puts the values of `old` back into `new` that cannot change while the daemon runs, and returns
/// the names of those that differ.
pub(super) fn keep_what_is_fixed(old: &Config, new: &mut Config) -> Vec<String> {
    let mut restart_needed = Vec::new();
    let mut note = |differs: bool, name: &str| {
        if differs {
            restart_needed.push(name.to_owned());
        }
    };
    note(old.clock != new.clock, "[clock]");
    note(old.storage != new.storage, "[storage]");
    note(old.keyset != new.keyset, "[keyset]");
    note(old.nts_ke != new.nts_ke, "[nts-ke]");
    note(old.security != new.security, "[security]");
    let (before, after) = (&old.synchronization, &new.synchronization);
    note(
        before.settings.discipline != after.settings.discipline,
        "[synchronization] discipline",
    );
    note(
        before.leap_seconds_file != after.leap_seconds_file,
        "[synchronization] leap-seconds-file",
    );
    note(
        old.observability.ansi_colors != new.observability.ansi_colors,
        "[observability] ansi-colors",
    );
    note(
        old.observability.control_path_or_default() != new.observability.control_path_or_default(),
        "[observability] control-path",
    );
    new.synchronization.settings = ClockConfig {
        discipline: before.settings.discipline,
        // It is a word of [clock].
        serves_unsteered: before.settings.serves_unsteered,
        ..after.settings
    };
    new.synchronization
        .leap_seconds_file
        .clone_from(&before.leap_seconds_file);
    new.observability = Observability {
        ansi_colors: old.observability.ansi_colors,
        control_path: Some(old.observability.control_path_or_default()),
        ..new.observability.clone()
    };
    new.clock = old.clock;
    new.storage = old.storage.clone();
    new.keyset = old.keyset.clone();
    new.nts_ke = old.nts_ke;
    new.security = old.security.clone();
    restart_needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_config::parse_str;

    fn config(text: &str) -> Config {
        parse_str("test", text).unwrap().config
    }

    #[test]
    fn what_needs_a_restart_is_named_and_keeps_its_old_value() {
        let source = "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n";
        let old = config(source);
        let mut new = config(&format!(
            "{source}[clock]\nmode = \"none\"\n[storage]\ndirectory = \"none\"\n[security]\nsandbox = \"off\"\n\
             [observability]\nansi-colors = true\nlog-level = \"debug\"\n"
        ));
        let asked = new.clone();
        assert_eq!(
            keep_what_is_fixed(&old, &mut new),
            [
                "[clock]",
                "[storage]",
                "[security]",
                "[observability] ansi-colors"
            ]
        );
        assert_eq!((new.clock, &new.storage), (old.clock, &old.storage));
        assert_eq!(
            new.observability.log_level, asked.observability.log_level,
            "the rest is as the file says"
        );
        let settings = |config: &Config| config.synchronization.settings.serves_unsteered;
        assert_eq!(settings(&new), settings(&old));
        assert!(keep_what_is_fixed(&old, &mut old.clone()).is_empty());
    }
}
