//! The pages that `status` and `sources` print.

use crate::messages::headline;
use crate::messages::source::{is_fine, rest_of_sentence, sentence};
use crate::messages::source_name::label;
use crate::pages::{clock, configuration, details, nts, sandbox, table, verdict};
use crate::terminal::{sanitize_document, shorten, wrap};
use crate::units::count;
use ntp_observe::{Document, ServerFacts};

/// The page to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The verdict, the clock, the sources in a table, and reasons of those that are not fine.
    Status {
        /// True for all the rest: servers, the daemon, every reason.
        verbose: bool,
    },
    /// The verdict and everything about each source.
    Sources,
}

/// Names that are longer than this are shortened in lists.
const LONGEST_NAME: usize = 60;

/// The page for people, `width` columns wide; its first line is the verdict.
pub(crate) fn render(document: &Document, page: Page, width: usize) -> String {
    let document = &sanitize_document(document);
    let mut text = verdict::line(document, width);
    match page {
        Page::Status { verbose } => {
            text.push_str(&verdict::advice(document, width));
            text.push_str(&configuration::alarms(document, width));
            text.push('\n');
            text.push_str(&clock::lines(document, verbose, width));
            text.push_str(&sources(document, verbose, width));
            if verbose {
                text.push_str(&servers(&document.servers, width));
                text.push_str(&nts::serving(document, width));
                text.push_str(&sandbox::lines(document, width));
            } else {
                text.push_str(&nts::alarms(document, width));
            }
        }
        Page::Sources => {
            let sources = &document.sources;
            text.push_str(&format!(
                "\n{}\n{}",
                table::sources(sources, width),
                table::legend(sources, width)
            ));
            for source in &document.sources {
                text.push('\n');
                text.push_str(&details::lines(source, width));
            }
        }
    }
    text
}

/// The table of sources, and the reasons below it.
fn sources(document: &Document, verbose: bool, width: usize) -> String {
    if document.sources.is_empty() {
        return if verbose {
            "\nNo sources.\n".to_owned()
        } else {
            String::new()
        };
    }
    let table = table::sources(&document.sources, width);
    let reasons = reasons(document, verbose, width);
    let reasons = if reasons.is_empty() {
        reasons
    } else {
        format!("\n{reasons}")
    };
    let legend = if verbose {
        format!("\n{}", table::legend(&document.sources, width))
    } else {
        String::new()
    };
    format!("\n{table}{reasons}{legend}")
}

/// The reasons of all sources, or of those that are not fine. Sources with the same reason share a
/// line, and the common cause in the verdict is not repeated.
fn reasons(document: &Document, verbose: bool, width: usize) -> String {
    let in_headline =
        |source| !verbose && !document.system.synchronized && headline::says(document, source);
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for source in document
        .sources
        .iter()
        .filter(|source| verbose || !is_fine(source))
    {
        let reason = if in_headline(source) {
            rest_of_sentence(source)
        } else {
            Some(sentence(source))
        };
        let name = format!(
            "{} ({})",
            shorten(&label(source), LONGEST_NAME),
            source.state.word()
        );
        match reason.map(|reason| (said.iter_mut().find(|(other, _)| *other == reason), reason)) {
            Some((Some((_, names)), _)) => names.push(name),
            Some((None, reason)) => said.push((reason, vec![name])),
            None => {}
        }
    }
    let named = |names: Vec<String>| match names.len() {
        number if number > 1 && number == document.sources.len() => "all of them".to_owned(),
        _ => names.join(", "),
    };
    said.into_iter()
        .map(|(reason, names)| wrap("  - ", &format!("{}: {reason}", named(names)), width))
        .collect()
}

fn servers(servers: &[ServerFacts], width: usize) -> String {
    if servers.is_empty() {
        return String::new();
    }
    let lines: String = servers
        .iter()
        .map(|server| wrap("  ", &server_line(server), width))
        .collect();
    format!("\nServing time on\n{lines}")
}

fn server_line(server: &ServerFacts) -> String {
    let interface = server
        .interface
        .as_deref()
        .map(|name| format!(" on {name}"))
        .unwrap_or_default();
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
        line.push_str(&format!(
            "; {} of {} places for clients in use",
            clients.used, clients.size
        ));
    }
    line
}

fn with_nts(server: &ServerFacts) -> String {
    let mut text = format!("; with NTS: {} answered", server.nts_answered);
    let refused = server
        .nts_refused
        .iter()
        .map(|(word, number)| (*number, word.as_str()));
    let naks = (server.nts_naks_sent, "NTS NAKs for unusable cookies");
    for (number, what) in std::iter::once(naks)
        .chain(refused)
        .filter(|(number, _)| *number > 0)
    {
        text.push_str(&format!(", {number} {what}"));
    }
    text
}

#[cfg(test)]
mod tests;
