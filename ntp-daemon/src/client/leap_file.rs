//! The file of leap seconds: read at the start, each day and when asked to, and handed to the
//! client.

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

/// Reader of the file of leap seconds.
#[derive(Debug)]
pub(crate) struct LeapFile {
    path: PathBuf,
    tables: mpsc::Sender<Arc<LeapTable>>,
    /// The last message that was logged about it.
    said: Option<String>,
}

impl LeapFile {
    /// Reads the file for the first time, if there is one, and gives what it holds to the receiver.
    pub(crate) fn open(path: Option<PathBuf>) -> (Option<Self>, mpsc::Receiver<Arc<LeapTable>>) {
        let (tables, receiver) = mpsc::channel(1);
        let file = path.map(|path| {
            let mut file = Self {
                path,
                tables,
                said: None,
            };
            if let Some(table) = file.judge(read(&file.path)) {
                // There is room for one.
                let _ = file.tables.try_send(table);
            }
            file
        });
        (file, receiver)
    }

    /// Reads it again each day and whenever `reloads` says so, until the client is gone.
    pub(crate) async fn run(mut self, mut reloads: watch::Receiver<()>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                changed = reloads.changed() => match changed {
                    Ok(()) => {}
                    Err(_) => return,
                },
            }
            let path = self.path.clone();
            let Ok(found) = tokio::task::spawn_blocking(move || read(&path)).await else {
                return;
            };
            if let Some(table) = self.judge(found)
                && self.tables.send(table).await.is_err()
            {
                return;
            }
        }
    }

    /// Says once what the file is worth. A table from before stays in use until it expires.
    fn judge(&mut self, found: Result<LeapTable, String>) -> Option<Arc<LeapTable>> {
        let path = self.path.display();
        let table = match found {
            Ok(table) => table,
            Err(error) => {
                let text = format!(
                    "the leap seconds in {path} cannot be used: {error}; the sources are asked for them. Correct \
                     `leap-seconds-file`, or reinstall the time zone data of this system"
                );
                self.say(text, true);
                return None;
            }
        };
        let until = Date::from_unix(table.expires(), 0);
        let expired = !table.is_valid_at(i64::try_from(unix_now()).unwrap_or(i64::MAX));
        let text = if expired {
            format!(
                "the leap seconds in {path} have expired at {until}, so that the sources are asked for them; update the time \
                 zone data of this system"
            )
        } else {
            format!("the leap seconds are those of {path}, until {until}")
        };
        self.say(text, expired);
        Some(Arc::new(table))
    }

    fn say(&mut self, text: String, doubtful: bool) {
        if self.said.as_ref() == Some(&text) {
            return;
        }
        if doubtful {
            tracing::warn!("{text}");
        } else {
            tracing::info!("{text}");
        }
        self.said = Some(text);
    }
}

fn read(path: &Path) -> Result<LeapTable, String> {
    let octets = ntp_ke::read_regular_file(path).map_err(|error| error.to_string())?;
    parse_leap_seconds(&String::from_utf8_lossy(&octets)).map_err(|error| error.to_string())
}
