//! The pages that `status` and `sources` print.

use ntp_observe::{
    ClockFacts, ClockMode, Document, Leap, ServerFacts, SourceFacts, SystemFacts, SystemReason, TimestampCounts,
};

use crate::source_words::{host, label, sentence};
use crate::terminal::wrap;
use crate::units::{behind, count, known, poll, ppm, seconds, signed_seconds, span};
use crate::words::{self, Words};
use crate::{nts, table};

/// Which page is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The verdict, the clock, the sources in a table, the servers of time and of keys.
    Status,
    /// The verdict and everything about each source.
    Sources,
}

/// Where the text of a fact begins.
const FACT_COLUMN: usize = 13;

/// The page for people, `width` columns wide; its first line is the verdict.
pub(crate) fn render(document: &Document, page: Page, width: usize) -> String {
    let mut text = format!("{}\n", verdict(document));
    match page {
        Page::Status => {
            text.push_str(&advice(document, width));
            text.push('\n');
            text.push_str(&clock(document, width));
            text.push('\n');
            text.push_str(&sources(document, width));
            text.push_str(&servers(&document.servers, width));
            text.push_str(&nts::serving(document, width));
        }
        Page::Sources => {
            text.push('\n');
            text.push_str(&sources(document, width));
            for source in &document.sources {
                text.push('\n');
                text.push_str(&details(source, width));
            }
        }
    }
    text
}

/// Whether the clock can be relied on and how far, in one line.
fn verdict(document: &Document) -> String {
    let system = &document.system;
    if !system.synchronized {
        let why = match system.reasons.first() {
            Some(reason) => words::system(reason, document).what,
            None => "the daemon gives no reason".to_owned(),
        };
        return format!("NOT synchronised: {why}.");
    }
    let which = if document.clock.mode == ClockMode::Virtual { " (virtual clock)" } else { "" };
    let bound = match system.error_bound_s {
        Some(bound) => format!("the clock is right to within {}", seconds(bound)),
        None => "the error bound is not known".to_owned(),
    };
    let counts = system.source_counts;
    let agree = if counts.agreeing == 1 && counts.known == 1 { "answers" } else { "agree" };
    format!(
        "Synchronised{which}: {bound} (stratum {}, {} of {} {agree}).",
        system.stratum,
        counts.agreeing,
        count(counts.known.into(), "source"),
    )
}

/// What stands between the verdict and the facts: alarms, reasons, warnings, and what to do.
fn advice(document: &Document, width: usize) -> String {
    let mut text = String::new();
    let alarm = words::clock_alarm(&document.clock);
    if let Some(alarm) = &alarm {
        text.push_str(&advise("", "!! ", alarm, width));
    }
    for (index, reason) in document.system.reasons.iter().enumerate() {
        let words = words::system(reason, document);
        // The alarm has said it, and the verdict has said the first reason.
        let said = index == 0 && !document.system.synchronized;
        if alarm.is_some() && is_about_steering(reason) {
            continue;
        }
        if !said {
            text.push_str(&advise("  ", "Also: ", &words, width));
        } else if let Some(remedy) = &words.remedy {
            text.push_str(&wrap("  What to do: ", &format!("{remedy}."), width));
        }
    }
    for warning in &document.system.warnings {
        text.push_str(&advise("  ", "Warning: ", &words::system(warning, document), width));
    }
    text
}

fn advise(indent: &str, title: &str, words: &Words, width: usize) -> String {
    let mut text = wrap(&format!("{indent}{title}"), &format!("{}.", words.what), width);
    if let Some(remedy) = &words.remedy {
        text.push_str(&wrap("  What to do: ", &format!("{remedy}."), width));
    }
    text
}

fn is_about_steering(reason: &SystemReason) -> bool {
    matches!(reason, SystemReason::MeasuringOnly | SystemReason::ClockNotSteerable { .. })
}

/// The clock and the system's variables.
fn clock(document: &Document, width: usize) -> String {
    let system = &document.system;
    [
        ("Clock", clock_line(&document.clock)),
        ("Offset", offset_line(system)),
        ("Frequency", frequency_line(system)),
        ("Error bound", bound_line(system)),
        ("Reference", reference_line(system)),
        ("Steps", steps_line(system)),
        ("Daemon", daemon_line(document)),
    ]
    .into_iter()
    .map(|(name, text)| fact(name, &text, width))
    .collect()
}

