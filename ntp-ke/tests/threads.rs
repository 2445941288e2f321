//! A process that gets no threads. As that concerns all of it, it is a process of its own.
#![forbid(unsafe_code)]

use ntp_ke::server::KePool;
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::{Mutex, mpsc};

/// Set in the process without threads.
const CONFINED: &str = "NTP_KE_TEST_CONFINED";

/// A stack larger than any address space: the system refuses every thread.
const STACK: u64 = 1 << 47;

#[test]
fn without_threads_a_pool_is_an_error_and_no_end_is_reported() {
    if std::env::var_os(CONFINED).is_some() {
        return without_threads();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--test-threads", "1", "--nocapture"])
        .arg("without_threads_a_pool_is_an_error_and_no_end_is_reported")
        .env("RUST_MIN_STACK", STACK.to_string())
        .env(CONFINED, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{output:?}");
}

/// In a task, as in the daemon.
fn without_threads() {
    let (ended, ends) = mpsc::channel();
    let ended = Mutex::new(ended);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let started = runtime.block_on(async {
        KePool::start(NonZeroUsize::MIN, move || {
            ended.lock().unwrap().send(()).unwrap();
        })
    });
    let error = started.unwrap_err().to_string();
    assert!(error.contains("TasksMax="), "{error}");
    assert_eq!(ends.try_iter().count(), 0);
}
