//! Whole programs against one another and against independent implementations. One file shows one
//! thing; all are one executable, so that they run at the same time.

mod a_service_manager_is_informed;
mod chrony;
mod client_follows_chronyd;
mod daemon_sleeps_while_nothing_is_due;
mod exporter_tells_how_the_clock_is;
mod killed_daemon_loses_nothing;
mod kisses_are_obeyed;
mod load_is_answered;
mod mistakes_are_explained;
mod nts_beside_plain_ntp;
mod nts_certificates_on_disk;
mod nts_hostile_packets;
mod nts_silent_server;
mod nts_under_attack;
mod nts_when_the_clock_is_wrong;
mod nts_with_others;
mod odd_replies_do_no_harm;
mod old_clients_are_answered;
mod orders_are_carried_out;
mod others_configurations_are_migrated;
mod others_take_time_from_us;
mod pool_sorts_out_its_members;
mod replies_leave_from_the_address_asked;
mod servers_are_asked_without_a_daemon;
mod the_configuration_is_reloaded;
mod the_daemon_gives_up_its_rights;
mod the_first_line_names_the_cause;
mod the_kernels_clock_is_steered;
mod the_log_is_for_people;
mod the_network_comes_and_goes;
mod unprivileged_daemon_measures_only;
mod what_surrounds_the_clock;

use std::time::Duration;

/// The limit for actions that need no waiting, on a busy machine. An idle one never comes near it.
const PROMPTLY: Duration = Duration::from_secs(120);

/// The limit until a clock is right, which takes some seconds on an idle machine.
const SOON: Duration = Duration::from_secs(240);
