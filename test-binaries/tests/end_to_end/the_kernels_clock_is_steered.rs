//! The daemon as it is released, steering the system's clock through the kernel's interface: a
//! simulated kernel, as no test may touch the real one. Beside the discipline, which the simulator
//! tests over many seeds, this is about the system calls: units, flags, and that nothing waits or
//! reads a clock in a way that a preloaded simulator does not see.

use test_support::{Moment, SimulatedKernel, Skip, folder, or_skip};

/// `STA_UNSYNC` and `STA_INS` of adjtimex(2).
const UNSYNCHRONIZED: i64 = 0x40;
const INSERTS: i64 = 0x10;

/// The first second of July 2030, and the length of a day.
const JULY: i64 = 1_909_094_400;
const DAY: i64 = 86_400;
/// The end of the day that [`the_last_hours_of`] begins in, in seconds of true time.
const MIDNIGHT: u32 = 3_000;

/// From a little before a midnight until half an hour after it.
fn the_last_hours_of(midnight: i64) -> SimulatedKernel {
    SimulatedKernel {
        epoch: midnight - i64::from(MIDNIGHT),
        midnight: MIDNIGHT,
        seconds: MIDNIGHT + 1_800,
        ..SimulatedKernel::default()
    }
}

/// Sources that are asked every 64 s, at these last octets of their addresses.
fn config(sources: &[u8]) -> String {
    let sources: Vec<_> = sources
        .iter()
        .map(|last| format!("[[source]]\nmode = \"server\"\naddress = \"198.51.100.{last}\"\n"))
        .collect();
    format!(
        "[source-defaults]\npoll-interval-limits = {{ min = 6, max = 6 }}\n[storage]\ndirectory = \"none\"\n{}",
        sources.concat()
    )
}

fn rms(moments: impl Iterator<Item = Moment> + Clone) -> f64 {
    (moments
        .clone()
        .map(|moment| moment.error.powi(2))
        .sum::<f64>()
        / moments.count() as f64)
        .sqrt()
}

#[test]
fn a_wrong_clock_is_stepped_once_and_then_kept_within_a_fraction_of_the_jitter() {
    for seed in 1..=3 {
        let kernel = SimulatedKernel {
            seed,
            ..SimulatedKernel::default()
        };

        let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1])));

        let history = moments.iter().copied();
        assert_eq!(said.matches("the clock was stepped").count(), 1, "{said}");
        let worst = |from: u32| {
            let errors = history
                .clone()
                .filter(|moment| moment.at > from)
                .map(|moment| moment.error.abs());
            errors.fold(0.0, f64::max)
        };
        // Until the second poll, the rate of the clock cannot be known: 20 ppm are 1.3 ms in 64
        // s.
        assert!(worst(0) < 2e-3, "seed {seed}: {} s", worst(0));
        assert!(worst(300) < 0.2e-3, "seed {seed}: {} s", worst(300));
        // The simulator's figure is 11 µs; single runs have up to 15.
        let rms = rms(history.clone().filter(|moment| moment.at > 5_000));
        assert!(rms < 25e-6, "seed {seed}: {rms} s");
        for moment in history.filter(|moment| moment.at > 10) {
            assert_eq!(moment.status & UNSYNCHRONIZED, 0, "seed {seed}: {moment:?}");
            assert!(
                moment.error.abs() <= moment.bound,
                "the kernel gets a bound that holds: {moment:?}"
            );
            assert!(
                moment.at < 300 || moment.rate_error.abs() < 3e-6,
                "seed {seed}: {moment:?}"
            );
        }
    }
}

#[test]
fn a_liar_among_the_servers_changes_nothing() {
    let (moments, said) = or_skip!(SimulatedKernel::default().run_daemon(&config(&[1, 2, 3, 201])));

    let rms = rms(moments.iter().copied().filter(|moment| moment.at > 5_000));
    assert!(rms < 25e-6, "{rms} s");
    assert!(
        said.contains("falseticker") && said.contains("198.51.100.201"),
        "{said}"
    );
}

