//! The output of the demonstration: on a terminal a few lines that are redrawn, elsewhere a row now
//! and then.

use super::Options;
use ntp_observe::Document;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// Lines of the live view.
const LIVE_LINES: usize = 6;
/// Without a terminal: lines every half second at first, then every five seconds.
const DENSE_UNTIL: Duration = Duration::from_secs(5);
const SPARSE: Duration = Duration::from_secs(5);
/// Columns of a terminal.
const WIDTH: usize = 80;
/// The widest bar, which stands for one second of error; each character less is a factor of about
/// 1.6.
const BAR: usize = 44;

/// The view of the demonstration: live, or a row now and then.
pub(super) struct Display {
    live: bool,
    drawn: bool,
    last_line: Option<Duration>,
}

impl Display {
    pub(super) fn new() -> Self {
        Self {
            live: io::stdout().is_terminal(),
            drawn: false,
            last_line: None,
        }
    }

    pub(super) fn introduce(
        &self,
        options: &Options,
        server: &str,
        config: &Path,
        metrics: u16,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for line in introduction(options, server, config, metrics) {
            writeln!(out, "{line}")?;
        }
        if !self.live {
            writeln!(out, "{}", heading())?;
        }
        out.flush()
    }

    pub(super) fn show(&mut self, elapsed: Duration, document: &Document) -> io::Result<()> {
        if self.live {
            self.redraw(elapsed, document)
        } else {
            self.line_if_due(elapsed, document)
        }
    }

    pub(super) fn conclude(&self, right: bool) -> io::Result<()> {
        let verdict = if right {
            "The clock became right."
        } else {
            "The clock did NOT become right."
        };
        writeln!(io::stdout(), "{verdict}")
    }

    fn redraw(&mut self, elapsed: Duration, document: &Document) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if std::mem::replace(&mut self.drawn, true) {
            // Back up over the last picture.
            write!(out, "\x1b[{LIVE_LINES}A")?;
        }
        let view = View::of(document);
        for line in view.picture(elapsed) {
            writeln!(out, "\x1b[2K{line}")?;
        }
        out.flush()
    }

    fn line_if_due(&mut self, elapsed: Duration, document: &Document) -> io::Result<()> {
        let pause = if elapsed < DENSE_UNTIL {
            Duration::ZERO
        } else {
            SPARSE
        };
        if self.last_line.is_some_and(|last| elapsed < last + pause) {
            return Ok(());
        }
        self.last_line = Some(elapsed);
        let mut out = io::stdout().lock();
        writeln!(out, "{}", View::of(document).row(elapsed))?;
        out.flush()
    }
}

/// The servers that the demonstration has started, and the meaning of the columns; no line is wider
/// than a terminal.
fn introduction(options: &Options, server: &str, config: &Path, metrics: u16) -> Vec<String> {
    let (offset, drift) = (human(options.offset), options.drift);
    let mut lines: Vec<String> = vec![
        "Truechimer demonstration. Everything is on this machine, whose own clock is".into(),
        "left alone.".into(),
        String::new(),
        format!("  reference server  serves authenticated time (NTS), NTS-KE at {server}"),
        format!("  client            has a virtual clock, {offset} off, {drift:+} ppm too fast"),
        String::new(),
        "The true error is how far that clock is off, which the client cannot see. The".into(),
        "error bound is how far it can be off at most, as the client knows it: with each".into(),
        "reply it shrinks, and until the next reply it grows, because it is unknown".into(),
        "exactly how fast a clock will run.".into(),
        String::new(),
        "Meanwhile, in another terminal (from the same folder):".into(),
    ];
    let config = config.display();
    lines.extend(command(&program("ntp-ctl"), &format!("-c {config} status")));
    lines.extend(command(
        &program("ntp-metrics-exporter"),
        &format!("-c {config}"),
    ));
    lines.push(format!("  curl http://127.0.0.1:{metrics}/metrics"));
    lines.push(String::new());
    lines
}

