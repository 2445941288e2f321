//! Threads that are not to end: somebody is told when one does.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Whom to tell that a thread has ended.
#[derive(Clone)]
pub(super) struct Ended(Arc<dyn Fn() + Send + Sync>);

impl Ended {
    pub(super) fn new(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Starts a thread. That it has ended is told, be it by a return or a panic. Its name has 15
    /// characters at most.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn watch(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let ending = Ending(self.clone());
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                let _ending = ending;
                work();
            })
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ended")
    }
}

/// Tells at the end of its scope, however that comes.
struct Ending(Ended);

impl Drop for Ending {
    fn drop(&mut self) {
        (self.0.0)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    #[test]
    fn a_thread_that_returns_and_one_that_panics_are_both_told_of() {
        let (told, hears) = channel();
        let told = Mutex::new(told);
        let ended = Ended::new(move || told.lock().unwrap().send(()).unwrap());
        assert!(ended.watch("returns", || ()).unwrap().join().is_ok());
        assert_eq!(hears.try_iter().count(), 1);
        assert!(
            ended
                .watch("panics", || panic!("as the test wants it"))
                .unwrap()
                .join()
                .is_err()
        );
        assert_eq!(hears.try_iter().count(), 1);
    }
}
