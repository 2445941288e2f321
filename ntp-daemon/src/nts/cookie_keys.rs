//! The keys that seal NTS cookies: loaded at the start, rotated in time, stored before they are
//! used, and handed to the workers as a snapshot.

use crate::state::file;
use crate::state::wall_clock::unix_now;
use arc_swap::ArcSwap;
use ntp_config::{Keyset, Storage};
use ntp_proto::nts::{KeySet, KeySetError};
use rand::SeedableRng;
use rand::rngs::ChaCha12Rng;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The snapshot that workers and key establishment read.
pub(crate) type SharedKeys = Arc<ArcSwap<KeySet>>;

/// An order to rotate the keys now; the answer is the number of the key that seals from then on.
#[derive(Debug)]
pub(crate) struct KeyOrder(pub(crate) oneshot::Sender<u32>);

/// The status of the keys, for the observation document.
#[derive(Clone, Debug)]
pub(crate) struct CookieKeyStatus {
    pub(crate) current_id: u32,
    pub(crate) count: usize,
    pub(crate) rotated: Instant,
    /// The age of the current key when it was loaded.
    pub(crate) age_before: Duration,
    pub(crate) next_rotation: Instant,
    pub(crate) stored: bool,
    pub(crate) storage_error: Option<String>,
}

/// The owner of the keys.
pub(crate) struct CookieKeys {
    keys: SharedKeys,
    path: Option<PathBuf>,
    interval: Duration,
    old_keys: u8,
    rng: ChaCha12Rng,
    status: Arc<ArcSwap<CookieKeyStatus>>,
}

impl CookieKeys {
    /// Loads the keys, or makes new ones. A key that is due is followed by the next one at once.
    /// Keys that cannot be stored work until the next start.
    pub(crate) fn open(settings: &Keyset, storage: &Storage, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let path = settings
            .key_storage_path
            .clone()
            .or_else(|| storage.nts_keys_file());
        let old_keys = u8::try_from(settings.stale_key_count).unwrap_or(u8::MAX);
        let now = unix_now();
        let stored = path.as_deref().and_then(load);
        let fresh = stored.is_none();
        let mut keys = stored.unwrap_or_else(|| KeySet::new(old_keys, now, &mut rng));
        keys.keep(old_keys);
        // By a clock that is years off, a key could seem very old: then it rotates once, and those
        // before still open.
        let age = Duration::from_secs(now.saturating_sub(keys.rotated_at()));
        let due = age >= settings.key_rotation_interval;
        if due {
            keys.rotate(now, &mut rng);
        }
        let age = if due { Duration::ZERO } else { age };
        let status = CookieKeyStatus {
            current_id: keys.current_id(),
            count: keys.ids().count(),
            rotated: Instant::now(),
            age_before: age,
            next_rotation: Instant::now() + settings.key_rotation_interval.saturating_sub(age),
            stored: false,
            storage_error: None,
        };
        let mut keeper = Self {
            keys: Arc::new(ArcSwap::from_pointee(keys)),
            path,
            interval: settings.key_rotation_interval,
            old_keys,
            rng,
            status: Arc::new(ArcSwap::from_pointee(status)),
        };
        if due || fresh {
            keeper.store();
        } else {
            keeper.note(|status| status.stored = true);
        }
        keeper
    }

    /// The snapshot for workers.
    pub(crate) fn shared(&self) -> SharedKeys {
        Arc::clone(&self.keys)
    }

    /// The status of the keys, now and later.
    pub(crate) fn status(&self) -> Arc<ArcSwap<CookieKeyStatus>> {
        Arc::clone(&self.status)
    }

    /// Rotates the keys in time and at each of `orders`, and reads them again at each of `reloads`;
    /// never returns.
    pub(crate) async fn run(
        mut self,
        mut reloads: watch::Receiver<()>,
        mut orders: mpsc::Receiver<KeyOrder>,
    ) {
        loop {
            let next = self.status.load().next_rotation;
            tokio::select! {
                () = tokio::time::sleep_until(next) => self.rotate().await,
                Some(KeyOrder(done)) = orders.recv() => {
                    self.rotate().await;
                    // The part that asked may have gone.
                    let _ = done.send(self.status.load().current_id);
                }
                changed = reloads.changed() => match changed {
                    Ok(()) => self.reload().await,
                    Err(_) => std::future::pending().await,
                },
            }
        }
    }

    async fn rotate(&mut self) {
        let mut keys = (**self.keys.load()).clone();
        keys.rotate(unix_now(), &mut self.rng);
        self.adopt(keys, Duration::ZERO);
        // The key that seals from now on has been in the file all along, as the next one.
        self.store_elsewhere().await;
        tracing::info!(
            key = format!("{:08x}", self.status.load().current_id),
            "the NTS cookie keys have rotated"
        );
    }

    /// Adopts the keys of the file, if they have been replaced.
    async fn reload(&mut self) {
        let Some(path) = self.path.clone() else {
            return;
        };
        let of_thread = path.clone();
        let mut keys = match tokio::task::spawn_blocking(move || read_keys(&of_thread)).await {
            // Only the end of the daemon keeps it from being read.
            Err(_) | Ok(None) => return,
            Ok(Some(Ok(keys))) => keys,
            Ok(Some(Err(error))) => {
                return tracing::error!(
                    "the NTS cookie keys in {} cannot be used: {error}; the keys in use stay",
                    path.display()
                );
            }
        };
        keys.keep(self.old_keys);
        if keys.ids().eq(self.keys.load().ids()) {
            return;
        }
        let age = Duration::from_secs(unix_now().saturating_sub(keys.rotated_at()));
        self.adopt(keys, age.min(self.interval));
        tracing::info!("the NTS cookie keys have been read again");
    }