/// A command for a shell, on two lines if one would be too long.
fn command(program: &str, arguments: &str) -> Vec<String> {
    let line = format!("  {program} {arguments}");
    if line.len() <= WIDTH {
        vec![line]
    } else {
        vec![format!("  {program} \\"), format!("    {arguments}")]
    }
}

/// The command that starts another program of the same build.
fn program(name: &str) -> String {
    let this = std::env::current_exe().unwrap_or_default();
    let folder = this
        .parent()
        .and_then(Path::file_name)
        .and_then(|folder| folder.to_str());
    match folder {
        Some("debug") => format!("cargo run --bin {name} --"),
        Some("release") => format!("cargo run --release --bin {name} --"),
        Some("dist") => format!("cargo run --profile dist --bin {name} --"),
        _ => name.to_owned(),
    }
}

fn heading() -> String {
    row(&[
        "time",
        "true error",
        "error bound",
        "rate error",
        "replies",
        "cookies",
        "",
    ])
}

fn row(cells: &[&str; 7]) -> String {
    let [time, error, bound, rate, replies, cookies, verdict] = cells;
    let line = format!(
        "{time:>8} {error:>12} {bound:>12} {rate:>12} {replies:>7} {cookies:>7}  {verdict}"
    );
    line.trim_end().to_owned()
}

/// The numbers in the form for people.
struct View {
    verdict: &'static str,
    error: String,
    bar: String,
    bound: String,
    rate: String,
    /// The remark beside the error of the rate.
    rate_known: &'static str,
    replies: u64,
    delay: String,
    steps: u64,
    cookies: Option<u64>,
    aead: String,
}

impl View {
    fn of(document: &Document) -> Self {
        let error = document.clock.virtual_minus_system_s;
        let unknown = || "unknown".to_owned();
        let nts = document
            .sources
            .first()
            .and_then(|source| source.nts.as_ref());
        Self {
            verdict: if document.system.synchronized {
                "synchronized"
            } else {
                "not yet"
            },
            error: error.map_or_else(unknown, human),
            bar: error.map(bar).unwrap_or_default(),
            bound: document
                .system
                .error_bound_s
                .map_or_else(unknown, |bound| human(bound).replacen('+', "±", 1)),
            rate: document
                .system
                .frequency_ratio
                .map_or_else(unknown, |ratio| format!("{:+.3} ppm", ratio * 1e6)),
            rate_known: if document.system.frequency_ratio.is_some() {
                "found, and corrected"
            } else {
                "not measured yet"
            },
            replies: document
                .sources
                .iter()
                .map(|source| source.packets.valid)
                .sum(),
            delay: document
                .sources
                .first()
                .and_then(|source| source.delay_s)
                .map_or_else(unknown, human),
            steps: document.system.step_count,
            cookies: nts.map(|nts| u64::from(nts.cookies)),
            aead: nts.and_then(|nts| nts.aead.clone()).unwrap_or_default(),
        }
    }

    /// The numbers as the live view on a terminal.
    fn picture(&self, elapsed: Duration) -> [String; LIVE_LINES] {
        let Self {
            verdict,
            error,
            bar,
            bound,
            rate,
            rate_known,
            replies,
            delay,
            steps,
            aead,
            ..
        } = self;
        let cookies = self.cookies.map_or_else(
            || "no keys yet".to_owned(),
            |cookies| format!("{cookies} cookies"),
        );
        [
            format!(
                "  time         {:>6.1} s   {verdict}",
                elapsed.as_secs_f64()
            ),
            format!("  true error   {error:>14}   {bar}"),
            format!("  error bound  {bound:>14}   at most; grows until the next reply"),
            format!("  rate error   {rate:>14}   {rate_known}"),
            format!("  replies      {replies:>14}   round trip {delay}, steps {steps}"),
            format!("  NTS          {cookies:>14}   {aead}"),
        ]
    }