fn fact(name: &str, text: &str, width: usize) -> String {
    wrap(&format!("{name:<FACT_COLUMN$}"), text, width)
}

fn clock_line(clock: &ClockFacts) -> String {
    let mode = match &clock.mode {
        ClockMode::System | ClockMode::Auto => "the machine's clock",
        ClockMode::Virtual => "a virtual clock",
        ClockMode::None => "none",
        ClockMode::Other(word) => word,
    };
    let steered = if clock.steering { "steered" } else { "not steered" };
    format!("{mode}, {steered}; it reads {}", clock.now)
}

fn offset_line(system: &SystemFacts) -> String {
    let jitter = known(system.jitter_s, seconds);
    match system.offset_s {
        Some(offset) => {
            format!("{} (the clock is {}), jitter {jitter}", signed_seconds(offset), behind(offset))
        }
        None => "not measured yet".to_owned(),
    }
}

fn frequency_line(system: &SystemFacts) -> String {
    let Some(ratio) = system.frequency_ratio else { return "not measured yet".to_owned() };
    let side = if ratio < 0.0 { "slow" } else { "fast" };
    let uncertainty = system
        .frequency_uncertainty_ratio
        .map(|uncertainty| format!(" ± {:.3} ppm", uncertainty * 1e6))
        .unwrap_or_default();
    let discipline = &system.discipline;
    format!(
        "{}{uncertainty} (left alone, the clock runs {side}); loop {}: {}",
        ppm(ratio),
        discipline.name,
        discipline.state
    )
}

fn bound_line(system: &SystemFacts) -> String {
    match system.error_bound_s {
        Some(bound) => format!(
            "{} (root delay {}, root dispersion {})",
            seconds(bound),
            known(system.root_delay_s, seconds),
            known(system.root_dispersion_s, seconds)
        ),
        None => "not known".to_owned(),
    }
}

fn reference_line(system: &SystemFacts) -> String {
    let leap = match &system.leap {
        Leap::None => "no leap second announced",
        Leap::Insert => "a leap second will be inserted",
        Leap::Delete => "a leap second will be left out",
        Leap::Unsynchronized => "announced as not synchronised",
        Leap::Other(word) => word,
    };
    let update = match system.last_update_ago_s {
        Some(ago) => format!("last update {} ago", span(ago)),
        None => "no update yet".to_owned(),
    };
    let reference = system.reference_id.as_deref().unwrap_or("nobody");
    format!("{reference}, stratum {}; {leap}; {update}, poll {}", system.stratum, known(system.poll_s, poll))
}

fn steps_line(system: &SystemFacts) -> String {
    let limit = system.accumulated_steps_threshold_s.map(|limit| format!(" of at most {}", seconds(limit)));
    format!(
        "{} since the start; {}{} in sum, over all runs and after the very first",
        count(system.step_count, "step"),
        seconds(system.accumulated_steps_s),
        limit.unwrap_or_default()
    )
}

fn daemon_line(document: &Document) -> String {
    let daemon = &document.daemon;
    let config = daemon.config_path.as_deref().map(|path| format!(", configuration {path}")).unwrap_or_default();
    format!("version {}, process {}, running for {}{config}", daemon.version, daemon.pid, span(daemon.uptime_s))
}

fn sources(document: &Document, width: usize) -> String {
    if document.sources.is_empty() {
        return "No sources.\n".to_owned();
    }
    format!("{}\n{}", table::sources(&document.sources, width), table::legend(&document.sources, width))
}

fn servers(servers: &[ServerFacts], width: usize) -> String {
    if servers.is_empty() {
        return String::new();
    }
    let lines: String = servers.iter().map(|server| wrap("  ", &server_line(server), width)).collect();
    format!("\nServing time on\n{lines}")
}

