//! Replays the corpora, and mutations of them, through all targets.

use ntp_fuzz::{TARGETS, Target, seeds};
use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The mutations of each file.
const MUTATIONS: usize = 1000;

/// The time after which a target gets no further mutations, so that slow machines and profiles do
/// not wait. It is not reached otherwise.
const MUTATION_TIME: Duration = Duration::from_secs(2);

/// The longest mutation in octets.
const LONGEST: usize = 1 << 17;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Changes a few octets, or takes some out, or repeats some, or ends with those of another file.
fn mutate(octets: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha12Rng) {
    for _ in 0..rng.random_range(1..=3) {
        let start = rng.random_range(0..=octets.len());
        let end = (start + rng.random_range(0..=40)).min(octets.len());
        match rng.random_range(0..8) {
            0 => octets.truncate(start),
            1 => drop(octets.drain(start..end)),
            2 => {
                let repeated = octets[start..end].to_vec();
                octets.splice(end..end, repeated);
            }
            3 => {
                octets.truncate(start);
                octets.extend_from_slice(&other[start.min(other.len())..]);
            }
            4 => {
                let inserted = [0, 1, 4, 0x20, 0x7f, 0x80, 0xff, b'"'];
                octets.insert(start, inserted[rng.random_range(0..inserted.len())]);
            }
            5 if start < end => octets[start] = rng.random(),
            6 if end - start >= 2 => {
                let lengths = [0u16, 4, 12, 16, 28, 0x7fff, 0x8000, 0xffff];
                let length = lengths[rng.random_range(0..lengths.len())];
                octets[start..start + 2].copy_from_slice(&length.to_be_bytes());
            }
            _ if start < end => octets[start] ^= 1 << rng.random_range(0..8),
            _ => octets.push(rng.next_u32().to_be_bytes()[0]),
        }
    }
    octets.truncate(LONGEST);
}

fn replay(name: &str) {
    let (_, target) = TARGETS
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    let files = corpus(name);
    for (file, octets) in &files {
        let accepted = target(octets);
        if file.starts_with("valid-") {
            assert!(accepted, "{name}/{file} is refused");
        } else if file.starts_with("hostile-") {
            assert!(!accepted, "{name}/{file} is accepted");
        }
    }
    replay_mutations(target, &files);
}

fn replay_mutations(target: Target, files: &[(String, Vec<u8>)]) {
    let mut rng = ChaCha12Rng::from_seed([42; 32]);
    let start = Instant::now();
    for _ in 0..MUTATIONS {
        for (_, octets) in files {
            if start.elapsed() > MUTATION_TIME {
                return;
            }
            let (_, other) = &files[rng.random_range(0..files.len())];
            let mut mutation = octets.clone();
            mutate(&mut mutation, other, &mut rng);
            let outcome = std::panic::catch_unwind(|| target(&mutation));
            assert!(
                outcome.is_ok(),
                "fails for {:?}",
                mutation.escape_ascii().to_string()
            );
        }
    }
}

#[test]
fn packets_are_written_as_they_were_read() {
    replay("packet");
}

#[test]
fn nts_fields_of_others_do_no_harm() {
    replay("nts_fields");
}

#[test]
fn records_of_a_server_are_read_in_pieces_of_any_size() {
    replay("ke_client");
}

#[test]
fn records_of_a_client_get_a_response_that_ours_understands() {
    replay("ke_server");
}

#[test]
fn text_of_a_certificate_is_printable() {
    replay("certificate");
}

#[test]
fn only_our_cookies_open() {
    replay("cookie");
}

#[test]
fn key_sets_are_written_as_they_were_read() {
    replay("key_set");
}

#[test]
fn messages_about_a_configuration_are_printable() {
    replay("configuration");
}

#[test]
fn configurations_of_others_become_one_that_is_accepted() {
    replay("migration");
}

#[test]
fn documents_are_read_again_as_they_were_written() {
    replay("document");
}

#[test]
fn the_corpora_hold_what_our_encoders_write() {
    for seed in seeds::all() {
        let files = corpus(seed.target);
        let file = files.iter().find(|(name, _)| *name == seed.name);
        assert!(
            file.is_some_and(|(_, octets)| *octets == seed.octets),
            "{}/{}: run `cargo run -p ntp-fuzz --example write_seeds`",
            seed.target,
            seed.name
        );
    }
}

#[test]
fn libfuzzer_has_the_same_targets() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            program.contains(&format!("ntp_fuzz::{name}(data)")),
            "{name}"
        );
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
    }
    let programs = fs::read_dir(fuzz.join("fuzz_targets")).unwrap().count();
    assert_eq!(programs, TARGETS.len());
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