#[test]
fn a_leap_second_is_the_kernels_to_insert() {
    let kernel = SimulatedKernel {
        leap: true,
        ..the_last_hours_of(JULY)
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));

    assert_eq!(
        said.matches("the clock was stepped").count(),
        1,
        "only at the start: {said}"
    );
    let mut day = moments
        .iter()
        .filter(|moment| (1_000..MIDNIGHT - 1).contains(&moment.at));
    assert!(
        day.any(|moment| moment.status & INSERTS != 0),
        "the kernel is armed"
    );
    // Within the second itself it matters which clock is a few microseconds ahead.
    for moment in moments
        .iter()
        .filter(|moment| moment.at > 10 && !(MIDNIGHT - 1..=MIDNIGHT + 1).contains(&moment.at))
    {
        assert!(moment.error.abs() < 0.5e-3, "{moment:?}");
    }
    let last = moments.last().expect("there are some");
    assert_eq!(
        last.status & INSERTS,
        0,
        "and the end is reported to it: {last:?}"
    );
}

#[test]
fn the_kernel_is_disarmed_after_midnight_though_the_servers_are_silent() {
    let kernel = SimulatedKernel {
        leap: true,
        silent: Some(MIDNIGHT - 600),
        ..the_last_hours_of(JULY)
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));

    let armed = |moment: &&Moment| moment.status & INSERTS != 0;
    assert!(
        moments
            .iter()
            .filter(|moment| (100..MIDNIGHT).contains(&moment.at))
            .all(|moment| armed(&moment)),
        "{said}"
    );
    let after = moments
        .iter()
        .filter(|moment| moment.at > MIDNIGHT + 4)
        .find(armed);
    assert!(after.is_none(), "armed into the next day: {after:?}");
    for moment in moments.iter().filter(|moment| moment.at > MIDNIGHT + 4) {
        assert!(moment.error.abs() < 0.01, "inserted once: {moment:?}");
    }
}

#[test]
fn the_kernel_is_not_armed_before_the_last_day() {
    // The leap second comes a day after the first midnight.
    let kernel = SimulatedKernel {
        announce: true,
        ..the_last_hours_of(JULY - DAY)
    };
    let (moments, _) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));
    let before = moments.iter().filter(|moment| moment.at <= MIDNIGHT);
    assert!(
        before.clone().count() > 1_000 && before.clone().all(|moment| moment.status & INSERTS == 0)
    );
}

#[test]
fn a_false_leap_second_a_month_too_early_is_never_armed() {
    let kernel = SimulatedKernel {
        announce: true,
        ..the_last_hours_of(JULY - 30 * DAY)
    };
    let (moments, _) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));
    assert!(moments.iter().all(|moment| moment.status & INSERTS == 0));
}

/// A file of leap seconds with 37 s from 2017 on and perhaps 38 s from July 2030 on, that expires a
/// year later.
fn leap_seconds(with_leap: bool) -> String {
    use sha1::{Digest as _, Sha1};
    let ntp = |unix: i64| (unix + 2_208_988_800).to_string();
    let (updated, expires) = (ntp(JULY - 100 * DAY), ntp(JULY + 365 * DAY));
    let mut steps = vec![(ntp(1_483_228_800), "37")];
    steps.extend(with_leap.then(|| (ntp(JULY), "38")));
    let digits: String = steps
        .iter()
        .map(|(from, offset)| format!("{from}{offset}"))
        .collect();
    let hash: Vec<String> = Sha1::digest(format!("{updated}{expires}{digits}"))
        .chunks(4)
        .map(|word| {
            format!(
                "{:x}",
                u32::from_be_bytes(word.try_into().expect("four octets"))
            )
        })
        .collect();
    let lines: String = steps
        .iter()
        .map(|(from, offset)| format!("{from} {offset}\n"))
        .collect();
    format!("#$ {updated}\n#@ {expires}\n{lines}#h {}\n", hash.join(" "))
}

