//! Tests CONFIGURATION.md against the code: its examples work, and it names all keys and defaults.

use crate::{load, section};

const TEXT: &str = include_str!("../../CONFIGURATION.md");

/// The ```` ```toml ```` blocks, each with the number of its first line.
fn examples() -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (index, line) in TEXT.lines().enumerate() {
        match line {
            "```toml" => {
                inside = true;
                blocks.push((index + 2, String::new()));
            }
            "```" => inside = false,
            _ if inside => {
                let (_, block) = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

#[test]
fn every_example_is_accepted() {
    let examples = examples();
    assert!(examples.len() >= 10, "the examples were not found");
    for (line, text) in examples {
        if let Err(error) = load::parse_str("CONFIGURATION.md", &text) {
            panic!("the example at line {line} is refused:\n{error}");
        }
    }
}

#[test]
fn complete_examples_raise_no_warning() {
    let (_, complete) = TEXT.split_once("## Complete examples").unwrap();
    let from = TEXT.len() - complete.len();
    let to = TEXT.find("## Coming from ntpd-rs 1.x").unwrap();
    let lines = |end: usize| TEXT[..end].lines().count();
    let examples = examples();
    let complete: Vec<_> = examples
        .iter()
        .filter(|(line, _)| (lines(from)..lines(to)).contains(line))
        .collect();
    assert_eq!(complete.len(), 6);
    for (line, text) in complete {
        let warnings = load::parse_str("CONFIGURATION.md", text).unwrap().warnings;
        assert_eq!(warnings, [], "line {line}");
    }
}

#[test]
fn every_key_is_named() {
    for section in section::ALL {
        for key in section.keys {
            // Sections are named with their brackets, everything else in backquotes.
            let named = [format!("`{key}`"), format!("[{key}]")]
                .iter()
                .any(|name| TEXT.contains(name));
            assert!(
                named,
                "{key} of {} is not in CONFIGURATION.md",
                section.name
            );
        }
    }
}

/// An `[[nts-ke-server]]` with only the required keys.
fn minimal_nts_ke_server() -> crate::NtsKeServerEntry {
    let text = "[[server]]\nlisten = \"[::]:123\"\n[[nts-ke-server]]\nlisten = \
                \"[::]:4460\"\ncertificate-chain-path = \"/c\"\nprivate-key-path = \"/k\"\n";
    load::parse_str("an NTS-KE server", text)
        .unwrap()
        .config
        .nts_ke_servers
        .remove(0)
}

#[test]
fn defaults_are_what_is_said() {
    let config = crate::Config::default();
    let settings = config.synchronization.settings;
    let limit = ntp_proto::server::RateLimit::default();
    let ke = minimal_nts_ke_server();
    let algorithms: Vec<String> = ke
        .aead_algorithms
        .iter()
        .map(|algorithm| format!("\"{algorithm}\""))
        .collect();
    assert!(limit.leak_log2 == 2 && TEXT.contains("One request in\nfour beyond the limit"));
    for (row, value) in [
        (
            "`startup-step-threshold`",
            settings.steps.startup_threshold.to_f64().to_string(),
        ),
        (
            "`step-threshold`",
            settings.steps.threshold.unwrap().to_f64().to_string(),
        ),
        (
            "`single-step-panic-threshold`",
            settings.steps.running.forward.unwrap().to_f64().to_string(),
        ),
        (
            "`maximum-root-distance`",
            settings.maximum_distance.to_f64().to_string(),
        ),
        (
            "`minimum-agreeing-sources`",
            settings.minimum_agreeing.to_string(),
        ),
        (
            "`local-stratum`",
            settings.local_stratum.to_bits().to_string(),
        ),
        (
            "`reference-id`",
            format!("`\"{:?}\"`", settings.local_reference_id),
        ),
        (
            "`burst`",
            ntp_proto::association::AssociationConfig::default()
                .burst
                .to_string(),
        ),
        ("`count`", crate::DEFAULT_POOL_COUNT.to_string()),
        (
            "`rate-limiting-cache-size`",
            format!("{} if there is a limit", limit.table_entries),
        ),
        (
            "`rate-limiting-cutoff-ms`",
            format!("{} if there is a limit", limit.interval.as_millis()),
        ),
        (
            "`rate-limiting-burst`",
            format!("{} if there is a limit", limit.burst),
        ),
        (
            "`aead-algorithms`",
            format!("`[{}]`", algorithms.join(", ")),
        ),
        (
            "`system-authorities`",
            format!("`{}`", crate::Trust::default().system_authorities),
        ),
        (
            "`key-exchange-timeout-ms`",
            ke.timeout.as_millis().to_string(),
        ),
        (
            "`concurrent-connections`",
            ke.concurrent_connections.to_string(),
        ),
        (
            "`connections-per-client`",
            ke.connections_per_client.to_string(),
        ),
        (
            "`stale-key-count`",
            config.keyset.stale_key_count.to_string(),
        ),
        (
            "`key-rotation-interval`",
            config.keyset.key_rotation_interval.as_secs().to_string(),
        ),
        (
            "`key-storage-path`",
            format!("`{}`", config.storage.nts_keys_file().unwrap().display()),
        ),
        (
            "`directory`",
            format!("`\"{}\"`", crate::DEFAULT_STORAGE_DIRECTORY),
        ),
        (
            "`observation-path`",
            format!("`\"{}\"`", crate::DEFAULT_OBSERVATION_PATH),
        ),
        (
            "`sandbox`",
            format!("`\"{}\"`", config.security.sandbox.as_str()),
        ),
        (
            "`log-level`",
            format!("`\"{}\"`", config.observability.log_level),
        ),
        (
            "`metrics-exporter-listen`",
            format!("`\"{}\"`", config.observability.metrics_exporter_listen),
        ),
    ] {
        let line = TEXT
            .lines()
            .find(|line| line.starts_with(&format!("| {row} |")))
            .unwrap_or_default();
        let said = line.split('|').nth(3).unwrap_or_default().trim();
        assert_eq!(said, value, "the default of {row} in CONFIGURATION.md");
    }
}
