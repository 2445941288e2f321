//! Measuring a server without a daemon: `query` with plain NTP, `nts` with authentication.
//!
//! | module | concept |
//! |---|---|
//! | `args` | the options of both |
//! | `query`, `nts` | the pages |
//! | `lines` | elements that both pages share |
//!
//! `ntp-probe` does the measurement; TLS is set up only for `nts`.

pub(crate) mod args;
mod lines;
mod nts;
mod query;

use crate::args::Args;
use crate::outcome::Outcome;
use crate::{sandbox, terminal};
use args::{NtsArgs, QueryArgs};
use serde::Serialize;

/// Asks with plain NTP and prints the report.
pub(crate) fn query(args: &Args, query: &QueryArgs) -> Outcome {
    sandbox::enter(&args.command);
    let Some(report) = wait_for(ntp_probe::query(&query.server, &query.how.options())) else {
        return Outcome::Failed;
    };
    show(args, &report, report.outcome.is_ok(), |width| {
        query::page(&report, width)
    })
}

/// Asks with NTS and prints the report.
pub(crate) fn nts(args: &Args, nts: &NtsArgs) -> Outcome {
    sandbox::enter(&args.command);
    let (trust, options) = (nts.trust(), nts.how.options());
    let Some(report) = wait_for(ntp_probe::nts(&nts.server, &trust, &options)) else {
        return Outcome::Failed;
    };
    show(args, &report, report.outcome.is_ok(), |width| {
        nts::page(&report, width)
    })
}

/// Runs one measurement. `None` after a reported error of the system.
fn wait_for<T>(measurement: impl Future<Output = T>) -> Option<T> {
    match tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
    {
        Ok(runtime) => {
            let report = runtime.block_on(measurement);
            // A resolver that hangs must not delay the end.
            runtime.shutdown_background();
            Some(report)
        }
        Err(error) => {
            terminal::complain(&format!("cannot start the I/O runtime: {error}"));
            None
        }
    }
}

fn show(
    args: &Args,
    report: &impl Serialize,
    good: bool,
    page: impl FnOnce(usize) -> String,
) -> Outcome {
    if args.json {
        let json = serde_json::to_string_pretty(report);
        let json =
            json.expect("invariant: every key is a string and writing to memory cannot fail");
        terminal::print(&format!("{json}\n"));
    } else {
        terminal::print_page(&page(terminal::width()), good);
    }
    if good { Outcome::Fine } else { Outcome::Failed }
}