fn server_line(server: &ServerFacts) -> String {
    let interface = server.interface.as_deref().map(|name| format!(" on {name}")).unwrap_or_default();
    let mut line = format!(
        "{}{interface}: {} received, {} answered",
        server.listen_address,
        count(server.received, "request"),
        server.answered
    );
    let dropped: u64 = server.dropped.values().sum();
    let others = [
        (server.denied, "denied"),
        (server.ignored, "ignored"),
        (server.rate_limited, "over the rate limit"),
        (dropped, "dropped"),
        (server.send_errors, "could not be sent"),
    ];
    for (number, what) in others.into_iter().filter(|(number, _)| *number > 0) {
        line.push_str(&format!(", {number} {what}"));
    }
    if server.nts_answered + server.nts_naks_sent > 0 || !server.nts_refused.is_empty() {
        line.push_str(&with_nts(server));
    }
    if let Some(clients) = server.clients {
        line.push_str(&format!("; {} of {} places for clients in use", clients.used, clients.size));
    }
    line
}

fn with_nts(server: &ServerFacts) -> String {
    let mut text = format!("; with NTS: {} answered", server.nts_answered);
    let refused = server.nts_refused.iter().map(|(word, number)| (*number, word.as_str()));
    let naks = (server.nts_naks_sent, "told that their cookies are of no use");
    for (number, what) in std::iter::once(naks).chain(refused).filter(|(number, _)| *number > 0) {
        text.push_str(&format!(", {number} {what}"));
    }
    text
}

/// Everything about one source.
fn details(source: &SourceFacts, width: usize) -> String {
    let mut facts = vec![
        ("State", format!("{}: {}", source.state.word(), sentence(source))),
        ("Server", server_facts(source)),
        ("Root", root_facts(source)),
        ("Polls", poll_facts(source)),
        ("Packets", packet_facts(source)),
    ];
    if let Some(ways) = source.one_way {
        let text =
            format!("to the server {}, back {}", signed_seconds(ways.outbound_s), signed_seconds(ways.inbound_s));
        facts.push(("One way", text));
    }
    if source.packets.received > 0 {
        facts.push(("Timestamps", timestamp_facts(&source.timestamps)));
    }
    facts.extend(source.nts.iter().flat_map(nts::facts));
    let heading = format!("{}, {}\n", label(source), source.mode);
    let facts = facts.into_iter().map(|(name, text)| fact(&format!("  {name}"), &text, width));
    std::iter::once(heading).chain(facts).collect()
}

fn server_facts(source: &SourceFacts) -> String {
    let Some(stratum) = source.stratum else { return "nothing known yet".to_owned() };
    let version = source.version.map(|version| format!(", NTP version {version}")).unwrap_or_default();
    let leap = match &source.leap {
        None | Some(Leap::None) => String::new(),
        Some(Leap::Insert) => ", announces a leap second".to_owned(),
        Some(Leap::Delete) => ", announces a missing second".to_owned(),
        Some(Leap::Unsynchronized) => ", not synchronised".to_owned(),
        Some(Leap::Other(word)) => format!(", leap {word}"),
    };
    let from = source.reference_id.as_deref().map(|id| format!(", takes its time from {id}")).unwrap_or_default();
    format!("{}, stratum {stratum}{from}{version}{leap}", host(source).unwrap_or("no address"))
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
        "{} sent, {} received, {} valid, {} unanswered",
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
        "sent: {} by the card, {} by the kernel, {} by the daemon; received: {} by the card, {} by the kernel, {} by the \
         daemon",
        timestamps.transmit_hardware,
        timestamps.transmit_kernel,
        timestamps.transmit_daemon,
        timestamps.receive_hardware,
        timestamps.receive_kernel,
        timestamps.receive_daemon
    )
}

#[cfg(test)]
mod tests {
    use ntp_observe::SteeringObstacle;

    use super::*;
    use crate::samples;