/// Runs the daemon with a file of leap seconds.
fn with_leap_file(kernel: &SimulatedKernel, file: &str) -> Result<(Vec<Moment>, String), Skip> {
    let folder = folder();
    let path = folder.path().join("leap-seconds.list");
    std::fs::write(&path, file).expect("a temporary file can be written");
    let named = format!(
        "[synchronization]\nleap-seconds-file = \"{}\"\n",
        path.display()
    );
    kernel.run_daemon(&(config(&[1, 2, 3]) + &named))
}

#[test]
fn the_kernel_learns_tai_from_the_file_and_keeps_it_over_a_leap_second() {
    let kernel = SimulatedKernel {
        leap: true,
        ..the_last_hours_of(JULY)
    };

    let (moments, said) = or_skip!(with_leap_file(&kernel, &leap_seconds(true)));

    assert!(said.contains("the leap seconds are those of"), "{said}");
    for moment in moments.iter().filter(|moment| moment.at > 10) {
        // The second is inserted within microseconds of this moment, before or after it.
        let expected = if moment.at < MIDNIGHT - 1 { 37 } else { 38 };
        assert!(
            moment.tai == expected || moment.at.abs_diff(MIDNIGHT) <= 3,
            "{moment:?}"
        );
    }
}

#[test]
fn a_file_of_leap_seconds_outranks_servers_that_announce_one_that_is_not_in_it() {
    let kernel = SimulatedKernel {
        announce: true,
        ..the_last_hours_of(JULY)
    };
    let (moments, _) = or_skip!(with_leap_file(&kernel, &leap_seconds(false)));
    assert!(
        moments.iter().all(|moment| moment.status & INSERTS == 0),
        "announced by all, and not in the file"
    );
}

#[test]
fn a_file_of_leap_seconds_that_was_altered_is_reported_and_the_servers_are_asked() {
    let kernel = SimulatedKernel {
        announce: true,
        ..the_last_hours_of(JULY)
    };
    let (moments, said) = or_skip!(with_leap_file(
        &kernel,
        &leap_seconds(false).replace(" 37", " 36")
    ));
    assert!(
        said.contains("cannot be used") && said.contains("hash"),
        "{said}"
    );
    assert!(
        moments.iter().any(|moment| moment.status & INSERTS != 0),
        "{said}"
    );
}

#[test]
fn the_kernel_calls_its_clock_synchronized_as_long_as_we_do() {
    // Left alone, the kernel's bound reaches its 16 s after 8.9 hours.
    let kernel = SimulatedKernel {
        silent: Some(3_600),
        seconds: 50_000,
        ..SimulatedKernel::default()
    };
    let config = config(&[1, 2, 3]).replace("max = 6", "max = 12");

    let (moments, said) = or_skip!(kernel.run_daemon(&config));

    let lost = moments
        .iter()
        .find(|moment| moment.at > 60 && moment.status & UNSYNCHRONIZED != 0);
    let lost = lost.map_or(kernel.seconds, |moment| moment.at);
    assert!(lost > 40_000, "lost at {lost}: {said}");
    for moment in moments
        .iter()
        .filter(|moment| (60..lost).contains(&moment.at))
    {
        // Ours is 1.5 s at most, and the kernel's half a second more before it is set again.
        assert!(
            moment.bound < 2.2 && moment.error.abs() <= moment.bound,
            "{moment:?}"
        );
    }
}

#[test]
fn a_time_before_this_program_was_built_is_taken_from_servers_that_have_it() {
    let kernel = SimulatedKernel {
        epoch: 1_262_304_000,
        ..SimulatedKernel::default()
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1])));

    let rms = rms(moments.iter().copied().filter(|moment| moment.at > 5_000));
    assert!(rms < 25e-6, "{rms} s: {said}");
}

