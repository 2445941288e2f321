//! timesyncd.conf.

use crate::{Memory, Outcome};
use ntp_migrate::Verdict::{Approximated, Dropped, Kept};

const MAIN: &str = "/etc/systemd/timesyncd.conf";

fn timesyncd(text: &str) -> Outcome {
    Outcome::of(&Memory::of(&[(MAIN, text)]), MAIN, None)
}

#[test]
fn all_keys_are_read_with_their_units() {
    let result = timesyncd(
        "[Time]\n\
         NTP=a.example 192.0.2.1 2001:db8::1\n\
         FallbackNTP=f.example\n\
         RootDistanceMaxSec=500ms\n\
         PollIntervalMinSec=32\n\
         PollIntervalMaxSec=34min 8s\n\
         ConnectionRetrySec=30\n\
         SaveIntervalSec=1min\n",
    );

    assert_eq!(
        result.sources(),
        [
            "server a.example:123",
            "server 192.0.2.1:123",
            "server [2001:db8::1]:123",
            "server f.example:123",
        ]
    );
    assert_eq!(result.polls(0), (5, 11));
    let distance = result.config.synchronization.settings.maximum_distance;
    assert_eq!(distance.to_f64(), 0.5);
    let verdicts: Vec<_> = (2..=8).map(|number| result.verdict(number)).collect();
    assert_eq!(
        verdicts,
        [
            Kept,
            Approximated,
            Kept,
            Kept,
            Kept,
            Approximated,
            Approximated
        ]
    );
    assert!(result.notes(3).contains("fallback"));
}

#[test]
fn servers_with_nts_of_nts_timesyncd_stay_authenticated() {
    let result =
        timesyncd("[Time]\nNetworkTimeSecurityServer=a.example b.example\nNTP=c.example\n");

    assert_eq!(
        result.sources(),
        [
            "nts a.example:4460",
            "nts b.example:4460",
            "server c.example:123"
        ]
    );
    assert_eq!(result.migration.count(Kept), 2);
}

#[test]
fn an_empty_assignment_resets_a_list() {
    let result = timesyncd("[Time]\nNTP=a.example\nNTP=\nNTP=b.example\nNTP=c.example\n");
    assert_eq!(
        result.sources(),
        ["server b.example:123", "server c.example:123"]
    );
}

#[test]
fn poll_intervals_that_are_no_powers_of_two_are_rounded() {
    let result = timesyncd("[Time]\nNTP=a.example\nPollIntervalMinSec=60\nPollIntervalMaxSec=1d\n");
    assert_eq!(result.polls(0), (6, 15));
    assert_eq!(result.verdict(3), Approximated);
    assert_eq!(result.verdict(4), Approximated);

    let result =
        timesyncd("[Time]\nNTP=a.example\nPollIntervalMinSec=soon\nRootDistanceMaxSec=0\n");
    assert_eq!((result.verdict(3), result.verdict(4)), (Dropped, Dropped));
    let result = timesyncd("[Time]\nNTP=a.example\nRootDistanceMaxSec=infinity\n");
    assert_eq!(result.verdict(3), Approximated);
}

#[test]
fn what_systemd_does_not_know_is_dropped() {
    let result =
        timesyncd("[Time]\nNTP=a.example\nNPT=b.example\n[Other]\nNTP=c.example\nnonsense\n");
    assert_eq!(result.sources(), ["server a.example:123"]);
    for number in [3, 5, 6] {
        assert_eq!(result.verdict(number), Dropped, "{number}");
    }
}

#[test]
fn a_line_may_be_continued() {
    let result = timesyncd("[Time]\nNTP=a.example \\\n  b.example\nFallbackNTP=\n");
    assert_eq!(
        result.sources(),
        ["server a.example:123", "server b.example:123"]
    );
    assert_eq!(result.verdict(2), Kept);
    assert_eq!(result.verdict(4), Kept);
}

#[test]
fn servers_that_the_file_shows_as_compiled_in_are_written_out() {
    let result = timesyncd("[Time]\n#NTP=\n#FallbackNTP=0.example 1.example\n");
    assert_eq!(
        result.sources(),
        ["server 0.example:123", "server 1.example:123"]
    );
    assert_eq!(result.verdict(3), Approximated);

    // An empty list means none.
    let result = timesyncd("[Time]\n#FallbackNTP=0.example\nFallbackNTP=\n");
    assert_eq!(result.sources(), ["pool pool.ntp.org:123 4"]);
}

#[test]
fn drop_ins_of_all_directories_are_read_in_the_order_of_their_names() {
    let files = Memory::of(&[
        (MAIN, "[Time]\nNTP=main.example\nRootDistanceMaxSec=1\n"),
        (
            "/usr/lib/systemd/timesyncd.conf.d/10-a.conf",
            "[Time]\nNTP=vendor.example\n",
        ),
        (
            "/usr/lib/systemd/timesyncd.conf.d/30-c.conf",
            "[Time]\nNTP=c.example\n",
        ),
        (
            "/usr/lib/systemd/timesyncd.conf.d/readme",
            "[Time]\nNTP=no.example\n",
        ),
        (
            "/usr/local/lib/systemd/timesyncd.conf.d/30-c.conf",
            "[Time]\nNTP=local.example\n",
        ),
        (
            "/run/systemd/timesyncd.conf.d/20-b.conf",
            "[Time]\nRootDistanceMaxSec=2\n",
        ),
        // Empty, as a link to /dev/null: the vendor's file of this name is disabled.
        ("/etc/systemd/timesyncd.conf.d/10-a.conf", ""),
    ]);
    let result = Outcome::of(&files, MAIN, None);

    assert_eq!(
        result.sources(),
        ["server main.example:123", "server local.example:123"]
    );
    let distance = result.config.synchronization.settings.maximum_distance;
    assert_eq!(distance.to_f64(), 2.0);
    assert_eq!(result.migration.files.len(), 4);
}

#[test]
fn a_file_elsewhere_has_the_drop_ins_beside_it_alone() {
    let files = Memory::of(&[
        ("/tmp/my.conf", "[Time]\nNTP=a.example\n"),
        ("/tmp/my.conf.d/1.conf", "[Time]\nNTP=b.example\n"),
        (
            "/etc/systemd/timesyncd.conf.d/2.conf",
            "[Time]\nNTP=c.example\n",
        ),
    ]);
    let result = Outcome::of(&files, "/tmp/my.conf", None);
    assert_eq!(
        result.sources(),
        ["server a.example:123", "server b.example:123"]
    );
}
