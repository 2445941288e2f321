//! Kinds of weather, so that a weakness is seen to be one.

use ntp_sim::scenario::{Law, Link, Queue, Scenario, Shape};

/// A queue that takes longer than this is slow, in seconds.
const SLOW: f64 = 600.0;

/// A kind, and whether a world is of it.
pub(super) type Kind = (&'static str, fn(&Scenario) -> bool);

/// All kinds. A world can be of several.
pub(super) const KINDS: [Kind; 18] = [
    ("no queue, burst or spike", |world| {
        !links(world).any(|link| has_queue(&link, |_| true) || is_stormy(&link))
    }),
    ("slow queue, both ways alike", |world| {
        queue(world, |queue| is_slow(queue) && queue.way.is_none())
    }),
    ("slow queue, one way", |world| {
        queue(world, |queue| {
            is_slow(queue) && queue.way.is_some() && queue.other == 0.0
        })
    }),
    ("slow queue, uneven", |world| {
        queue(world, |queue| is_slow(queue) && queue.other > 0.0)
    }),
    ("quick queue, both ways alike", |world| {
        queue(world, |queue| !is_slow(queue) && queue.way.is_none())
    }),
    ("quick queue, one way", |world| {
        queue(world, |queue| {
            !is_slow(queue) && queue.way.is_some() && queue.other == 0.0
        })
    }),
    ("quick queue, uneven", |world| {
        queue(world, |queue| !is_slow(queue) && queue.other > 0.0)
    }),
    ("hops", |world| {
        queue(world, |queue| queue.shape == Shape::Hops)
    }),
    ("queue that begins later", |world| {
        queue(world, |queue| queue.from > 0.0)
    }),
    ("bursts", |world| {
        links(world).any(|link| !link.bursts.is_empty())
    }),
    ("spikes", |world| {
        links(world).any(|link| link.spikes.probability > 0.0)
    }),
    ("one way has more jitter", |world| {
        links(world).any(|link| link.request_jitter.is_some() || link.response_jitter.is_some())
    }),
    ("loss", |world| links(world).any(|link| link.loss > 0.0)),
    ("jitter is not exponential", |world| {
        links(world).any(|link| link.law != Law::Exponential)
    }),
    ("swing or jump of the rate", |world| {
        world.clock.swing.is_some() || !world.clock.rate_steps.is_empty()
    }),
    ("poll interval may change", |world| {
        world.poll[0] < world.poll[1]
    }),
    ("one server", |world| world.server.is_empty()),
    ("several servers", |world| !world.server.is_empty()),
];

fn links(world: &Scenario) -> impl Iterator<Item = Link> {
    world
        .servers()
        .map(|server| server.link.unwrap_or_else(|| world.link.clone()))
}

fn queue(world: &Scenario, of: fn(&Queue) -> bool) -> bool {
    links(world).any(|link| has_queue(&link, of))
}

fn has_queue(link: &Link, of: fn(&Queue) -> bool) -> bool {
    link.queues.iter().any(of)
}

fn is_stormy(link: &Link) -> bool {
    !link.bursts.is_empty() || link.spikes.probability > 0.0
}

fn is_slow(queue: &Queue) -> bool {
    queue.period > SLOW
}
