//! Faults around a clock that is steered well: a slow disk, a slew that an earlier program has left
//! in the kernel, another program that steers, a second daemon. They run on the simulated kernel,
//! as a test may not touch the real one.

use crate::{PROMPTLY, SOON};
use std::time::Duration;
use test_support::{
    Daemon, DaemonConfig, Moment, OddServer, Rival, Running, SimulatedKernel, binary, confined,
    folder, or_skip,
};

/// `STA_UNSYNC` of adjtimex(2).
const UNSYNCHRONIZED: i64 = 0x40;

/// Four sources that are asked every 64 s, and files in `storage`.
fn config(storage: &str) -> String {
    let sources: String = (1..=4)
        .map(|last| format!("[[source]]\nmode = \"server\"\naddress = \"198.51.100.{last}\"\n"))
        .collect();
    format!(
        "[source-defaults]\npoll-interval-limits = {{ min = 6, max = 6 }}\n[storage]\ndirectory = \"{storage}\"\n{sources}"
    )
}

/// The same, with a start at which offsets below a second are slewed.
fn slewing(storage: &str) -> String {
    format!(
        "[synchronization]\nstartup-step-threshold = 1\nstep-threshold = 1\n{}",
        config(storage)
    )
}

/// True if the kernel does not call the clock better than it is.
fn is_honest(moment: &Moment) -> bool {
    moment.status & UNSYNCHRONIZED != 0 || moment.error.abs() <= moment.bound
}

/// The largest error of the clock in a span of seconds.
fn worst(moments: &[Moment], span: impl std::ops::RangeBounds<u32>) -> f64 {
    moments
        .iter()
        .filter(|moment| span.contains(&moment.at))
        .map(|moment| moment.error.abs())
        .fold(0.0, f64::max)
}

#[test]
fn a_disk_that_takes_three_seconds_leaves_the_end_of_a_slew_on_time() {
    let storage = folder();
    // 0.1 s are slewed at 9 %, in a good second. The state is kept as soon as the clock is
    // synchronized. On the thread that ends the slew, four times three seconds more at that rate
    // would be an error of 0.4 s and more.
    let kernel = SimulatedKernel {
        offset: 0.1,
        disk: 3.0,
        seconds: 600,
        ..SimulatedKernel::default()
    };

    let (moments, said) =
        or_skip!(kernel.run_daemon(&slewing(&storage.path().display().to_string())));

    let start = moments.iter().take(6).collect::<Vec<_>>();
    assert!(worst(&moments, ..=1) < 0.11, "{start:?}");
    assert!(worst(&moments, 4..) < 5e-3, "{start:?}\n{said}");
    let state =
        std::fs::read_to_string(storage.path().join("state")).expect("it is kept all the same");
    assert!(state.contains("last_known_unix_s"), "{state}");
}

#[test]
fn a_clock_that_is_set_in_the_moment_of_the_end_is_not_kept_as_right() {
    for by in [7_200.0, -7_200.0] {
        let storage = folder();
        let kernel = SimulatedKernel {
            set: vec![(2_000, by)],
            seconds: 2_000,
            ..SimulatedKernel::default()
        };

        let (moments, said) =
            or_skip!(kernel.run_daemon(&config(&storage.path().display().to_string())));

        let state = std::fs::read_to_string(storage.path().join("state")).expect("it is kept");
        let kept: serde_json::Value = serde_json::from_str(&state).expect("it is JSON");
        let at = kept["last_known_unix_s"].as_i64().expect("a number") - kernel.epoch;
        assert!(
            (0..=2_000).contains(&at),
            "{by}: {at} s after the start\n{said}"
        );
        let last = moments.last().expect("there are some");
        assert!((last.error - by).abs() < 1.0, "it was set: {last:?}");
    }
}

#[test]
fn the_rest_of_a_killed_daemons_slew_is_taken_back_at_the_next_start_without_any_network() {
    for left in [90_000.0, -90_000.0, 90_012.5] {
        let kernel = SimulatedKernel {
            offset: 0.0,
            drift: 12.5,
            found: left,
            silent: Some(0),
            seconds: 600,
            ..SimulatedKernel::default()
        };

        let (moments, said) = or_skip!(kernel.run_daemon(&config("none")));

        // At ±9 % it would be 54 s.
        assert!(
            worst(&moments, ..) < 0.1,
            "{left} ppm: {:?}\n{said}",
            moments.last()
        );
        assert!(
            said.contains("was left running") && said.contains("no oscillator"),
            "{said}"
        );
    }
}

#[test]
fn a_frequency_that_an_oscillator_can_have_is_kept_at_the_next_start() {
    let kernel = SimulatedKernel {
        offset: 0.0,
        drift: 320.0,
        found: -320.0,
        silent: Some(0),
        wander: 0.0,
        seconds: 600,
        ..SimulatedKernel::default()
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&config("none")));

    assert!(worst(&moments, ..) < 1e-3, "{:?}\n{said}", moments.last());
}

