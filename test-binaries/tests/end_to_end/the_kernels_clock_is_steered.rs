//! The daemon as it is released, steering the system's clock through the kernel's interface: a simulated kernel, as nobody
//! may touch the real one. Beside the discipline, which the simulator tests over many seeds, this is about the system calls:
//! units, flags, and that nothing waits or reads a clock in a way that a preloaded simulator does not see.

use test_binaries::harness::{Moment, SimulatedKernel};
use test_binaries::or_skip;

/// `STA_UNSYNC` and `STA_INS` of adjtimex(2).
const UNSYNCHRONIZED: i64 = 0x40;
const INSERTS: i64 = 0x10;

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
    (moments.clone().map(|moment| moment.error.powi(2)).sum::<f64>() / moments.count() as f64).sqrt()
}

#[test]
fn a_wrong_clock_is_stepped_once_and_then_kept_within_a_fraction_of_the_jitter() {
    for seed in 1..=3 {
        let kernel = SimulatedKernel { seed, ..SimulatedKernel::default() };

        let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1])));

        let history = moments.iter().copied();
        assert_eq!(said.matches("the clock was stepped").count(), 1, "{said}");
        let worst = |from: u32| {
            let errors = history.clone().filter(|moment| moment.at > from).map(|moment| moment.error.abs());
            errors.fold(0.0, f64::max)
        };
        // Until the second poll, nobody can know how fast the clock runs: 20 ppm are 1.3 ms in 64 s.
        assert!(worst(0) < 2e-3, "seed {seed}: {} s", worst(0));
        assert!(worst(300) < 0.2e-3, "seed {seed}: {} s", worst(300));
        // The simulator's figure is 11 µs; single runs have up to 15.
        let rms = rms(history.clone().filter(|moment| moment.at > 5_000));
        assert!(rms < 25e-6, "seed {seed}: {rms} s");
        for moment in history.filter(|moment| moment.at > 10) {
            assert_eq!(moment.status & UNSYNCHRONIZED, 0, "seed {seed}: {moment:?}");
            assert!(moment.error.abs() <= moment.bound, "the kernel is told a bound that holds: {moment:?}");
            assert!(moment.at < 300 || moment.rate_error.abs() < 3e-6, "seed {seed}: {moment:?}");
        }
    }
}

#[test]
fn a_liar_among_the_servers_changes_nothing() {
    let (moments, said) = or_skip!(SimulatedKernel::default().run_daemon(&config(&[1, 2, 3, 201])));

    let rms = rms(moments.iter().copied().filter(|moment| moment.at > 5_000));
    assert!(rms < 25e-6, "{rms} s");
    assert!(said.contains("falseticker") && said.contains("198.51.100.201"), "{said}");
}

#[test]
fn a_leap_second_is_the_kernels_to_insert() {
    // The last day of June.
    let kernel = SimulatedKernel { epoch: 1_909_008_000, leap: true, seconds: 90_000, ..SimulatedKernel::default() };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));

    assert_eq!(said.matches("the clock was stepped").count(), 1, "only at the start: {said}");
    let day = moments.iter().filter(|moment| (1_000..86_399).contains(&moment.at));
    assert!(day.clone().any(|moment| moment.status & INSERTS != 0), "the kernel is told");
    // Within the second itself it matters which clock is a few microseconds ahead.
    for moment in moments.iter().filter(|moment| moment.at > 10 && !(86_399..=86_401).contains(&moment.at)) {
        assert!(moment.error.abs() < 0.5e-3, "{moment:?}");
    }
    let last = moments.last().expect("there are some");
    assert_eq!(last.status & INSERTS, 0, "and told that it is over: {last:?}");
}

#[test]
fn a_time_before_this_program_was_built_is_taken_from_servers_that_have_it() {
    let kernel = SimulatedKernel { epoch: 1_262_304_000, ..SimulatedKernel::default() };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1])));

    let rms = rms(moments.iter().copied().filter(|moment| moment.at > 5_000));
    assert!(rms < 25e-6, "{rms} s: {said}");
}

#[test]
fn a_clock_that_is_far_too_fast_is_corrected_by_more_than_the_kernels_frequency_allows() {
    // Beyond 500 ppm, the tick has to be changed as well.
    let kernel = SimulatedKernel { drift: 2_000.0, ..SimulatedKernel::default() };

    let (moments, said) = or_skip!(kernel.run_daemon(&config(&[1, 2, 3])));

    for moment in moments.iter().filter(|moment| moment.at > 2_000) {
        assert!(moment.error.abs() < 0.3e-3 && moment.error.abs() <= moment.bound, "{moment:?}: {said}");
    }
}

#[test]
fn a_clock_that_another_program_sets_is_right_again_within_seconds_and_not_called_synchronized_meanwhile() {
    let moves = [0.5, -5.0, 500.0, -7200.0, 3600.0, 0.02, -86_400.0, 7200.0];
    let set: Vec<_> = (2_000..).step_by(1_200).zip(moves).collect();
    let kernel = SimulatedKernel { set: set.clone(), ..SimulatedKernel::default() };
    let default_polling =
        config(&[1, 2, 3, 4]).replace("[source-defaults]\npoll-interval-limits = { min = 6, max = 6 }", "");

    let (moments, said) = or_skip!(kernel.run_daemon(&default_polling));

    assert_eq!(said.matches("another program has set the clock").count(), moves.len(), "{said}");
    for (at, by) in set {
        // The daemon looks once a second here, where the kernel does not tell it.
        let after =
            moments.iter().find(|moment| moment.at > at && moment.error.abs() < 1e-3).expect("it becomes right");
        assert!(after.at <= at + 5, "set by {by} s at {at}, right at {}: {said}", after.at);
    }
    for moment in moments.iter().filter(|moment| moment.at > 10 && moment.status & UNSYNCHRONIZED == 0) {
        assert!(moment.error.abs() <= moment.bound, "{moment:?}: {said}");
    }
    assert!(moments.last().is_some_and(|moment| moment.error.abs() < 0.3e-3), "{said}");
}
