//! The reasons that directives of several programs have in common.

pub(crate) const STORAGE: &str = "what survives a restart is in the directory of [storage]";
pub(crate) const COMMANDS: &str = "no commands are taken over the network: `ntp-ctl` reads the \
                                   socket `observation-path` of [observability]";
pub(crate) const LOG_FILES: &str = "no statistics are written to files; the log at `log-level = \
                                    \"debug\"` names each exchange, and the metrics exporter \
                                    serves the figures";
pub(crate) const LOG: &str = "the log goes to standard error, which systemd keeps in its journal";
pub(crate) const SERVICE: &str = "the service that starts the daemon sets it";
