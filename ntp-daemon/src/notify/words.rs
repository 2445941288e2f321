//! The status in words, for `systemctl status`.

use ntp_observe::{Document, SourceFacts, SourceMode, SourceState, SystemReason};

/// One line about the clock.
pub(super) fn status(document: &Document) -> String {
    let system = &document.system;
    if let ([SystemReason::LocalClock { stratum }], false) =
        (system.reasons.as_slice(), system.synchronized)
    {
        return format!("serving this machine's own clock at stratum {stratum}");
    }
    let counts = system.source_counts;
    if !system.synchronized {
        let usable = counts.usable;
        return format!(
            "not synchronized: {usable} of {} sources can be used; `ntp-ctl status` shows the reason",
            counts.known
        );
    }
    let bound = system
        .error_bound_s
        .map(|bound| format!(", right to {}", span(bound)))
        .unwrap_or_default();
    let with_nts = document
        .sources
        .iter()
        .filter(|source| has_nts(source))
        .count();
    let nts = if with_nts > 0 {
        format!("; NTS {with_nts}")
    } else {
        String::new()
    };
    format!(
        "synchronized to {} of {} sources{bound}{nts}",
        counts.agreeing, counts.known
    )
}

/// True if it is used and its time is authenticated.
fn has_nts(source: &SourceFacts) -> bool {
    source.mode == SourceMode::Nts
        && matches!(
            source.state,
            SourceState::Selected | SourceState::Combined | SourceState::Outlier
        )
}

/// Two digits and a unit: an error bound changes all the time, and its third digit says nothing.
fn span(seconds: f64) -> String {
    let (value, unit) = match seconds {
        _ if seconds < 1e-6 => (seconds * 1e9, "ns"),
        _ if seconds < 1e-3 => (seconds * 1e6, "µs"),
        _ if seconds < 1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let grain = if value >= 100.0 { 10.0 } else { 1.0 };
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{:.0} {unit}", (value / grain).round() * grain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_observe::SourceCounts;

    fn document(synchronized: bool, agreeing: u32) -> Document {
        let mut document = Document::default();
        document.system.synchronized = synchronized;
        document.system.error_bound_s = Some(123e-6);
        document.system.source_counts = SourceCounts {
            known: 4,
            usable: 4,
            agreeing,
            needed: 3,
        };
        document
    }

    #[test]
    fn the_status_says_how_many_sources_agree_and_how_right_the_clock_is() {
        let mut synchronized = document(true, 3);
        assert_eq!(
            status(&synchronized),
            "synchronized to 3 of 4 sources, right to 120 µs"
        );
        synchronized.sources = vec![
            SourceFacts {
                mode: SourceMode::Nts,
                state: SourceState::Selected,
                ..SourceFacts::default()
            };
            2
        ];
        assert_eq!(
            status(&synchronized),
            "synchronized to 3 of 4 sources, right to 120 µs; NTS 2"
        );
        assert!(status(&document(false, 0)).starts_with("not synchronized: 4 of 4 sources"));
    }

    #[test]
    fn a_server_without_sources_is_not_called_unsynchronized() {
        let mut local = document(false, 0);
        local.system.reasons = vec![SystemReason::LocalClock { stratum: 10 }];
        assert_eq!(
            status(&local),
            "serving this machine's own clock at stratum 10"
        );
    }

    #[test]
    fn spans_have_two_digits() {
        let spans = [3.2e-9, 9.4e-6, 123e-6, 0.0123, 2.5].map(span);
        assert_eq!(spans, ["3.2 ns", "9.4 µs", "120 µs", "12 ms", "2.5 s"]);
    }
}
