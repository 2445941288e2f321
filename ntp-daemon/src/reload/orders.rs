//! Orders of the control socket.

use super::reloader::{Outcome, Reloader};
use crate::client::command::ClientCommand;
use crate::digits::behind;
use crate::logging;
use crate::nts::cookie_keys::KeyOrder;
use ntp_config::{LogLevel, SourceEntry, parse_str};
use ntp_observe::{ControlCommand, ControlReply, NewSource};
use tokio::sync::oneshot;

/// The lifetime of sources that an order has changed.
const UNTIL: &str = "until the next reload, which goes back to the configuration file";

impl Reloader {
    /// Carries an order out.
    pub(crate) async fn carry_out(&mut self, command: ControlCommand) -> ControlReply {
        match command {
            ControlCommand::Reload => reply_of(self.reload().await),
            ControlCommand::AddSource { source } => self.add_source(&source).await,
            ControlCommand::RemoveSource { address } => self.remove_source(&address).await,
            ControlCommand::SetSources { sources } => self.set_sources(&sources).await,
            ControlCommand::Burst => self.burst().await,
            ControlCommand::Step => self.step().await,
            ControlCommand::RotateKeys => self.rotate_keys().await,
            ControlCommand::LogLevel { level } => self.set_log_level(&level),
        }
    }

    async fn add_source(&mut self, source: &NewSource) -> ControlReply {
        let mut sources = self.running().config.sources.clone();
        let added = match parse(std::slice::from_ref(source)) {
            Ok(added) => added,
            Err(reply) => return *reply,
        };
        if let Some(reply) = self.out_of_reach(&added) {
            return reply;
        }
        let address = |entry: &SourceEntry| entry.kind.address().clone();
        if added
            .iter()
            .any(|new| sources.iter().any(|old| address(old) == address(new)))
        {
            let message = format!("{} is a source already", source.address);
            return ControlReply::refused("source-exists", message);
        }
        sources.extend(added);
        self.use_sources(sources).await;
        ControlReply::done(format!("{} is a source {UNTIL}", source.address))
    }

    async fn remove_source(&mut self, address: &str) -> ControlReply {
        let before = self.running().config.sources.clone();
        let named = |entry: &SourceEntry| {
            let known = entry.kind.address();
            known.host == address || known.to_string() == address
        };
        let (gone, stay): (Vec<SourceEntry>, Vec<SourceEntry>) =
            before.into_iter().partition(named);
        if gone.is_empty() {
            let names: Vec<String> = stay
                .iter()
                .map(|entry| entry.kind.address().to_string())
                .collect();
            let message = format!(
                "{address} is not a source; the sources are: {}",
                names.join(", ")
            );
            return ControlReply::refused("no-such-source", message);
        }
        self.use_sources(stay).await;
        ControlReply::done(format!("{address} is no longer a source {UNTIL}"))
    }

    async fn set_sources(&mut self, sources: &[NewSource]) -> ControlReply {
        match parse(sources) {
            Ok(parsed) => {
                if let Some(reply) = self.out_of_reach(&parsed) {
                    return reply;
                }
                let number = parsed.len();
                self.use_sources(parsed).await;
                ControlReply::done(format!("the number of sources is {number} {UNTIL}"))
            }
            Err(reply) => *reply,
        }
    }

    /// The reply that refuses a source which the sandbox would keep the daemon from.
    fn out_of_reach(&self, sources: &[SourceEntry]) -> Option<ControlReply> {
        let reach = self.running().reach.as_ref()?;
        let closed = sources.iter().find_map(|entry| reach.closed(entry))?;
        let message = format!(
            "{closed}; write the source into the configuration file and restart the daemon"
        );
        Some(ControlReply::refused("out-of-reach", message))
    }

    async fn use_sources(&mut self, sources: Vec<SourceEntry>) {
        let mut config = self.running().config.clone();
        config.sources = sources;
        self.configure_client(&config).await;
        self.running_mut().config = config;
    }

    async fn burst(&self) -> ControlReply {
        let (done, asked) = oneshot::channel();
        let sent = self.running().client.send(ClientCommand::Burst(done)).await;
        match (sent, asked.await) {
            (Ok(()), Ok(0)) => ControlReply::refused(
                "no-associations",
                "there is no server that can be asked now",
            ),
            (Ok(()), Ok(1)) => ControlReply::done("1 server is asked several times now"),
            (Ok(()), Ok(asked)) => {
                ControlReply::done(format!("{asked} servers are asked several times now"))
            }
            _ => ControlReply::refused("ending", "the daemon is ending"),
        }
    }