#[test]
fn a_clock_that_is_far_too_fast_is_corrected_by_more_than_the_kernels_frequency_allows() {
    // Beyond 500 ppm, the tick has to be changed as well.
    let kernel = SimulatedKernel {
        drift: 2_000.0,
        ..SimulatedKernel::default()
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));

    for moment in moments.iter().filter(|moment| moment.at > 2_000) {
        assert!(
            moment.error.abs() < 0.3e-3 && moment.error.abs() <= moment.bound,
            "{moment:?}: {said}"
        );
    }
}

#[test]
fn a_clock_that_another_program_sets_is_right_again_within_seconds_and_not_called_synchronized_meanwhile()
 {
    let moves = [0.5, -5.0, 500.0, -7200.0, 3600.0, 0.02, -86_400.0, 7200.0];
    let set: Vec<_> = (2_000..).step_by(1_200).zip(moves).collect();
    let kernel = SimulatedKernel {
        set: set.clone(),
        ..SimulatedKernel::default()
    };
    let default_polling = config(&[1, 2, 3, 4]).replace(
        "[source-defaults]\npoll-interval-limits = { min = 6, max = 6 }",
        "",
    );

    let (moments, said) = or_skip!(kernel.run_daemon(&default_polling));

    assert_eq!(
        said.matches("another program has set the clock").count(),
        moves.len(),
        "{said}"
    );
    for (at, by) in set {
        // The daemon reads the clock once a second here, as the simulated kernel gives no notice of
        // a step.
        let after = moments
            .iter()
            .find(|moment| moment.at > at && moment.error.abs() < 1e-3)
            .expect("it becomes right");
        assert!(
            after.at <= at + 5,
            "set by {by} s at {at}, right at {}: {said}",
            after.at
        );
    }
    for moment in moments
        .iter()
        .filter(|moment| moment.at > 10 && moment.status & UNSYNCHRONIZED == 0)
    {
        assert!(moment.error.abs() <= moment.bound, "{moment:?}: {said}");
    }
    assert!(
        moments
            .last()
            .is_some_and(|moment| moment.error.abs() < 0.3e-3),
        "{said}"
    );
}

#[test]
fn a_clock_of_any_year_is_set_to_the_right_era() {
    // In seconds from the true time, which is 2030; no packet distinguishes 2100 from 1964, or 2150
    // from 2014.
    const YEAR: f64 = 31_556_952.0;
    for year in [1970.01, 2010.0, 2029.0, 2100.0, 2150.0] {
        let kernel = SimulatedKernel {
            offset: (year - 2030.0) * YEAR,
            seconds: 600,
            ..SimulatedKernel::default()
        };

        let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));

        for moment in moments.iter().filter(|moment| moment.at > 60) {
            assert!(
                moment.error.abs() < 2e-3,
                "a clock of {year}: {moment:?}\n{said}"
            );
        }
    }
}

#[test]
fn a_clock_that_is_moved_to_another_era_while_it_runs_is_never_moved_further() {
    const MOVED: f64 = 70.0 * 31_556_952.0;
    let kernel = SimulatedKernel {
        set: vec![(300, MOVED)],
        seconds: 900,
        ..SimulatedKernel::default()
    };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));

    for moment in moments.iter().filter(|moment| moment.at > 301) {
        let untouched = (moment.error - MOVED).abs() < 1.0;
        assert!(untouched || moment.error.abs() < 1.0, "{moment:?}: {said}");
    }
}

#[test]
fn the_kernel_is_not_given_the_same_frequency_again() {
    let kernel = SimulatedKernel {
        seconds: 7_200,
        ..SimulatedKernel::default()
    };

    let (_, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3, 4])));

    let counts = said
        .lines()
        .find_map(|line| line.split_once("frequency: ").map(|(_, counts)| counts))
        .expect(&said);
    let numbers: Vec<u32> = counts
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [settings, repetitions] = numbers[..] else {
        panic!("{counts}")
    };
    assert!(settings > 20 && repetitions <= settings / 50, "{counts}");
}
