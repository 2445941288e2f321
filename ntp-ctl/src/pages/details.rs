//! Everything about one source.

use crate::messages::source::sentence;
use crate::messages::source_name::{host, label};
use crate::pages::{fact, nts};
use crate::terminal::wrap_with;
use crate::units::{count, known, poll, seconds, signed_seconds, span};
use ntp_observe::{Leap, SourceFacts, TimestampCounts};

/// Everything about one source.
pub(crate) fn lines(source: &SourceFacts, width: usize) -> String {
    let mut facts = vec![
        (
            "State",
            format!("{}: {}", source.state.word(), sentence(source)),
        ),
        ("Server", server_facts(source)),
        ("Root", root_facts(source)),
        ("Polls", poll_facts(source)),
        ("Packets", packet_facts(source)),
    ];
    if let Some(ways) = source.one_way {
        let text = format!(
            "to the server {}, back {}",
            signed_seconds(ways.outbound_s),
            signed_seconds(ways.inbound_s)
        );
        facts.push(("One way", text));
    }
    if source.packets.received > 0 {
        facts.push(("Timestamps", timestamp_facts(&source.timestamps)));
    }
    facts.extend(source.nts.iter().flat_map(nts::facts));
    let heading = wrap_with(
        "",
        "  ",
        &format!("{}, {}", label(source), source.mode.word()),
        width,
    );
    let facts = facts
        .into_iter()
        .map(|(name, text)| fact(&format!("  {name}"), &text, width));
    std::iter::once(heading).chain(facts).collect()
}

fn server_facts(source: &SourceFacts) -> String {
    let Some(stratum) = source.stratum else {
        return "nothing known yet".to_owned();
    };
    let version = source
        .version
        .map(|version| format!(", NTP version {version}"))
        .unwrap_or_default();
    let leap = match &source.leap {
        None | Some(Leap::None) => String::new(),
        Some(Leap::Insert) => ", announces a leap second".to_owned(),
        Some(Leap::Delete) => ", announces a missing second".to_owned(),
        Some(Leap::Unsynchronized) => ", not synchronized".to_owned(),
        Some(Leap::Other(word)) => format!(", leap {word}"),
    };
    let from = source
        .reference_id
        .as_deref()
        .map(|id| format!(", takes its time from {id}"))
        .unwrap_or_default();
    format!(
        "{}, stratum {stratum}{from}{version}{leap}",
        host(source).unwrap_or("no address")
    )
}

fn root_facts(source: &SourceFacts) -> String {
    format!(
        "delay {}, dispersion {}; dispersion of the samples {}",
        known(source.root_delay_s, seconds),
        known(source.root_dispersion_s, seconds),
        known(source.dispersion_s, seconds)
    )
}

fn poll_facts(source: &SourceFacts) -> String {
    let mut text = format!(
        "every {}; {} in a row without a valid reply",
        known(source.poll_s, poll),
        count(source.unanswered_polls.into(), "poll")
    );
    let times = [
        (source.last_reply_ago_s, "last reply", " ago", ""),
        (source.next_poll_in_s, "next poll", "", "in "),
        (source.retry_in_s, "next try", "", "in "),
    ];
    for (time, what, after, before) in times {
        if let Some(time) = time {
            text.push_str(&format!("; {what} {before}{}{after}", span(time)));
        }
    }
    if source.rate_limited {
        text.push_str("; slowed down by the server (RATE)");
    }
    text
}

fn packet_facts(source: &SourceFacts) -> String {
    let packets = source.packets;
    let mut text = format!(
        "{} sent, {} received, {} valid, {} without a valid reply",
        packets.sent, packets.received, packets.valid, packets.unanswered
    );
    let discards: Vec<String> = source
        .discards
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(word, number)| format!("{word} {number}"))
        .collect();
    if !discards.is_empty() {
        text.push_str(&format!("; discarded: {}", discards.join(", ")));
    }
    text
}

fn timestamp_facts(timestamps: &TimestampCounts) -> String {
    format!(
        "sent: {} by the card, {} by the kernel, {} by the daemon; received: {} by the card, {} by \
         the kernel, {} by the daemon",
        timestamps.transmit_hardware,
        timestamps.transmit_kernel,
        timestamps.transmit_daemon,
        timestamps.receive_hardware,
        timestamps.receive_kernel,
        timestamps.receive_daemon
    )
}