    async fn step(&self) -> ControlReply {
        let (done, answer) = oneshot::channel();
        let sent = self.running().client.send(ClientCommand::Step(done)).await;
        match (sent, answer.await) {
            (Ok(()), Ok(Err(_))) => ControlReply::refused(
                "not-steered",
                "this daemon does not steer the clock, so it cannot step it; `ntp-ctl status` has \
                 the reason",
            ),
            (Ok(()), Ok(Ok(offset))) => {
                let known = offset.map_or_else(
                    || "no server has been measured yet".to_owned(),
                    |offset| format!("the clock is {}", behind(offset)),
                );
                ControlReply::done(format!(
                    "{known}; it is set at the next measurement that a majority agrees on, within \
                     seconds, or not at all if there is none within a minute"
                ))
            }
            _ => ControlReply::refused("ending", "the daemon is ending"),
        }
    }

    async fn rotate_keys(&self) -> ControlReply {
        let Some(keys) = &self.running().keys else {
            return ControlReply::refused(
                "no-keys",
                "this daemon has no NTS cookie keys; a [[nts-ke-server]] makes some",
            );
        };
        let (done, rotated) = oneshot::channel();
        let sent = keys.send(KeyOrder(done)).await;
        match (sent, rotated.await) {
            (Ok(()), Ok(id)) => ControlReply::done(format!(
                "new cookies are sealed with the key {id:08x}; older ones stay valid until \
                 stale-key-count is reached"
            )),
            _ => ControlReply::refused("ending", "the daemon is ending"),
        }
    }

    fn set_log_level(&mut self, level: &str) -> ControlReply {
        match level.parse::<LogLevel>() {
            Ok(level) => {
                logging::set_level(level);
                self.running_mut().config.observability.log_level = level;
                ControlReply::done(format!(
                    "the log level is {level} until the next reload or start"
                ))
            }
            Err(error) => ControlReply::refused("unknown-log-level", error.to_string()),
        }
    }
}

fn reply_of(outcome: Outcome) -> ControlReply {
    match outcome {
        Outcome::Applied { restart_needed } => ControlReply {
            restart_needed,
            ..ControlReply::done("the configuration has been reloaded")
        },
        Outcome::Refused(refusal) => ControlReply::refused(
            "bad-configuration",
            format!(
                "the configuration was not reloaded, and the one in force stays:\n{}",
                refusal.text
            ),
        ),
    }
}

/// The sources as the configuration file would have them, or the reply that refuses them.
fn parse(sources: &[NewSource]) -> Result<Vec<SourceEntry>, Box<ControlReply>> {
    let section = |source: &NewSource| {
        let NewSource { mode, address } = source;
        format!("[[source]]\nmode = {mode:?}\naddress = {address:?}\n")
    };
    let text: String = sources.iter().map(section).collect();
    match parse_str("the request", &text) {
        Ok(loaded) => Ok(loaded.config.sources),
        Err(error) => Err(Box::new(ControlReply::refused(
            "bad-source",
            error.to_string(),
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(mode: &str, address: &str) -> NewSource {
        NewSource {
            mode: mode.into(),
            address: address.into(),
        }
    }

    #[test]
    fn sources_of_a_request_are_read_as_those_of_a_file() {
        let sources = parse(&[new("pool", "pool.example"), new("server", "192.0.2.1:1123")]);
        let names: Vec<String> = sources
            .unwrap()
            .iter()
            .map(|source| source.kind.address().to_string())
            .collect();
        assert_eq!(names, ["pool.example:123", "192.0.2.1:1123"]);
    }

    #[test]
    fn a_text_that_is_no_address_cannot_become_another_section() {
        for address in [
            "",
            "a b",
            "x\"\n[clock]\nmode = \"none",
            "\u{0}",
            "é\u{301}",
        ] {
            let reply = parse(&[new("server", address)]).unwrap_err();
            assert_eq!(reply.error.unwrap().code, "bad-source", "{address:?}");
        }
        assert!(parse(&[new("sundial", "192.0.2.1")]).is_err());
    }
}