    /// The numbers as one row, without a terminal.
    fn row(&self, elapsed: Duration) -> String {
        let time = format!("{:.1} s", elapsed.as_secs_f64());
        let cookies = self
            .cookies
            .map_or_else(|| "none".to_owned(), |cookies| cookies.to_string());
        row(&[
            &time,
            &self.error,
            &self.bound,
            &self.rate,
            &self.replies.to_string(),
            &cookies,
            self.verdict,
        ])
    }
}

/// The logarithm of the error as a bar: full for a second, gone below ten nanoseconds.
fn bar(error_s: f64) -> String {
    let length = ((error_s.abs().max(1e-9).log10() + 8.0) / 8.0 * BAR as f64).clamp(0.0, BAR as f64)
        as usize;
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
    use ntp_observe::{NtsFacts, SourceFacts};

    #[test]
    fn spans_carry_the_unit_that_suits_them() {
        assert_eq!(human(-0.35), "-350.000 ms");
        assert_eq!(human(2.5e-6), "+2.5 us");
        assert_eq!(human(12.0), "+12.000 s");
        assert_eq!(human(3e-9), "+3 ns");
    }

    /// As wide as it gets: all numbers at their longest.
    fn widest(frequency_ratio: Option<f64>) -> View {
        let mut document = Document::default();
        document.system.synchronized = true;
        document.system.frequency_ratio = frequency_ratio;
        document.system.error_bound_s = Some(0.999_999_9);
        document.system.step_count = 123;
        document.clock.virtual_minus_system_s = Some(-0.999_999_9);
        document.sources = vec![SourceFacts {
            delay_s: Some(0.999_999),
            ..SourceFacts::default()
        }];
        document.sources[0].packets.valid = 1_234_567;
        document.sources[0].nts = Some(NtsFacts {
            cookies: 8,
            aead: Some("AES-SIV-CMAC-512".into()),
            ..NtsFacts::default()
        });
        View::of(&document)
    }

    #[test]
    fn nothing_is_wider_than_a_terminal() {
        let options = Options {
            end_after: None,
            offset: -1234.567,
            drift: -20_000.5,
        };
        let config = Path::new("/tmp/truechimer-demo-4194304/ntp.toml");
        let mut lines = introduction(&options, "127.0.0.1:65535", config, 65_535);
        lines.extend(command(
            "cargo run --profile dist --bin ntp-metrics-exporter --",
            &format!("-c {}", config.display()),
        ));
        lines.push(heading());
        for view in [widest(Some(-0.01)), widest(None)] {
            lines.push(view.row(Duration::from_secs(9_999)));
            lines.extend(view.picture(Duration::from_secs(9_999)));
        }
        for line in lines {
            assert!(
                line.chars().count() <= WIDTH,
                "{} columns: {line}",
                line.chars().count()
            );
        }
    }

    #[test]
    fn a_rate_that_is_not_known_is_not_called_corrected() {
        let lines = widest(None).picture(Duration::ZERO);
        assert!(
            lines
                .iter()
                .any(|line| line.contains("unknown") && line.contains("not measured yet")),
            "{lines:?}"
        );
        assert!(
            !lines.iter().any(|line| line.contains("corrected")),
            "{lines:?}"
        );
        assert!(
            widest(Some(4e-5)).picture(Duration::ZERO)[3]
                .ends_with("+40.000 ppm   found, and corrected")
        );
    }

    #[test]
    fn the_growth_of_the_bound_is_explained() {
        let options = Options {
            end_after: None,
            offset: -0.35,
            drift: 40.0,
        };
        let text =
            introduction(&options, "127.0.0.1:4460", Path::new("/tmp/ntp.toml"), 9975).join(" ");
        assert!(
            text.contains("until the next reply it grows, because"),
            "{text}"
        );
    }

    #[test]
    fn the_bar_shrinks_with_the_error_and_never_overflows() {
        assert_eq!(bar(1.0).len(), BAR);
        assert_eq!(bar(1e6).len(), BAR);
        assert!(bar(1e-3).len() > bar(1e-6).len());
        assert_eq!(bar(0.0).len(), 0);
    }
}
