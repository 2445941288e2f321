//! The files that survive a restart: the frequency of the clock, the last known time with the sum
//! of all steps, the last known addresses of names, and the NTS sessions of our sources.

pub(crate) mod file;
mod known_addresses;
pub(crate) mod lock;
pub(crate) mod wall_clock;
mod writer;

use self::known_addresses::KnownAddresses;
use self::lock::{Lock, LockHeld};
use self::writer::Writer;
use crate::reload::NumberedSources;
use ntp_config::{SourceEntry, Storage};
use ntp_proto::client::entry::SourceEntryId;
use ntp_proto::clock::LARGEST_RATE;
use ntp_proto::time::{Frequency, Seconds};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The drift file.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Drift {
    /// The rate correction that keeps the clock right; positive makes it run faster.
    frequency_ratio: f64,
}

/// The state file.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct KeptState {
    /// The latest time by our clock at which it was known to be right, in Unix seconds.
    pub(crate) last_known_unix_s: i64,
    /// The sum of the magnitudes of all steps, over all runs.
    pub(crate) accumulated_steps_s: f64,
}

/// The limit of a plausible sum of steps: three thousand years.
const MOST_STEPS_S: f64 = 1e11;

/// The longest time that the end of the daemon waits for the disk.
const LAST_WRITES: Duration = Duration::from_secs(30);

/// The consequence of a file that cannot be written.
const NOT_KEPT: &str =
    "the frequency and the last known time are not stored; the file from before is still there";

/// The folder of stored files; without one, nothing is stored. A thread of its own writes them, so
/// that no disk holds up the clock.
pub(crate) struct Store {
    drift: Option<PathBuf>,
    state: Option<PathBuf>,
    nts_sessions: Option<PathBuf>,
    addresses: Option<PathBuf>,
    known_addresses: KnownAddresses,
    writer: Option<Writer>,
    /// Held until the last file is written.
    _lock: Option<Lock>,
}

impl Store {
    /// Prepares the folder. If that fails, the daemon works without it and logs a warning.
    ///
    /// # Errors
    /// If another daemon keeps its files there.
    pub(crate) fn open(settings: &Storage) -> Result<Self, LockHeld> {
        let usable = settings.directory.as_deref().is_some_and(|directory| match prepare(directory) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(
                    "cannot write to {}: {error}. The frequency and the last known time will not survive a restart; \
                     make the folder writable for this user, or set [storage] directory",
                    directory.display()
                );
                false
            }
        });
        let lock = match settings.directory.as_deref().filter(|_| usable) {
            Some(directory) => lock::storage(directory)?,
            None => None,
        };
        let of = |path: Option<PathBuf>| path.filter(|_| usable);
        Ok(Self {
            drift: of(settings.drift_file()),
            state: of(settings.state_file()),
            nts_sessions: of(settings.nts_sessions_file()),
            addresses: of(settings.addresses_file()),
            known_addresses: KnownAddresses::default(),
            writer: usable.then(Writer::start),
            _lock: lock,
        })
    }

    /// The file of the NTS sessions of our sources.
    pub(crate) fn nts_sessions(&self) -> Option<&Path> {
        self.nts_sessions.as_deref()
    }

    /// The frequency from the last run.
    pub(crate) fn frequency(&self) -> Option<Frequency> {
        let drift: Drift = read(self.drift.as_deref()?)?;
        let sane = drift.frequency_ratio.is_finite()
            && drift.frequency_ratio.abs() <= LARGEST_RATE.to_f64();
        if !sane {
            tracing::warn!(
                frequency = %format_args!("{:.0} ppm", drift.frequency_ratio * 1e6),
                "the drift file holds a frequency that no clock has; it is not used"
            );
        }
        sane.then(|| Frequency::new(drift.frequency_ratio))
    }

    /// The last known time and the sum of steps from the last run.
    pub(crate) fn state(&self) -> Option<KeptState> {
        let state: KeptState = read(self.state.as_deref()?)?;
        let sane = (0.0..MOST_STEPS_S).contains(&state.accumulated_steps_s);
        if !sane {
            tracing::warn!(
                sum = %format_args!("{:.0} s", state.accumulated_steps_s),
                "the state file holds an impossible sum of steps; it is not used"
            );
        }
        sane.then_some(state)
    }

    /// The addresses that the names of these sources had in the last run.
    pub(crate) fn known_addresses(
        &mut self,
        sources: &NumberedSources,
    ) -> Vec<(SourceEntryId, Vec<SocketAddr>)> {
        let Some(path) = self.addresses.as_deref() else {
            return Vec::new();
        };
        match file::read(path).map(|octets| KnownAddresses::from_octets(&octets, sources)) {
            None => {}
            Some(Ok(known)) => self.known_addresses = known,
            Some(Err(reason)) => file::put_aside(path, &reason),
        }
        self.known_addresses.of_sources(sources)
    }

    /// Records the addresses that a look-up for a source has found.
    pub(crate) fn note_addresses(&mut self, source: &SourceEntry, found: &[SocketAddr]) {
        self.known_addresses.note(source, found);
    }

    /// Stores the addresses of names, if they have changed.
    pub(crate) fn keep_addresses(&mut self) {
        let (Some(writer), Some(path)) = (&self.writer, &self.addresses) else {
            return;
        };
        let Some(octets) = self.known_addresses.take_octets() else {
            return;
        };
        writer.replace(
            path,
            file::PUBLIC,
            octets,
            "a start without DNS would find no servers by name",
        );
    }

    /// Stores the frequency.
    pub(crate) fn keep_frequency(&self, frequency: Frequency) {
        self.write(
            self.drift.as_deref(),
            &Drift {
                frequency_ratio: frequency.to_f64(),
            },
        );
    }

    /// Stores the last known time and the sum of steps.
    pub(crate) fn keep_state(&self, last_known_unix_s: i64, accumulated: Seconds) {
        self.write(
            self.state.as_deref(),
            &KeptState {
                last_known_unix_s,
                accumulated_steps_s: accumulated.to_f64(),
            },
        );
    }

    /// Stores the NTS sessions of our sources, in the form of [`crate::nts::session_file`].
    pub(crate) fn keep_nts_sessions(&self, octets: Vec<u8>) {
        if let (Some(writer), Some(path)) = (&self.writer, &self.nts_sessions) {
            writer.replace(
                path,
                file::SECRET,
                octets,
                "the next start establishes new NTS keys",
            );
        }
    }

    /// Waits until all is written, or no longer than a disk may take.
    pub(crate) fn finish(self) {
        if let Some(writer) = self.writer {
            writer.finish(LAST_WRITES);
        }
    }

    fn write<T: Serialize>(&self, path: Option<&Path>, content: &T) {
        let (Some(writer), Some(path)) = (&self.writer, path) else {
            return;
        };
        let mut text =
            serde_json::to_vec(content).expect("invariant: numbers can be written as JSON");
        text.push(b'\n');
        writer.replace(path, file::PUBLIC, text, NOT_KEPT);
    }
}

