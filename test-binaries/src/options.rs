//! The command line that all servers share.

use clap::Args;
use ntp_config::parse_span;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The address of a server, and the time for which it runs.
#[derive(Clone, Copy, Debug, Args)]
pub struct ServerOptions {
    /// Address and port to listen on; port 0 is any free one
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:1123")]
    pub listen: SocketAddr,
    /// End after this time instead of running until SIGTERM
    #[arg(long = "for", value_name = "TIME", value_parser = parse_span)]
    pub span: Option<Duration>,
}

impl ServerOptions {
    /// The time at which the server ends, if it starts now.
    #[must_use]
    pub fn end(&self) -> Option<Instant> {
        self.span.map(|span| Instant::now() + span)
    }
}
