//! timesyncd.conf of systemd-timesyncd and of nts-timesyncd, with drop-ins.

use crate::files::{Input, Reader};
use crate::ledger::LineId;
use crate::plan::{Mode, Plan, Source};
use crate::units::{
    LONGEST_MAX_POLL, LONGEST_MIN_POLL, SHORTEST_MIN_POLL, nearest_log2, systemd_span,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The directories of systemd, the one that goes first before the others.
const DIRECTORIES: [&str; 4] = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];

/// The settings while files are read; an empty assignment resets a list.
#[derive(Default)]
struct Settings {
    ntp: Vec<(String, LineId)>,
    fallback: Vec<(String, LineId)>,
    nts: Vec<(String, LineId)>,
    min_poll: Option<(i64, LineId)>,
    max_poll: Option<(i64, LineId)>,
    named_fallback: bool,
}

/// Reads the file and its drop-ins.
pub(crate) fn read(main: &Input, reader: &mut Reader, plan: &mut Plan) -> Result<(), String> {
    let mut settings = Settings::default();
    file(main, plan, &mut settings);
    for path in drop_ins(&main.path, reader) {
        let input = reader.read(&path)?;
        file(&input, plan, &mut settings);
    }
    if settings.ntp.is_empty() && settings.nts.is_empty() && !settings.named_fallback {
        compiled_in(main, plan, &mut settings);
    }
    finish(&settings, plan);
    Ok(())
}

/// The drop-ins in the order of their names. Of files with the same name, the directory that goes
/// first wins.
fn drop_ins(main: &Path, reader: &Reader) -> Vec<PathBuf> {
    let name = main.file_name().unwrap_or_default().to_string_lossy();
    if !name.ends_with(".conf") {
        return Vec::new();
    }
    let folder = format!("{name}.d");
    let beside = main.with_file_name(&folder);
    let of_system = DIRECTORIES
        .map(|directory| Path::new(directory).join("systemd"))
        .iter()
        .any(|directory| main.parent() == Some(directory));
    let folders = if of_system {
        DIRECTORIES
            .map(|directory| Path::new(directory).join("systemd").join(&folder))
            .to_vec()
    } else {
        vec![beside]
    };
    let mut by_name: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in folders {
        for name in reader.names(&folder, ".conf") {
            let path = folder.join(&name);
            by_name.entry(name).or_insert(path);
        }
    }
    by_name.into_values().collect()
}

/// Reads the assignments of one file.
fn file(input: &Input, plan: &mut Plan, settings: &mut Settings) {
    let mut section = String::new();
    for (number, line) in joined(&input.text) {
        let text = line.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.clone_into(&mut section);
            continue;
        }
        let id = plan.ledger.enter(&input.path, number, text);
        match text.split_once('=') {
            Some((key, value)) if section == "Time" => {
                assignment(key.trim(), value.trim(), id, plan, settings);
            }
            Some(_) => plan
                .ledger
                .lose(id, "only the section [Time] has a meaning"),
            None => plan.ledger.lose(id, "this is not an assignment"),
        }
    }
}

/// The lines, each with its first number; a backslash at the end joins two with a blank.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let (part, continues) = match line.strip_suffix('\\') {
            Some(part) if !line.trim_start().starts_with(['#', ';']) => (part, true),
            _ => (line, false),
        };
        match lines.last_mut().filter(|_| open) {
            Some((_, whole)) => {
                whole.push(' ');
                whole.push_str(part);
            }
            None => lines.push((index + 1, part.to_owned())),
        }
        open = continues;
    }
    lines
}

