//! `kill -9` while state files are being written.

use crate::SOON;
use serde_json::Value;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};
use test_support::{Daemon, DaemonConfig, OddServer, folder, or_skip};

const KILLS: u32 = 10;

/// The kept state, which must be whole.
fn kept(file: &Path) -> Value {
    let text =
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{} holds half of something ({error}): {text}",
            file.display()
        )
    })
}

/// The time at which a file was last written; `None` while there is none.
fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|data| data.modified())
        .ok()
}

fn last_known(file: &Path) -> i64 {
    kept(file)["last_known_unix_s"]
        .as_i64()
        .expect("a number of seconds")
}

#[test]
fn ten_kills_leave_no_half_written_file() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.35, 0.0).and_source(server.address());
    let storage = folder();
    let directory = storage.path().join("storage");
    std::fs::create_dir(&directory).unwrap();
    let (drift, state) = (directory.join("drift"), directory.join("state"));
    // From an earlier life, long ago.
    std::fs::write(&drift, "{\"frequency_ratio\":1.25e-5}\n").unwrap();
    std::fs::write(
        &state,
        "{\"last_known_unix_s\":1700000000,\"accumulated_steps_s\":0.5}\n",
    )
    .unwrap();
    let (mut folder, mut known) = (storage, last_known(&state));
    let beside = state.with_extension("new");

    for kill in 0..KILLS {
        // Every second kill comes as soon as the new file is begun, the others as soon as it has
        // taken its place.
        let watched = if kill % 2 == 0 { &beside } else { &state };
        let before = changed(watched);
        let daemon = or_skip!(Daemon::start_again(folder, &config));
        let patience = Instant::now() + SOON;
        while changed(watched) == before {
            assert!(
                Instant::now() < patience,
                "{} was not written in run {kill}",
                watched.display()
            );
            sleep(Duration::from_micros(50));
        }
        folder = daemon.into_folder();

        let left = last_known(&state);
        assert!(
            left >= known,
            "the last known time went back from {known} to {left}"
        );
        known = left;
        assert!(kept(&drift)["frequency_ratio"].is_f64());
        assert!(
            kept(&state)["accumulated_steps_s"]
                .as_f64()
                .is_some_and(|sum| sum >= 0.5),
            "the sum was forgotten"
        );
        for broken in ["drift.broken", "state.broken"] {
            assert!(
                !directory.join(broken).exists(),
                "the daemon found its own file broken"
            );
        }
    }
    assert!(known > 1_700_000_000, "nothing new was ever kept");
}
