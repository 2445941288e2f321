//! Our client takes the time from chronyd over a cable between two network namespaces.

use crate::SOON;
use crate::chrony::Chronyd;
use test_support::{Daemon, DaemonConfig, Network, Peers, Side, or_skip};

/// A clock 0.35 s ahead and 40 ppm too fast is right within seconds, and the cause of the trouble
/// is known.
fn a_wrong_clock_becomes_right(source: &str) -> Result<(), test_support::Skip> {
    let peers = Peers::find()?;
    let network = Network::new()?;
    let _chronyd = Chronyd::serve(&peers, Some(network.namespace(Side::Server)))?;
    let config = DaemonConfig::with_virtual_clock(0.35, 40e-6).and_source(source);
    let mut daemon = Daemon::start_at(&network, Side::Client, &config)?;

    let state = daemon.wait_until_right(0.001, SOON);

    assert_eq!(state.system.stratum, 2);
    assert_eq!(
        state.system.step_count, 1,
        "0.35 s are stepped, and only once"
    );
    let state = daemon.wait_until("the frequency is known to 5 ppm", SOON, |state| {
        state
            .system
            .frequency_ratio
            .is_some_and(|ratio| (ratio - 40e-6).abs() < 5e-6)
    });
    assert!(state.system.synchronized);
    let (true_offset, bound) = (
        state.clock.virtual_minus_system_s,
        state.system.error_bound_s,
    );
    assert!(
        true_offset.is_some_and(|offset| bound.is_some_and(|bound| offset.abs() <= bound)),
        "off by {true_offset:?} s, although the bound is {bound:?} s"
    );
    assert!(
        true_offset.is_some_and(|offset| offset.abs() < 0.1),
        "not what it began with: {true_offset:?}"
    );
    Ok(())
}

#[test]
fn a_wrong_clock_becomes_right_over_ipv4() {
    or_skip!(a_wrong_clock_becomes_right("192.0.2.2"));
}

#[test]
fn a_wrong_clock_becomes_right_over_ipv6() {
    or_skip!(a_wrong_clock_becomes_right("[2001:db8::2]"));
}

#[test]
fn timestamps_come_from_the_kernel() {
    let peers = or_skip!(Peers::find());
    let network = or_skip!(Network::new());
    let _chronyd = or_skip!(Chronyd::serve(
        &peers,
        Some(network.namespace(Side::Server))
    ));
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source("192.0.2.2");
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));

    let state = daemon.wait_until_right(0.001, SOON);

    let stamps = state.sources[0].timestamps;
    assert!(
        stamps.receive_kernel > 0 && stamps.transmit_kernel > 0,
        "{stamps:?}"
    );
}
