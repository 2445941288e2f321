//! What the demonstration shows: on a terminal a few lines that renew themselves, elsewhere a line now and then.

use crate::args::DemoOptions;
use ntp_observe::Document;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// Lines of the live view.
const LIVE_LINES: usize = 6;
/// Without a terminal: lines every half second at first, then every five seconds.
const DENSE_UNTIL: Duration = Duration::from_secs(5);
const SPARSE: Duration = Duration::from_secs(5);
/// The widest bar, which stands for one second of error; each character less is a factor of about 1.6.
const BAR: usize = 44;

/// Where and how the demonstration is shown.
pub(super) struct Display {
    live: bool,
    drawn: bool,
    last_line: Option<Duration>,
}

impl Display {
    pub(super) fn new() -> Self {
        Self { live: io::stdout().is_terminal(), drawn: false, last_line: None }
    }

    pub(super) fn introduce(&self, options: &DemoOptions, server: &str, config: &Path, metrics: u16) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let config = config.display();
        writeln!(out, "Truechimer demonstration: everything is on this machine, and its own clock is left alone.")?;
        writeln!(out)?;
        writeln!(
            out,
            "  reference server  keys for authenticated time (NTS) from {server}, with a certificate of its own"
        )?;
        let (offset, drift) = (human(options.offset), options.drift);
        writeln!(out, "  client            a virtual clock that starts {offset} off and runs {drift:+} ppm too fast")?;
        writeln!(out)?;
        writeln!(out, "Meanwhile, in another terminal (from the same folder):")?;
        writeln!(out, "  cargo run --release --bin ntp-ctl -- -c {config} status")?;
        writeln!(out, "  cargo run --release --bin ntp-metrics-exporter -- -c {config}")?;
        writeln!(out, "  curl http://127.0.0.1:{metrics}/metrics")?;
        writeln!(out)?;
        out.flush()
    }

    pub(super) fn show(&mut self, elapsed: Duration, document: &Document) -> io::Result<()> {
        if self.live { self.redraw(elapsed, document) } else { self.line_if_due(elapsed, document) }
    }

    pub(super) fn conclude(&self, right: bool) -> io::Result<()> {
        let verdict = if right { "The clock became right." } else { "The clock did NOT become right." };
        writeln!(io::stdout(), "{verdict}")
    }

    fn redraw(&mut self, elapsed: Duration, document: &Document) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if std::mem::replace(&mut self.drawn, true) {
            // Back up over the last picture.
            write!(out, "\x1b[{LIVE_LINES}A")?;
        }
        let view = View::of(document);
        let lines: [String; LIVE_LINES] = [
            format!("  time         {:>6.1} s   {}", elapsed.as_secs_f64(), view.verdict),
            format!("  true error   {:>14}   {}", view.error, view.bar),
            format!("  error bound  {:>14}   what the daemon promises", view.bound),
            format!("  rate error   {:>14}   found and corrected", view.frequency),
            format!(
                "  exchanges    {:>14}   round trip {}, steps {}",
                view.exchanges, view.delay, document.system.step_count
            ),
            format!("  NTS          {:>14}   {}", view.cookies, view.aead),
        ];
        for line in lines {
            writeln!(out, "\x1b[2K{line}")?;
        }
        out.flush()
    }

    fn line_if_due(&mut self, elapsed: Duration, document: &Document) -> io::Result<()> {
        let pause = if elapsed < DENSE_UNTIL { Duration::ZERO } else { SPARSE };
        if self.last_line.is_some_and(|last| elapsed < last + pause) {
            return Ok(());
        }
        self.last_line = Some(elapsed);
        let View { verdict, error, bound, frequency, exchanges, cookies, .. } = View::of(document);
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{:>6.1} s  true error {error:>12}  bound {bound:>10}  rate {frequency:>11}  exchanges {exchanges:>3}  {cookies:>9}  {verdict}",
            elapsed.as_secs_f64()
        )?;
        out.flush()
    }
}

/// The numbers as people read them.
struct View {
    verdict: &'static str,
    error: String,
    bar: String,
    bound: String,
    frequency: String,
    exchanges: u64,
    delay: String,
    cookies: String,
    aead: String,
}

impl View {
    fn of(document: &Document) -> Self {
        let error = document.clock.virtual_minus_system_s;
        let unknown = || "unknown".to_owned();
        let nts = document.sources.first().and_then(|source| source.nts.as_ref());
        Self {
            verdict: if document.system.synchronized { "synchronised" } else { "not synchronised yet" },
            error: error.map_or_else(unknown, human),
            bar: error.map(bar).unwrap_or_default(),
            bound: document.system.error_bound_s.map_or_else(unknown, |bound| human(bound).replacen('+', "±", 1)),
            frequency: document.system.frequency_ratio.map_or_else(unknown, |ratio| format!("{:+.3} ppm", ratio * 1e6)),
            exchanges: document.sources.iter().map(|source| source.packets.valid).sum(),
            cookies: nts.map_or_else(|| "no keys".to_owned(), |nts| format!("{} cookies", nts.cookies)),
            aead: nts.and_then(|nts| nts.aead.clone()).unwrap_or_default(),
            delay: document.sources.first().and_then(|source| source.delay_s).map_or_else(unknown, human),
        }
    }
}

/// The logarithm of the error as a bar: full for a second, gone below ten nanoseconds.
fn bar(error_s: f64) -> String {
    let length = ((error_s.abs().max(1e-9).log10() + 8.0) / 8.0 * BAR as f64).clamp(0.0, BAR as f64) as usize;
    "#".repeat(length)
}

/// A signed span with a unit that suits it.
fn human(seconds: f64) -> String {
    let size = seconds.abs();
    if size >= 1.0 {
        format!("{seconds:+.3} s")
    } else if size >= 1e-3 {
        format!("{:+.3} ms", seconds * 1e3)
    } else if size >= 1e-6 {
        format!("{:+.1} us", seconds * 1e6)
    } else {
        format!("{:+.0} ns", seconds * 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_carry_the_unit_that_suits_them() {
        assert_eq!(human(-0.35), "-350.000 ms");
        assert_eq!(human(2.5e-6), "+2.5 us");
        assert_eq!(human(12.0), "+12.000 s");
        assert_eq!(human(3e-9), "+3 ns");
    }

    #[test]
    fn the_bar_shrinks_with_the_error_and_never_overflows() {
        assert_eq!(bar(1.0).len(), BAR);
        assert_eq!(bar(1e6).len(), BAR);
        assert!(bar(1e-3).len() > bar(1e-6).len());
        assert_eq!(bar(0.0).len(), 0);
    }
}