fn prepare(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    // A failure shows now rather than in an hour.
    let probe = directory.join(format!(".probe.{}", std::process::id()));
    File::create(&probe)?;
    fs::remove_file(probe)
}

/// The content of a file, `None` if there is none. A broken one is put aside.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    match serde_json::from_slice(&file::read(path)?) {
        Ok(content) => Some(content),
        Err(error) => {
            file::put_aside(path, &error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Storage {
            directory: Some(folder.path().join("deeper")),
        };
        (folder, settings)
    }

    #[test]
    fn what_is_kept_comes_back() {
        let (_folder, settings) = settings();
        let store = Store::open(&settings).unwrap();
        assert_eq!(store.frequency(), None);
        store.keep_frequency(Frequency::new(-12.5e-6));
        store.keep_state(1_800_000_000, Seconds::new(0.5));
        store.finish();
        let store = Store::open(&settings).unwrap();
        assert_eq!(store.frequency(), Some(Frequency::new(-12.5e-6)));
        assert_eq!(
            store.state(),
            Some(KeptState {
                last_known_unix_s: 1_800_000_000,
                accumulated_steps_s: 0.5
            })
        );
    }

    #[test]
    fn a_broken_file_is_put_aside_and_not_believed() {
        let (_folder, settings) = settings();
        let store = Store::open(&settings).unwrap();
        let path = store.drift.clone().unwrap();
        fs::write(&path, "{\"frequency_ra").unwrap();
        assert_eq!(store.frequency(), None);
        assert!(path.with_file_name("drift.broken").exists());
        store.keep_frequency(Frequency::new(1e-6));
        store.finish();
        assert_eq!(
            Store::open(&settings).unwrap().frequency(),
            Some(Frequency::new(1e-6))
        );
    }

    #[test]
    fn what_the_estimator_can_correct_is_kept() {
        let (_folder, settings) = settings();
        let store = Store::open(&settings).unwrap();
        store.keep_frequency(LARGEST_RATE);
        store.finish();
        assert_eq!(
            Store::open(&settings).unwrap().frequency(),
            Some(LARGEST_RATE)
        );
    }

    #[test]
    fn an_absurd_frequency_is_not_believed() {
        let (_folder, settings) = settings();
        let store = Store::open(&settings).unwrap();
        fs::write(store.drift.as_ref().unwrap(), "{\"frequency_ratio\": 0.5}").unwrap();
        assert_eq!(store.frequency(), None);
    }
}