#[test]
fn a_program_that_sets_another_frequency_is_noticed_and_its_harm_is_undone() {
    let rival = Rival {
        at: 3_000,
        ppm: 300.0,
        every: 0,
    };
    let kernel = SimulatedKernel {
        rival: Some(rival),
        seconds: 6_000,
        ..SimulatedKernel::default()
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&config("none")));

    assert_eq!(
        said.matches("another program steers the clock").count(),
        1,
        "{said}"
    );
    // Four sources are asked every 64 s, so that one is asked every 16 s or so: 300 ppm of that are
    // 5 ms.
    assert!(
        worst(&moments, 3_000..3_400) < 30e-3,
        "{}",
        worst(&moments, 3_000..3_400)
    );
    assert!(
        worst(&moments, 3_400..) < 0.5e-3,
        "{}",
        worst(&moments, 3_400..)
    );
    for moment in moments.iter().filter(|moment| moment.at > 3_100) {
        assert!(moment.rate_error.abs() < 0.1, "{moment:?}");
    }
}

#[test]
fn a_slew_that_another_program_undoes_is_noticed_and_made_again() {
    // In the middle of the slew of 0.12 s.
    let rival = Rival {
        at: 1,
        ppm: 0.0,
        every: 0,
    };
    let kernel = SimulatedKernel {
        offset: 0.12,
        rival: Some(rival),
        seconds: 1_200,
        ..SimulatedKernel::default()
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&slewing("none")));

    assert!(said.contains("another program steers the clock"), "{said}");
    let start = moments.iter().take(40).collect::<Vec<_>>();
    // The slew would have ended within the second; that it did not get there is known then.
    assert!(
        moments.iter().filter(|moment| moment.at > 2).all(is_honest),
        "{start:?}\n{said}"
    );
    assert!(
        worst(&moments, 100..) < 1e-3,
        "{} {start:?}\n{said}",
        worst(&moments, 100..)
    );
}

#[test]
fn a_second_daemon_does_not_use_the_files_of_the_first_and_names_it() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(server.address());
    let mut first = or_skip!(Daemon::start(&config));
    first.wait_until_right(0.01, SOON);
    let own = folder();
    let file = own.path().join("ntp.toml");
    let text = format!(
        "[[source]]\nmode = \"server\"\naddress = \"{}\"\n[clock]\nmode = \"virtual\"\n[observability]\n\
         observation-path = \"{}/o.sock\"\n[storage]\ndirectory = \"{}\"\n",
        server.address(),
        own.path().display(),
        first.storage().display()
    );
    std::fs::write(&file, text).unwrap();
    let mut command = or_skip!(confined(binary("ntp-daemon")));
    command.arg("-c").arg(file);

    let mut second = Running::start("a second daemon", command);

    assert!(!second.wait(PROMPTLY).success());
    let said = second.output();
    assert!(
        said.contains(&format!("process {}", first.process().id())),
        "{said}"
    );
    assert!(first.process().exited().is_none());
}

#[test]
fn a_virtual_clock_and_none_keep_nothing_unless_a_folder_is_named() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    for mode in ["virtual", "none"] {
        let own = folder();
        let file = own.path().join("ntp.toml");
        let text = format!(
            "[[source]]\nmode = \"server\"\naddress = \"{}\"\npoll-interval-limits = {{ min = 0, max = 1 }}\n[clock]\n\
             mode = \"{mode}\"\n[observability]\nobservation-path = \"{}/o.sock\"\nlog-level = \"debug\"\n",
            server.address(),
            own.path().display(),
        );
        std::fs::write(&file, text).unwrap();
        let service = Snapshot::of_the_service();
        let mut command = or_skip!(confined(binary("ntp-daemon")));
        command.arg("-c").arg(file);
        let mut daemon = Running::start("ntp-daemon", command);
        daemon.wait_for_line("new source", PROMPTLY);
        std::thread::sleep(Duration::from_secs(2));
        assert!(daemon.terminate(PROMPTLY).success(), "{}", daemon.output());
        assert_eq!(
            Snapshot::of_the_service(),
            service,
            "mode {mode}: {}",
            daemon.output()
        );
    }
}

/// The files of the service on this machine, if there are any, with their times.
#[derive(PartialEq, Debug)]
struct Snapshot(Vec<(std::path::PathBuf, Option<std::time::SystemTime>)>);

impl Snapshot {
    fn of_the_service() -> Self {
        let entries = std::fs::read_dir("/var/lib/truechimer")
            .into_iter()
            .flatten()
            .flatten();
        let changed =
            |entry: &std::fs::DirEntry| entry.metadata().and_then(|data| data.modified()).ok();
        let mut files: Vec<_> = entries
            .map(|entry| (entry.path(), changed(&entry)))
            .collect();
        files.sort();
        Self(files)
    }
}
