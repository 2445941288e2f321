//! The pages of `ntp-ctl status`, each from a document.

use super::*;
use crate::terminal::columns;
use ntp_observe::{
    DisciplineName, DisciplineState, Document, Leap, SourceCounts, SourceMode, SourceReason,
    SourceState, SteeringObstacle, SystemReason,
};
use test_support::samples;

const STATUS: Page = Page::Status { verbose: false };

const VERBOSE: Page = Page::Status { verbose: true };

/// The page in one line, so that claims do not depend on where lines are broken.
fn flat(document: &Document) -> String {
    render(document, STATUS, 100)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn first_line(document: &Document) -> String {
    render(document, STATUS, 80)
        .lines()
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn the_first_line_is_the_verdict() {
    assert_eq!(
        first_line(&samples::synchronized()),
        "Synchronized: the clock is right to within 1.20 ms (3 of 4 sources agree)."
    );
    assert_eq!(
        first_line(&samples::dead()),
        "NOT synchronized: none of 2 sources has answered yet."
    );
}

#[test]
fn every_reason_is_in_the_first_line_with_something_to_do() {
    let failed = SteeringObstacle::Failed {
        error: "EINVAL".into(),
    };
    let claims = [
        (
            SystemReason::Starting,
            "the daemon has just started",
            "wait",
        ),
        (
            SystemReason::NoSourcesConfigured,
            "no source is configured",
            "[[source]]",
        ),
        (
            SystemReason::WaitingForFirstReplies { asked: 1 },
            "the only source has not answered yet",
            "below the table",
        ),
        (
            SystemReason::WaitingForSamples,
            "not given enough samples",
            "wait",
        ),
        (
            SystemReason::NoSourceUsable { known: 2 },
            "none of 2 sources can be used",
            "below the table",
        ),
        (
            SystemReason::TooFewAgreeing {
                agreeing: 1,
                needed: 3,
            },
            "only 1 source can be used",
            "minimum-agreeing-sources",
        ),
        (
            SystemReason::ClockNotSteerable { cause: failed },
            "setting the clock failed",
            "the daemon's log",
        ),
        (SystemReason::MeasuringOnly, "only measures", "[clock] mode"),
        (
            SystemReason::ClockDisturbed {
                by_s: -3600.0,
                suspended_s: 0.0,
            },
            "the clock was set by -3600 s from outside; being confirmed",
            "let only one program set the clock",
        ),
        (
            SystemReason::ClockDisturbed {
                by_s: 0.25,
                suspended_s: 7200.0,
            },
            "the machine slept for 2 h; the clock is being confirmed",
            "wait some seconds",
        ),
        (
            SystemReason::RateBeyondLimit {
                frequency_ratio: 0.02,
                limit_ratio: 0.01,
            },
            "the clock's rate is off by 2 %, more than can be corrected",
            "another clock source",
        ),
        (
            SystemReason::LargeOffsetWatched {
                offset_s: 300.0,
                left_s: 212.0,
            },
            "the clock is 300 s behind;",
            "wait; if the clock is right",
        ),
        (
            SystemReason::PanicThreshold {
                offset_s: 4000.0,
                limit_s: 1000.0,
            },
            "the clock is 4000 s (1 h 6 min) behind",
            "single-step-panic-threshold",
        ),
        (
            SystemReason::AccumulatedStepsExceeded {
                sum_s: 2000.0,
                limit_s: 1800.0,
            },
            "add up to 2000 s; the limit is 1800 s",
            "accumulated-step-panic-threshold",
        ),
        (
            SystemReason::ClockSetError {
                error: "EPERM".into(),
            },
            "refused to set the clock",
            "CAP_SYS_TIME",
        ),
        (
            SystemReason::FewSources { count: 1 },
            "1 source alone cannot be checked",
            "configure three",
        ),
        (
            SystemReason::DistanceTooLarge {
                distance_s: 2.0,
                limit_s: 1.5,
            },
            "may be wrong by 2.00 s",
            "nearer",
        ),
        (
            SystemReason::LastUpdateTooOld { age_s: 7200.0 },
            "2 h ago",
            "network",
        ),
        (
            SystemReason::ClockMovedByOther { by_s: -3.0 },
            "-3.00 s",
            "another NTP daemon",
        ),
        (
            SystemReason::ClockSteeredByOther {
                set_ratio: 0.09,
                found_ratio: 0.0,
                count: 2,
                suspects: vec!["chronyd (812)".into()],
            },
            "another program steers the clock too, perhaps chronyd (812)",
            "stop the other program",
        ),
        (
            SystemReason::Unknown {
                code: "full-moon".into(),
            },
            "`full-moon`",
            "same release",
        ),
    ];
    for (reason, what, remedy) in claims {
        let document = samples::unsynchronized(reason.clone());
        let line = first_line(&document);
        let page = flat(&document);

        assert!(
            line.starts_with("NOT synchronized: ") && line.contains(what),
            "{reason:?}: {line}"
        );
        let (_, todo) = page
            .split_once("What to do: ")
            .unwrap_or_else(|| panic!("{reason:?}: {page}"));
        assert!(todo.contains(remedy), "{reason:?}: {page}");
    }
}

#[test]
fn a_source_that_is_used_alone_does_not_agree_with_itself() {
    let mut document = samples::synchronized();
    document.system.source_counts.agreeing = 1;
    assert_eq!(
        first_line(&document),
        "Synchronized: the clock is right to within 1.20 ms (1 of 4 sources can be used)."
    );
}

#[test]
fn a_reference_that_is_too_far_to_be_passed_on_is_named() {
    let mut document = samples::synchronized();
    document.system.reference_id = None;
    document.system.stratum = 16;
    document.system.leap = Leap::Unsynchronized;
    let page = flat(&document);
    assert!(
        page.contains("ntp1.example.org (192.0.2.1), stratum 16; announced as not synchronized"),
        "{page}"
    );
}

#[test]
fn a_missing_majority_names_those_outside_it() {
    let document = samples::unsynchronized(SystemReason::NoMajority {
        usable: 4,
        agreeing: 2,
        needed: 3,
        disagreeing: vec![2],
    });

    assert_eq!(
        first_line(&document),
        "NOT synchronized: the sources contradict one another: only 2 of 4 agree."
    );
    let page = flat(&document);
    assert!(
        page.contains(
            "It takes 3 that agree; outside the largest group: ntp2.example.org (192.0.2.2). What \
             to do: find"
        ),
        "{page}"
    );
}

#[test]
fn a_single_source_does_not_contradict_others() {
    for usable in [0, 1] {
        let reason = SystemReason::NoMajority {
            usable,
            agreeing: 0,
            needed: 1,
            disagreeing: vec![1],
        };
        let line = first_line(&samples::unsynchronized(reason));
        assert!(!line.contains("one another"), "{line}");
    }
}

#[test]
fn a_liar_is_named_with_what_it_says() {
    let page = flat(&samples::synchronized());

    assert!(
        page.contains(
            "ntp4.example.org (2001:db8:85a3::8a2e:370:7334) (falseticker): contradicts 3 sources \
             that agree: it says that our clock is 103 ms behind, which is 90.0 ms outside what \
             they allow"
        ),
        "{page}"
    );
}

#[test]
fn a_silent_server_is_named_with_how_often_it_was_asked() {
    let page = flat(&samples::dead());

    assert!(
        page.contains(
            "NOT synchronized: none of 2 sources has answered yet. What to do: if it stays so: is \
             the address"
        ),
        "{page}"
    );
    assert!(page.contains("- all of them: 3 requests sent"), "{page}");
}

#[test]
fn a_clock_that_is_not_steered_against_the_will_of_people_is_said_loudly_in_the_second_line() {
    let obstacle = SteeringObstacle::NotPermitted {
        error: "Operation not permitted".into(),
    };
    for (mut document, what) in [
        (samples::measuring(), "!! THE CLOCK IS NOT STEERED"),
        (
            samples::virtual_clock(),
            "!! THE MACHINE'S CLOCK IS NOT STEERED",
        ),
    ] {
        document.clock.obstacle = Some(obstacle.clone());
        let page = render(&document, STATUS, 100);
        assert!(page.lines().nth(1).unwrap().contains(what), "{page}");
        let page = flat(&document);
        assert!(
            page.contains("NOT STEERED: the daemon")
                && page.contains("(Operation not permitted). What to do"),
            "{page}"
        );
        assert!(page.contains("CAP_SYS_TIME"), "{page}");
    }
}

#[test]
fn a_virtual_clock_on_purpose_is_no_alarm() {
    let page = render(&samples::virtual_clock(), STATUS, 80);

    let mut lines = page.lines();
    assert_eq!(
        lines.next().unwrap(),
        "Synchronized (virtual clock): right to within 1.20 ms (3 of 4 sources agree)."
    );
    assert_eq!(
        lines.next().unwrap(),
        "  Note: the machine's own clock is left alone, 12.0 ms ahead of it."
    );
    assert_eq!(lines.next().unwrap(), "");
    assert!(
        !page.contains("!!") && !page.contains("NOT STEERED"),
        "{page}"
    );
}

#[test]
fn warnings_are_shown_although_the_clock_is_synchronized() {
    let mut document = samples::synchronized();
    document.system.warnings = vec![SystemReason::FewSources { count: 2 }];

    assert!(
        flat(&document).contains(
            "Warning: 2 sources cannot outvote each other; configure three, better four."
        )
    );
}

#[test]
fn further_reasons_follow_the_verdict() {
    let mut document = samples::dead();
    document.system.reasons.push(SystemReason::ClockSetError {
        error: "EPERM".into(),
    });

    assert!(
        flat(&document).contains("Also: the operating system refused to set the clock (EPERM).")
    );
}

#[test]
fn no_line_is_wider_than_a_usual_terminal() {
    for width in [40, 80, 100, 120, 160, 200] {
        let usual = [
            samples::synchronized(),
            samples::dead(),
            samples::measuring(),
            samples::virtual_clock(),
        ];
        for document in usual
            .into_iter()
            .chain([samples::authenticated(), samples::serving_nts()])
        {
            for page in [STATUS, VERBOSE, Page::Sources] {
                let text = render(&document, page, width);
                for line in text.lines() {
                    assert!(columns(line) <= width, "{width}: {line}\n{text}");
                }
            }
        }
    }
}

#[test]
fn the_details_of_a_source_count_what_was_discarded() {
    let page = render(&samples::synchronized(), Page::Sources, 100);

    assert!(
        page.contains(
            "20 sent, 21 received, 20 valid, 0 without a valid reply; discarded: duplicate 1"
        ),
        "{page}"
    );
}

#[test]
fn a_table_shows_who_is_authenticated_and_with_how_many_cookies() {
    let document = samples::authenticated();
    for width in [80, 100, 160] {
        let page = render(&document, STATUS, width);
        let row = |state: &str| {
            page.lines()
                .find(|line| line.starts_with(state))
                .unwrap()
                .to_owned()
        };
        assert!(page.contains(" NTS "), "{page}");
        assert!(row("selected").contains(" 8 cookies "), "{page}");
        assert!(row("combined").contains(" - "), "{page}");
        assert!(row("waiting").contains(" no keys "), "{page}");
    }
    assert!(
        render(&document, VERBOSE, 100).contains("NTS: cookies left for authenticated requests")
    );
    let flat = flat(&document);
    assert!(
        flat.contains(
            "no NTS keys, next try in 1 min 4 s: the NTS-KE server cannot be reached \
             (nts.example.org:4461, TCP"
        ),
        "{flat}"
    );
    assert!(!render(&samples::synchronized(), STATUS, 100).contains("NTS"));
}

#[test]
fn a_server_counts_its_requests_with_nts() {
    let line = server_line(&samples::serving_nts().servers[0]);

    let expected = "; with NTS: 400 answered, 6 NTS NAKs for unusable cookies, 2 nts-malformed; 7 \
                    of 1024 places";
    assert!(line.contains(expected), "{line}");
}

#[test]
fn the_details_of_a_source_with_nts_have_its_keys() {
    let page = render(&samples::authenticated(), Page::Sources, 120);

    assert!(
        page.contains("\n  NTS        AES-SIV-CMAC-256, 8 cookies of 100 octets"),
        "{page}"
    );
    assert!(
        page.contains("\n  NTS-KE     nts.example.org:4461, failed;"),
        "{page}"
    );
}

#[test]
fn an_empty_document_can_be_shown() {
    for page in [STATUS, VERBOSE, Page::Sources] {
        assert!(
            render(&Document::default(), page, 80)
                .starts_with("NOT synchronized: the daemon gives no reason.")
        );
    }
}

/// Four sources that all agree.
fn healthy() -> Document {
    let mut document = samples::synchronized();
    let liar = document.sources.last_mut().unwrap();
    *liar = samples::good_source(4, "ntp4.example.org", "[2001:db8:85a3::8a2e:370:7334]:123");
    document.system.source_counts = SourceCounts {
        known: 4,
        usable: 4,
        agreeing: 4,
        needed: 3,
    };
    document
}

#[test]
fn a_healthy_client_of_four_sources_fits_a_screen_of_80_by_24() {
    let page = render(&healthy(), STATUS, 80);

    assert!(page.lines().count() < 24, "{page}");
    let expected = "\
Synchronized: the clock is right to within 1.20 ms (4 of 4 sources agree).

Clock        the machine's, steered; it reads 2026-01-01T03:05:05Z
Offset       -12.3 µs (the clock is 12.3 µs ahead), jitter 3.10 µs
Frequency    -12.345 ppm ± 0.010 ppm (left alone, the clock runs slow)
Reference    ntp1.example.org (192.0.2.1), stratum 3

State    Source           St Poll Reach   Delay  Offset  Jitter   Bound
selected ntp1.example.org  2 64 s   377 12.3 ms -123 µs 45.6 µs 8.30 ms
combined ntp2.example.org  2 64 s   377 12.3 ms -123 µs 45.6 µs 8.30 ms
combined ntp3.example.org  2 64 s   377 12.3 ms -123 µs 45.6 µs 8.30 ms
combined ntp4.example.org  2 64 s   377 12.3 ms -123 µs 45.6 µs 8.30 ms
";
    assert_eq!(page, expected);
    assert!(
        include_str!("../../../../README.md").contains(expected),
        "the README shows this page"
    );
}

#[test]
fn members_of_a_pool_are_named_by_their_addresses() {
    let mut document = healthy();
    for source in &mut document.sources {
        "pool.ntp.org".clone_into(&mut source.name);
        source.mode = SourceMode::Pool;
    }

    let page = render(&document, STATUS, 80);

    assert!(
        page.lines().count() < 24 && page.lines().all(|line| columns(line) <= 80),
        "{page}"
    );
    assert!(
        page.contains("selected 192.0.2.1 ") && page.contains("combined 192.0.2.3:1123 "),
        "{page}"
    );
    assert!(
        page.contains("combined 2001:db8:85a3::8a2e:370:7334 "),
        "an address is worth more than the jitter: {page}"
    );
}

#[test]
fn only_sources_that_are_not_fine_have_their_reasons_below_the_table() {
    let page = render(&samples::synchronized(), STATUS, 80);
    assert_eq!(page.matches("\n  - ").count(), 1, "{page}");
    assert!(
        page.contains(
            "  - ntp4.example.org (2001:db8:85a3::8a2e:370:7334) (falseticker): contradicts"
        ),
        "{page}"
    );
    assert_eq!(
        render(&samples::synchronized(), VERBOSE, 80)
            .matches("\n  - ")
            .count(),
        3,
        "two have the same one"
    );
}

#[test]
fn the_rest_is_shown_with_verbose() {
    let (short, long) = (
        render(&samples::serving_nts(), STATUS, 80),
        render(&samples::serving_nts(), VERBOSE, 80),
    );
    for part in [
        "Steps ",
        "Daemon ",
        "Error bound ",
        "Serving time on",
        "St: stratum.",
        "Serving NTS keys",
    ] {
        assert!(
            long.contains(part) && !short.contains(part),
            "{part}: {short}\n{long}"
        );
    }
}

#[test]
fn faults_of_key_establishment_are_shown_without_verbose() {
    let mut document = samples::serving_nts();
    document.keyset.as_mut().unwrap().storage_error = Some("read-only file system".into());
    document.nts_ke_servers[0].certificate = None;

    let page = flat(&document);

    assert!(
        page.contains("!! [::]:4460: there is no certificate yet"),
        "{page}"
    );
    assert!(
        page.contains("!! the keys cannot be stored (read-only file system)"),
        "{page}"
    );
}

#[test]
fn words_of_the_inside_are_not_for_people() {
    let mut document = healthy();
    document.system.discipline.name = DisciplineName::Estimate;
    document.system.discipline.state = DisciplineState::MeasuringFrequency;
    document.system.accumulated_steps_s = 0.0;
    for page in [STATUS, VERBOSE, Page::Sources] {
        let text = render(&document, page, 80);
        for word in [
            "estimate",
            "measuring-frequency",
            "in sum",
            "the very first",
            "nobody",
        ] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn a_server_without_sources_serves_its_own_clock_as_configured() {
    let mut document = samples::unsynchronized(SystemReason::LocalClock { stratum: 8 });
    (document.system.stratum, document.system.reference_id) = (8, Some("127.127.1.1".into()));
    document.system.leap = Leap::None;
    document.sources.clear();

    let page = render(&document, STATUS, 80);

    assert!(
        page.starts_with(
            "Healthy: serving this machine's own clock at stratum 8, as configured.\n\n"
        ),
        "{page}"
    );
    assert!(
        !page.contains("What to do") && !page.contains("!!"),
        "{page}"
    );
    assert!(
        page.contains("Reference    this machine's own clock, stratum 8\n"),
        "{page}"
    );
    assert!(document.system.is_healthy());
}

#[test]
fn serving_the_own_clock_for_want_of_sources_is_not_healthy() {
    let mut document = samples::dead();
    document
        .system
        .reasons
        .push(SystemReason::LocalClock { stratum: 8 });

    assert!(!document.system.is_healthy());
    assert!(
        flat(&document).contains("Also: this machine's own clock is served at stratum 8 meanwhile")
    );
}

#[test]
fn a_large_offset_that_is_watched_says_when_the_clock_is_set() {
    let document = samples::unsynchronized(SystemReason::LargeOffsetWatched {
        offset_s: 300.0,
        left_s: 212.0,
    });

    let text = flat(&document);
    assert!(
        text.contains("the clock is 300 s behind; it will be set in 212 s unless that goes away."),
        "{text}"
    );
    let page = render(&document, STATUS, 80);
    assert!(
        page.starts_with(
            "NOT synchronized: the clock is 300 s behind;\n  it will be set in 212 s unless"
        ),
        "{page}"
    );
}

#[test]
fn a_source_over_ipv6_is_the_reference_by_its_name_and_not_by_a_hash() {
    let mut document = healthy();
    document.system.reference_id = Some("cf404dc8".into());
    for source in &mut document.sources {
        let leads = source.id == 4;
        source.state = if leads {
            SourceState::Selected
        } else {
            SourceState::Combined
        };
    }

    let page = render(&document, STATUS, 80);

    assert!(
        page.contains("Reference    ntp4.example.org (2001:db8:85a3::8a2e:370:7334), stratum 3\n"),
        "{page}"
    );
}

#[test]
fn names_from_outside_neither_break_lines_nor_reach_the_terminal() {
    let names = [
        "evil\nSynchronized: all is well".to_owned(),
        "\u{1b}[2J\u{1b}[1;1H".to_owned(),
        "x".repeat(500),
        "名".repeat(300),
        "a\u{202e}b\u{200b}c".to_owned(),
        "many words ".repeat(60),
    ];
    for name in names {
        let mut document = samples::unsynchronized(SystemReason::NoMajority {
            usable: 2,
            agreeing: 1,
            needed: 2,
            disagreeing: vec![1, 2],
        });
        for source in &mut document.sources {
            source.name.clone_from(&name);
            source.reason = SourceReason::NameNotResolved {
                error: name.clone(),
                retry_in_s: None,
            };
            source.reference_id = Some(name.clone());
        }
        document.daemon.config_path = Some(name.clone());
        document.system.reasons.push(SystemReason::ClockSetError {
            error: name.clone(),
        });
        document
            .system
            .reasons
            .insert(0, SystemReason::Unknown { code: name.clone() });
        for width in [40, 60, 80] {
            for page in [STATUS, VERBOSE, Page::Sources] {
                let text = render(&document, page, width);
                assert!(text.starts_with("NOT synchronized:"), "{text}");
                assert!(
                    !text.lines().any(|line| line.starts_with("Synchronized")),
                    "{text}"
                );
                for line in text.lines() {
                    assert!(columns(line) <= width, "{width}: {line}\n{text}");
                    assert!(
                        !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
                        "{line:?}"
                    );
                }
            }
        }
    }
}
