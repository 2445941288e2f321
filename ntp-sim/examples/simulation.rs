//! One scenario under both disciplines: `cargo run --release -p ntp-sim --example simulation`.
#![expect(clippy::print_stdout, reason = "it is for people to look at")]

use ntp_proto::clock::DisciplineKind;
use ntp_sim::scenario::Scenario;
use ntp_sim::world::World;

fn main() {
    let scenario = Scenario {
        duration: 6.0 * 3600.0,
        skip: 3600.0,
        ..Scenario::usual()
    };
    for discipline in [DisciplineKind::Estimate, DisciplineKind::PllFll] {
        let mut world = World::new(&scenario, discipline, 1);
        world.go(|second| {
            if second.t % 3600.0 == 0.0 {
                println!(
                    "{discipline:?} {:5} s: error {:+8.1} µs",
                    second.t,
                    second.error * 1e6
                );
            }
        });
        let outcome = world.finish();
        println!(
            "{discipline:?} in all: {:.1} µs rms, {} requests",
            outcome.rms * 1e6,
            outcome.sent
        );
    }
}
