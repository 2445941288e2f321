//! Waiting until the clock is right.

use super::args::WaitArgs;
use crate::args::Args;
use crate::outcome::Outcome;
use crate::terminal;
use crate::units::seconds;
use ntp_observe::{Document, FetchError};
use serde_json::json;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The interval between two looks at the state.
const INTERVAL: Duration = Duration::from_millis(500);
/// The time limit of one look.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval between two lines about the progress that is the same, where no terminal shows it.
const SAME_AGAIN: Duration = Duration::from_secs(30);

/// The state of the clock.
#[derive(Clone, PartialEq, Debug)]
struct Progress {
    /// The wait is over.
    reached: bool,
    /// The state in a few words.
    words: String,
    error_bound_s: Option<f64>,
}

/// Waits until the clock of the daemon at `socket` is synchronized. A daemon that does not answer
/// may be about to start.
pub(crate) fn wait_sync(args: &Args, wait: WaitArgs, socket: &Path) -> Outcome {
    let begun = Instant::now();
    let mut said: Option<(String, Instant)> = None;
    loop {
        let progress = judge(ntp_observe::fetch(socket, FETCH_TIMEOUT), wait.max_error);
        let over = wait.timeout.is_some_and(|limit| begun.elapsed() >= limit);
        if progress.reached || over {
            return conclude(args, &progress, begun.elapsed());
        }
        let news = said.as_ref().is_none_or(|(words, at)| {
            *words != progress.words
                || (!std::io::stderr().is_terminal() && at.elapsed() >= SAME_AGAIN)
        });
        if news && !args.json {
            terminal::complain(&format!("waiting: {}", progress.words));
            said = Some((progress.words, Instant::now()));
        }
        let left = wait
            .timeout
            .map_or(INTERVAL, |limit| limit.saturating_sub(begun.elapsed()));
        std::thread::sleep(INTERVAL.min(left.max(Duration::from_millis(1))));
    }
}

fn judge(fetched: Result<Document, FetchError>, limit: Option<Duration>) -> Progress {
    let document = match fetched {
        Ok(document) => document,
        Err(error) => {
            return Progress {
                reached: false,
                words: error.to_string(),
                error_bound_s: None,
            };
        }
    };
    let system = &document.system;
    let bound = system.error_bound_s;
    let limit_s = limit.map(|limit| limit.as_secs_f64());
    let precise = limit_s.is_none_or(|limit_s| bound.is_some_and(|bound_s| bound_s <= limit_s));
    let words = match (system.synchronized, bound, limit_s) {
        (true, Some(bound_s), Some(limit_s)) if !precise => format!(
            "the clock is synchronized, right to within {}, and that is more than {}",
            seconds(bound_s),
            seconds(limit_s)
        ),
        (true, Some(bound_s), _) => format!(
            "the clock is synchronized, right to within {}",
            seconds(bound_s)
        ),
        (true, None, _) => "the clock is synchronized".to_owned(),
        (false, ..) => {
            let reason = system
                .reasons
                .first()
                .map_or("unknown", |reason| reason.word());
            format!("the clock is not synchronized ({reason}); `ntp-ctl status` says more")
        }
    };
    Progress {
        reached: system.synchronized && precise,
        words,
        error_bound_s: bound,
    }
}

fn conclude(args: &Args, progress: &Progress, waited: Duration) -> Outcome {
    if args.json {
        let json = json!({
            "schema": ntp_observe::CONTROL_SCHEMA,
            "reached": progress.reached,
            "state": progress.words,
            "error_bound_s": progress.error_bound_s,
            "waited_s": waited.as_secs_f64(),
        });
        terminal::print(&format!("{json:#}\n"));
    } else if progress.reached {
        terminal::print(&format!("{}\n", progress.words));
    } else {
        terminal::complain(&format!("gave up: {}", progress.words));
    }
    if progress.reached {
        Outcome::Fine
    } else {
        Outcome::NotSynchronized
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(synchronized: bool, error_bound_s: f64) -> Document {
        let mut document = Document::default();
        document.system.synchronized = synchronized;
        document.system.error_bound_s = Some(error_bound_s);
        document
    }

    #[test]
    fn the_wait_ends_when_the_clock_is_synchronized_and_as_right_as_asked_for() {
        let limit = Some(Duration::from_millis(10));
        assert!(judge(Ok(document(true, 0.005)), limit).reached);
        assert!(judge(Ok(document(true, 0.5)), None).reached);
        assert!(!judge(Ok(document(true, 0.5)), limit).reached);
        assert!(!judge(Ok(document(false, 0.005)), limit).reached);
        let silent = FetchError::Stale { path: "/x".into() };
        assert!(!judge(Err(silent), None).reached);
    }
}
