//! The configurations that Debian ships for other programs become ours without a loss.

use serde_json::Value;
use std::path::Path;
use test_support::{Peers, binary, confined, folder, or_skip, run};

/// The packages, by the folder into which they are unpacked, with the file, the number of sources
/// and the number of servers of the result.
const SHIPPED: [(&str, &str, &str, usize, usize); 6] = [
    ("", "/usr/share/chrony/chrony.conf", "chrony", 1, 0),
    ("newer", "/usr/share/chrony/chrony.conf", "chrony", 1, 0),
    // ntpd answers every client unless its file says otherwise.
    ("ntpsec", "/etc/ntpsec/ntp.conf", "ntpd", 4, 2),
    ("", "/etc/openntpd/ntpd.conf", "openntpd", 4, 0),
    ("", "/etc/systemd/timesyncd.conf", "timesyncd", 4, 0),
    ("newer", "/etc/ntpd-rs/ntp.toml", "ntpd-rs", 1, 0),
];

#[test]
fn what_debian_ships_loses_nothing_and_is_accepted() {
    let peers = or_skip!(Peers::find());
    for (part, file, format, sources, servers) in SHIPPED {
        let root = or_skip!(peers.path(part));
        or_skip!(peers.path(format!("{part}{file}").trim_start_matches('/')));
        let folder = folder();
        let result = folder.path().join("ntp.toml");
        let mut migrate = or_skip!(confined(binary("ntp-ctl")));
        migrate.args(["migrate", "--json", file, "--root"]);
        migrate.arg(root).arg("-o").arg(&result);

        let ended = run(migrate);

        assert_eq!(ended.status.code(), Some(0), "{file}: {ended}");
        let summary: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!(summary["formats"][0], format, "{file}");
        assert_eq!(summary["dropped"], 0, "{file}: {summary:#}");
        assert_eq!(summary["added"], serde_json::json!([]), "{file}");
        let loaded = ntp_config::load(&result).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(loaded.config.sources.len(), sources, "{file}");
        assert_eq!(loaded.config.servers.len(), servers, "{file}");
        is_accepted_by_the_daemon(&result);
    }
}

fn is_accepted_by_the_daemon(file: &Path) {
    let mut check = or_skip!(confined(binary("ntp-daemon")));
    check.arg("-c").arg(file).arg("--check");

    let ended = run(check);

    assert_eq!(ended.status.code(), Some(0), "{}: {ended}", file.display());
}