    fn adopt(&mut self, keys: KeySet, age: Duration) {
        let next_rotation = Instant::now() + self.interval.saturating_sub(age);
        let (current_id, count) = (keys.current_id(), keys.ids().count());
        self.keys.store(Arc::new(keys));
        self.note(|status| {
            *status = CookieKeyStatus {
                current_id,
                count,
                rotated: Instant::now(),
                age_before: age,
                next_rotation,
                ..status.clone()
            };
        });
    }

    /// Stores the keys on another thread, so that a slow disk holds nothing up.
    async fn store_elsewhere(&mut self) {
        let Some(path) = self.path.clone() else {
            return;
        };
        let octets = self.keys.load().to_octets();
        // Only the end of the daemon keeps it from being written.
        if let Ok(written) = tokio::task::spawn_blocking(move || write(&path, &octets)).await {
            self.note_stored(written);
        }
    }

    fn store(&mut self) {
        let Some(path) = &self.path else { return };
        let written = write(path, &self.keys.load().to_octets());
        self.note_stored(written);
    }

    fn note_stored(&self, written: io::Result<()>) {
        let Some(path) = &self.path else { return };
        let error = written.err().map(|error| error.to_string());
        if let Some(error) = &error {
            tracing::error!(
                "cannot store the NTS cookie keys in {}: {error}. After a restart, all clients will have to establish \
                 new keys; make the file writable for this user, or set [keyset] key-storage-path",
                path.display()
            );
        }
        self.note(|status| {
            status.stored = error.is_none();
            status.storage_error = error;
        });
    }

    fn note(&self, change: impl FnOnce(&mut CookieKeyStatus)) {
        let mut status = (**self.status.load()).clone();
        change(&mut status);
        self.status.store(Arc::new(status));
    }
}

fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| file::replace(path, file::SECRET, octets))
}

/// The keys in a file; `None` if there is none.
fn read_keys(path: &Path) -> Option<Result<KeySet, KeySetError>> {
    let octets = Zeroizing::new(file::read(path)?);
    file::protect(path);
    Some(KeySet::from_octets(&octets))
}

/// The keys in a file at the start; broken ones are put aside to make room for new ones.
fn load(path: &Path) -> Option<KeySet> {
    match read_keys(path)? {
        Ok(keys) => Some(keys),
        Err(error) => {
            file::put_aside(path, &error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn settings(path: &Path) -> Keyset {
        Keyset {
            key_storage_path: Some(path.to_owned()),
            ..Keyset::default()
        }
    }

    fn open(settings: &Keyset) -> CookieKeys {
        CookieKeys::open(settings, &Storage { directory: None }, [3; 32])
    }

    #[tokio::test]
    async fn keys_survive_a_restart_and_only_their_owner_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper").join("keys");
        let first = open(&settings(&path)).shared().load_full();
        let second = open(&settings(&path)).shared().load_full();
        assert!(first.ids().eq(second.ids()));
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[tokio::test]
    async fn after_a_rotation_old_cookies_still_open_and_the_keys_are_stored() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder.path().join("keys"));
        let mut keeper = open(&settings);
        let before = keeper.shared().load().current_id();
        keeper.rotate().await;
        let keys = keeper.shared().load_full();
        assert_ne!(keys.current_id(), before);
        assert!(keys.ids().any(|id| id == before));
        assert!(
            load(&folder.path().join("keys"))
                .unwrap()
                .ids()
                .eq(keys.ids())
        );
    }

    #[tokio::test]
    async fn broken_keys_are_put_aside_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, "no keys at all").unwrap();
        let keeper = open(&settings(&path));
        assert!(keeper.status().load().stored);
        assert!(folder.path().join("keys.broken").exists());
    }

    #[tokio::test]
    async fn keys_that_cannot_be_stored_work_and_the_facts_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = open(&settings(folder.path()));
        assert!(!keeper.status().load().stored);
        assert!(keeper.status().load().storage_error.is_some());
    }

    #[tokio::test]
    async fn a_key_that_is_due_at_start_is_followed_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let mut old = KeySet::new(
            7,
            unix_now() - 100_000,
            &mut ChaCha12Rng::from_seed([1; 32]),
        );
        old.keep(7);
        std::fs::write(&path, &*old.to_octets()).unwrap();
        let keeper = open(&settings(&path));
        assert_ne!(keeper.shared().load().current_id(), old.current_id());
        assert!(
            keeper
                .shared()
                .load()
                .ids()
                .any(|id| id == old.current_id())
        );
    }

    #[tokio::test]
    async fn replaced_keys_in_the_file_are_adopted_on_reload() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let mut keeper = open(&settings(&path));
        let other = KeySet::new(7, unix_now(), &mut ChaCha12Rng::from_seed([9; 32]));
        std::fs::write(&path, &*other.to_octets()).unwrap();
        keeper.reload().await;
        assert_eq!(keeper.shared().load().current_id(), other.current_id());
        std::fs::write(&path, "broken").unwrap();
        keeper.reload().await;
        assert_eq!(
            keeper.shared().load().current_id(),
            other.current_id(),
            "broken keys are not adopted"
        );
    }
}
