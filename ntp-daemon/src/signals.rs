//! The signals that the daemon obeys.

use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Resolves when SIGTERM or SIGINT asks the daemon to end. SIGHUP goes to `reload`; SIGUSR1 and
/// SIGUSR2 are logged and ignored.
///
/// # Errors
/// If the operating system refuses a signal handler.
pub(crate) fn stop_signal(reload: watch::Sender<()>) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut first_user = signal(SignalKind::user_defined1())?;
    let mut second_user = signal(SignalKind::user_defined2())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return tracing::info!("SIGTERM: the daemon ends"),
                _ = interrupt.recv() => return tracing::info!("SIGINT: the daemon ends"),
                _ = hang_up.recv() => {
                    tracing::info!("SIGHUP: reading the configuration, certificates and keys again");
                    reload.send_replace(());
                }
                _ = first_user.recv() => log_ignored("SIGUSR1"),
                _ = second_user.recv() => log_ignored("SIGUSR2"),
            }
        }
    })
}

/// Other daemons use these signals to change the log level or to dump statistics.
fn log_ignored(signal: &str) {
    tracing::info!(
        "{signal} has no effect: `ntp-ctl status --verbose` shows the state; [observability] \
         log-level sets the log level, at a reload as well (`ntp-ctl reload`, SIGHUP)"
    );
}