fn assignment(key: &str, value: &str, id: LineId, plan: &mut Plan, settings: &mut Settings) {
    let list = |list: &mut Vec<(String, LineId)>| {
        if value.is_empty() {
            list.clear();
        }
        list.extend(value.split_whitespace().map(|host| (host.to_owned(), id)));
    };
    match key {
        "NTP" => list(&mut settings.ntp),
        "FallbackNTP" => {
            list(&mut settings.fallback);
            settings.named_fallback = true;
        }
        "NetworkTimeSecurityServer" => list(&mut settings.nts),
        "RootDistanceMaxSec" => root_distance(value, id, plan),
        "PollIntervalMinSec" => {
            settings.min_poll = poll(value, id, plan).map(|poll| (poll, id));
        }
        "PollIntervalMaxSec" => {
            settings.max_poll = poll(value, id, plan).map(|poll| (poll, id));
        }
        "ConnectionRetrySec" => plan.ledger.approximate(
            id,
            "the poll interval of each source decides when it is asked again",
        ),
        "SaveIntervalSec" => plan.ledger.approximate(
            id,
            "the last known time is kept in the directory of [storage], at intervals of its own",
        ),
        _ => plan
            .ledger
            .lose(id, format!("`{key}` is not a key of timesyncd.conf")),
    }
}

fn root_distance(value: &str, id: LineId, plan: &mut Plan) {
    let Some(seconds) = systemd_span(value).filter(|seconds| *seconds > 0.0) else {
        plan.ledger.lose(id, "this is not a time span above 0");
        return;
    };
    plan.set_root_distance(seconds, id);
}

fn poll(value: &str, id: LineId, plan: &mut Plan) -> Option<i64> {
    let Some((power, exact)) = systemd_span(value).and_then(nearest_log2) else {
        plan.ledger
            .lose(id, "this is not a time span above 0 that ends");
        return None;
    };
    if !exact {
        let note = format!("poll intervals are powers of two: 2^{power} s is the nearest");
        plan.ledger.approximate(id, note);
    }
    Some(power)
}

/// Takes the servers that the main file shows as compiled in, in a comment, as systemd's own file
/// does.
fn compiled_in(main: &Input, plan: &mut Plan, settings: &mut Settings) {
    let shown = main.text.lines().enumerate().find_map(|(index, line)| {
        let hosts = line.trim().strip_prefix("#FallbackNTP=")?.trim();
        (!hosts.is_empty()).then_some((index + 1, hosts))
    });
    if let Some((number, hosts)) = shown {
        let text = format!("#FallbackNTP={hosts}");
        let id = plan.ledger.enter(&main.path, number, &text);
        let note = "the file names no server: those that it shows as compiled in are written out";
        plan.ledger.approximate(id, note);
        let hosts = hosts.split_whitespace();
        settings.fallback = hosts.map(|host| (host.to_owned(), id)).collect();
    }
}

fn finish(settings: &Settings, plan: &mut Plan) {
    let (min, max) = (settings.min_poll, settings.max_poll);
    if let (Some((min, _)), Some((max, id))) = (min, max)
        && max < min
    {
        plan.ledger
            .approximate(id, "the longest poll interval is at least the shortest");
    }
    let bounds = [
        (min, SHORTEST_MIN_POLL..=LONGEST_MIN_POLL),
        (max, SHORTEST_MIN_POLL..=LONGEST_MAX_POLL),
    ];
    for (poll, range) in bounds {
        if let Some((_, id)) = poll.filter(|(poll, _)| !range.contains(poll)) {
            let note = format!(
                "poll intervals reach from 2^{} s to 2^{} s here",
                range.start(),
                range.end()
            );
            plan.ledger.approximate(id, note);
        }
    }
    let source = |mode, (host, line): &(String, LineId)| Source {
        min_poll: min.map(|(poll, _)| poll),
        max_poll: max.map(|(poll, _)| poll),
        ..Source::new(*line, mode, host)
    };
    for host in &settings.nts {
        plan.sources.push(source(Mode::Nts, host));
    }
    for host in &settings.ntp {
        plan.sources.push(source(Mode::Server, host));
    }
    for host in &settings.fallback {
        plan.add_fallback(source(Mode::Server, host));
    }
}