    /// The page in one line, so that claims do not depend on where lines are broken.
    fn flat(document: &Document) -> String {
        render(document, Page::Status, 100).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn first_line(document: &Document) -> String {
        render(document, Page::Status, 100).lines().next().unwrap().to_owned()
    }

    #[test]
    fn the_first_line_is_the_verdict() {
        assert_eq!(
            first_line(&samples::synchronized()),
            "Synchronised: the clock is right to within 1.20 ms (stratum 3, 3 of 4 sources agree)."
        );
        assert_eq!(first_line(&samples::dead()), "NOT synchronised: none of 2 sources has answered yet.");
    }

    #[test]
    fn every_reason_is_told_in_the_first_line_with_something_to_do() {
        let failed = SteeringObstacle::Failed { error: "EINVAL".into() };
        let claims = [
            (SystemReason::Starting, "the daemon has just started", "wait"),
            (SystemReason::NoSourcesConfigured, "no source is configured", "[[source]]"),
            (SystemReason::WaitingForFirstReplies { asked: 1 }, "none of 1 source has answered yet", "firewall"),
            (SystemReason::WaitingForSamples, "not given enough samples", "wait"),
            (SystemReason::NoSourceUsable { known: 2 }, "none of 2 sources can be used", "each source"),
            (SystemReason::TooFewAgreeing { agreeing: 1, needed: 3 }, "only 1 source", "minimum-agreeing-sources"),
            (SystemReason::ClockNotSteerable { cause: failed }, "setting it failed (EINVAL)", "the daemon's log"),
            (SystemReason::MeasuringOnly, "only measures", "[clock] mode"),
            (
                SystemReason::PanicThreshold { offset_s: 4000.0, limit_s: 1000.0 },
                "the clock is 4000 s (1 h 6 min) behind",
                "single-step-panic-threshold",
            ),
            (
                SystemReason::AccumulatedStepsExceeded { sum_s: 2000.0, limit_s: 1800.0 },
                "add up to 2000 s, and the limit is 1800 s",
                "accumulated-step-panic-threshold",
            ),
            (SystemReason::ClockSetError { error: "EPERM".into() }, "EPERM", "CAP_SYS_TIME"),
            (SystemReason::FewSources { count: 1 }, "only 1 source", "at least three"),
            (SystemReason::DistanceTooLarge { distance_s: 2.0, limit_s: 1.5 }, "may be wrong by 2.00 s", "nearer"),
            (SystemReason::LastUpdateTooOld { age_s: 7200.0 }, "2 h ago", "network"),
            (SystemReason::ClockMovedByOther { by_s: -3.0 }, "-3.00 s", "another NTP daemon"),
            (
                SystemReason::ClockSteeredByOther {
                    set_ratio: 0.09,
                    found_ratio: 0.0,
                    count: 2,
                    suspects: vec!["chronyd (812)".into()],
                },
                "another program steers the clock too (perhaps chronyd (812))",
                "stop the other program",
            ),
            (SystemReason::LocalClock { stratum: 10 }, "stratum 10", "local-stratum"),
            (SystemReason::Unknown { code: "full-moon".into() }, "`full-moon`", "same release"),
        ];
        for (reason, what, remedy) in claims {
            let document = samples::unsynchronized(reason.clone());
            let line = first_line(&document);
            let page = flat(&document);

            assert!(line.starts_with("NOT synchronised: ") && line.contains(what), "{reason:?}: {line}");
            let (_, todo) = page.split_once("What to do: ").unwrap_or_else(|| panic!("{reason:?}: {page}"));
            assert!(todo.contains(remedy), "{reason:?}: {page}");
        }
    }

    #[test]
    fn a_missing_majority_names_those_outside_it() {
        let document = samples::unsynchronized(SystemReason::NoMajority {
            usable: 2,
            agreeing: 1,
            needed: 2,
            disagreeing: vec![2],
        });

        let line = first_line(&document);

        assert!(line.contains("of 2 usable, at most 1 agree, and it takes 2"), "{line}");
        assert!(line.contains("outside the largest group: ntp2.example.org (192.0.2.2)"), "{line}");
    }

    #[test]
    fn a_liar_is_named_with_what_it_says() {
        let page = flat(&samples::synchronized());

        assert!(
            page.contains(
                "ntp4.example.org (2001:db8:85a3::8a2e:370:7334) (falseticker): contradicts 3 sources that agree: it \
                 says that our clock is 103 ms behind, which is 90.0 ms outside what they allow"
            ),
            "{page}"
        );
    }

    #[test]
    fn a_silent_server_is_named_with_how_often_it_was_asked() {
        let page = flat(&samples::dead());

        assert!(page.contains("ntp2.example.org (192.0.2.2) (waiting): no reply yet to 3 requests"), "{page}");
    }

    #[test]
    fn a_clock_that_is_not_steered_is_said_loudly_in_the_second_line() {
        for (document, what) in [
            (samples::measuring(), "THE CLOCK IS NOT STEERED"),
            (samples::virtual_clock(), "THE MACHINE'S CLOCK IS NOT STEERED"),
        ] {
            let page = render(&document, Page::Status, 100);
            assert!(page.lines().nth(1).unwrap().contains(what), "{page}");
        }
    }

    #[test]
    fn a_virtual_clock_says_how_the_machine_s_clock_stands_and_why_it_is_left_alone() {
        let page = flat(&samples::virtual_clock());

        assert!(page.starts_with("Synchronised (virtual clock): "), "{page}");
        assert!(page.contains("the machine's clock is 12.0 ms ahead of it"), "{page}");
        assert!(page.contains("the daemon may not set it (Operation not permitted)"), "{page}");
        assert!(page.contains("CAP_SYS_TIME"), "{page}");
    }

    #[test]
    fn warnings_are_shown_although_the_clock_is_synchronised() {
        let mut document = samples::synchronized();
        document.system.warnings = vec![SystemReason::FewSources { count: 2 }];

        assert!(flat(&document).contains("Warning: there are only 2 sources: they cannot outvote one that is wrong."));
    }

    #[test]
    fn further_reasons_follow_the_verdict() {
        let mut document = samples::dead();
        document.system.reasons.push(SystemReason::ClockSetError { error: "EPERM".into() });

        assert!(flat(&document).contains("Also: the operating system refused to set the clock: EPERM."));
    }

    #[test]
    fn no_line_is_wider_than_a_usual_terminal() {
        for width in [80, 100, 120, 160, 200] {
            let usual = [samples::synchronized(), samples::dead(), samples::measuring(), samples::virtual_clock()];
            for document in usual.into_iter().chain([samples::authenticated(), samples::serving_nts()]) {
                for page in [Page::Status, Page::Sources] {
                    let text = render(&document, page, width);
                    for line in text.lines().skip(1) {
                        assert!(line.chars().count() <= width, "{width}: {line}\n{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_wide_terminal_shows_each_reason_in_its_row() {
        let page = render(&samples::dead(), Page::Status, 220);

        let row = page.lines().find(|line| line.starts_with("waiting")).unwrap();

        assert!(row.contains("192.0.2.1") && row.contains("no reply yet to 3 requests"), "{page}");
    }

    #[test]
    fn the_details_of_a_source_count_what_was_discarded() {
        let page = render(&samples::synchronized(), Page::Sources, 100);

        assert!(page.contains("20 sent, 21 received, 20 valid, 0 unanswered; discarded: duplicate 1"), "{page}");
    }

    #[test]
    fn a_table_shows_who_is_authenticated_and_with_how_many_cookies() {
        let document = samples::authenticated();
        for width in [80, 100, 160] {
            let page = render(&document, Page::Status, width);
            let row = |state: &str| page.lines().find(|line| line.starts_with(state)).unwrap().to_owned();
            assert!(page.contains(" NTS "), "{page}");
            assert!(row("selected").contains(" 8 cookies "), "{page}");
            assert!(row("combined").contains(" - "), "{page}");
            assert!(row("waiting").contains(" no keys "), "{page}");
        }
        let flat = flat(&document);
        assert!(flat.contains("NTS: time that is authenticated"), "{flat}");
        assert!(
            flat.contains(
                "no keys, next try in 1 min 4 s: the server of keys cannot be reached (nts.example.org:4461, TCP"
            ),
            "{flat}"
        );
        assert!(!render(&samples::synchronized(), Page::Status, 100).contains("NTS"));
    }

    #[test]
    fn a_server_counts_its_requests_with_nts() {
        let line = server_line(&samples::serving_nts().servers[0]);

        let expected =
            "; with NTS: 400 answered, 6 told that their cookies are of no use, 2 nts-malformed; 7 of 1024 places";
        assert!(line.contains(expected), "{line}");
    }

    #[test]
    fn the_details_of_a_source_with_nts_have_its_keys() {
        let page = render(&samples::authenticated(), Page::Sources, 120);

        assert!(page.contains("\n  NTS        AES-SIV-CMAC-256, 8 cookies of 100 octets"), "{page}");
        assert!(page.contains("\n  Keys from  nts.example.org:4461, could not be had;"), "{page}");
    }

    #[test]
    fn an_empty_document_can_be_shown() {
        for page in [Page::Status, Page::Sources] {
            assert!(
                render(&Document::default(), page, 80).starts_with("NOT synchronised: the daemon gives no reason.")
            );
        }
    }
}
