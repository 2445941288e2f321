//! A world in a line.

use crate::scenario::{Law, Link, Queue, Scenario, Shape, Way};
use std::collections::BTreeSet;

/// Servers, poll interval, oscillator and links of a world, in short.
#[must_use]
pub fn describe(world: &Scenario) -> String {
    let links: Vec<Link> = world
        .servers()
        .map(|server| server.link.unwrap_or_else(|| world.link.clone()))
        .collect();
    let [shortest, longest] = world.poll;
    let mut words = vec![format!(
        "{} server{}",
        links.len(),
        if links.len() == 1 { "" } else { "s" }
    )];
    words.push(if shortest == longest {
        format!("poll {shortest}")
    } else {
        format!("poll {shortest}-{longest}")
    });
    words.push(format!("wander {:.0e}", world.clock.wander));
    if let Some(swing) = world.clock.swing {
        words.push(format!(
            "swing {} ppm in {}",
            short(swing.amplitude * 1e6),
            span(swing.period)
        ));
    }
    words.extend(
        world
            .clock
            .rate_steps
            .iter()
            .map(|step| format!("rate step {} ppm", short(step.by * 1e6))),
    );
    let weathers: BTreeSet<String> = links.iter().map(weather).collect();
    let (paths, skies): (Vec<String>, Vec<String>) = (
        links.iter().map(path).collect(),
        weathers.into_iter().collect(),
    );
    words.push(paths.join(" | "));
    words.push(match skies.as_slice() {
        [common] if links.len() > 1 => format!("common: {common}"),
        _ => skies.join(" | "),
    });
    words.join(", ")
}

/// Length and jitter of a path.
fn path(link: &Link) -> String {
    let law = match link.law {
        Law::Constant => " constant",
        Law::Exponential => "",
        Law::Gaussian => " gaussian",
        Law::Lognormal => " lognormal",
        Law::Pareto => " pareto",
        Law::ThreeExponentials => " gamma3",
        Law::Uniform => " uniform",
    };
    let [requests, responses] =
        [link.request_jitter, link.response_jitter].map(|own| own.unwrap_or(link.jitter));
    let jitter = if requests == responses {
        time(requests)
    } else {
        format!("{}/{}", time(requests), time(responses))
    };
    format!("{}±{jitter}{law}", time(link.base))
}

/// The events on a path.
fn weather(link: &Link) -> String {
    let mut words = Vec::new();
    if link.loss > 0.0 {
        words.push(format!("loss {:.0} %", link.loss * 100.0));
    }
    if link.spikes.probability > 0.0 {
        words.push(format!(
            "spikes {:.0} % {}",
            link.spikes.probability * 100.0,
            time(link.spikes.mean)
        ));
    }
    for burst in &link.bursts {
        let size = if burst.mean > 0.0 {
            format!("~{}", time(burst.mean))
        } else {
            time(burst.constant)
        };
        words.push(format!(
            "burst {} {size} {} of {}",
            side(burst.way),
            span(burst.length),
            span(burst.period)
        ));
    }
    words.extend(link.queues.iter().map(queue));
    if words.is_empty() {
        "calm".to_owned()
    } else {
        words.join(" + ")
    }
}

fn queue(queue: &Queue) -> String {
    let shape = match queue.shape {
        Shape::Saw => "saw".to_owned(),
        Shape::Ramp => format!("ramp({})", span(queue.ramp)),
        Shape::Sine => "sine".to_owned(),
        Shape::Hops => "hops".to_owned(),
    };
    let mut words = format!("{shape} {}", side(queue.way));
    if queue.other > 0.0 {
        words += &format!("+{}", short(queue.other));
    }
    words += &format!(" {} in {}", time(queue.height), span(queue.period));
    if queue.from > 0.0 {
        words += &format!(" from {}", span(queue.from));
    }
    if queue.until.is_finite() {
        words += &format!(" until {}", span(queue.until));
    }
    words
}

fn side(way: Option<Way>) -> &'static str {
    match way {
        None => "both",
        Some(Way::Request) => "up",
        Some(Way::Response) => "down",
    }
}

/// Up to a second, in its best unit.
fn time(seconds: f64) -> String {
    if seconds < 1e-3 {
        format!("{}us", short(seconds * 1e6))
    } else {
        format!("{}ms", short(seconds * 1e3))
    }
}

/// Seconds to days, in its best unit.
fn span(seconds: f64) -> String {
    if seconds < 600.0 {
        format!("{}s", short(seconds))
    } else if seconds < 7_200.0 {
        format!("{}min", short(seconds / 60.0))
    } else {
        format!("{}h", short(seconds / 3_600.0))
    }
}

/// Two digits.
fn short(value: f64) -> String {
    format!("{value:.1e}")
        .parse::<f64>()
        .map_or_else(|_| value.to_string(), |rounded| rounded.to_string())
}
