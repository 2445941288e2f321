//! The command line.

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

/// OpenMetrics and health endpoints for a running ntp-daemon: /metrics, /healthz and /readyz.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Configuration file of the daemon, which says where its observation socket is and where to
    /// listen
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Observation socket of the daemon, if it is not the one of the configuration
    #[arg(short, long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Address and port to listen on, if it is not the one of the configuration [default:
    /// 127.0.0.1:9975]
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}
