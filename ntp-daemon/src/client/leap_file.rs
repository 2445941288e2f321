//! The file of leap seconds: read at the start, each day and on reload, and handed to the client.

use crate::state::wall_clock::unix_now;
use ntp_config::parse_leap_seconds;
use ntp_observe::Date;
use ntp_proto::clock::LeapTable;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The interval between two reads of the file: it changes twice a year, half a year ahead.
const INTERVAL: Duration = Duration::from_secs(86_400);

/// The reader of the file.
#[derive(Debug)]
pub(crate) struct LeapFile {
    path: PathBuf,
    tables: mpsc::Sender<Arc<LeapTable>>,
    /// The last message that was logged about it.
    logged: Option<String>,
}

impl LeapFile {
    /// Reads the file for the first time, if one is configured. The receiver gets each table that
    /// is read.
    pub(crate) fn open(path: Option<PathBuf>) -> (Option<Self>, mpsc::Receiver<Arc<LeapTable>>) {
        let (tables, receiver) = mpsc::channel(1);
        let file = path.map(|path| {
            let mut file = Self {
                path,
                tables,
                logged: None,
            };
            if let Some(table) = file.judge(read(&file.path)) {
                // There is room for one.
                let _ = file.tables.try_send(table);
            }
            file
        });
        (file, receiver)
    }

    /// Reads the file again each day and at each of `reloads`, as long as the client takes tables.
    pub(crate) async fn run(mut self, mut reloads: watch::Receiver<()>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                changed = reloads.changed() => match changed {
                    Ok(()) => {}
                    Err(_) => std::future::pending().await,
                },
            }
            let path = self.path.clone();
            let Ok(found) = tokio::task::spawn_blocking(move || read(&path)).await else {
                continue;
            };
            if let Some(table) = self.judge(found)
                && self.tables.send(table).await.is_err()
            {
                return;
            }
        }
    }

    /// Logs a change of the file's state. The table before stays in use until it expires.
    fn judge(&mut self, found: Result<LeapTable, String>) -> Option<Arc<LeapTable>> {
        let path = self.path.display();
        let table = match found {
            Ok(table) => table,
            Err(error) => {
                let text = format!(
                    "the leap seconds in {path} cannot be used: {error}; the leap seconds of the sources count instead. Correct \
                     `leap-seconds-file`, or reinstall the time zone data of this system"
                );
                self.log(text, true);
                return None;
            }
        };
        let until = Date::from_unix(table.expires(), 0);
        let expired = !table.is_valid_at(i64::try_from(unix_now()).unwrap_or(i64::MAX));
        let text = if expired {
            format!(
                "the leap seconds in {path} have expired at {until}, so the leap seconds of the sources count instead; update the \
                 time zone data of this system"
            )
        } else {
            format!("the leap seconds are those of {path}, until {until}")
        };
        self.log(text, expired);
        Some(Arc::new(table))
    }

    fn log(&mut self, text: String, doubtful: bool) {
        if self.logged.as_ref() == Some(&text) {
            return;
        }
        if doubtful {
            tracing::warn!("{text}");
        } else {
            tracing::info!("{text}");
        }
        self.logged = Some(text);
    }
}

fn read(path: &Path) -> Result<LeapTable, String> {
    let octets = ntp_ke::read_regular_file(path).map_err(|error| error.to_string())?;
    parse_leap_seconds(&String::from_utf8_lossy(&octets)).map_err(|error| error.to_string())
}
