//! An NTP server that refuses everybody: each request is answered with a DENY kiss, after which a
//! client must give up the association.
#![forbid(unsafe_code)]

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use ntp_proto::packet::KissCode;
use test_binaries::{Announcer, Outgoing, Responder, seconds};

/// Answer every NTP request with a DENY kiss, so that clients demobilize the association.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address and port to listen on; port 0 is any free one
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:1123")]
    listen: SocketAddr,
    /// End after so many seconds instead of running until SIGTERM
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    span: Option<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut responder = Responder::bind(args.listen).map_err(|error| error.to_string())?;
    Announcer::listening(responder.local_address());
    let mut announcer = Announcer::default();
    responder.serve(args.span, |request, clock| {
        announcer.tell(format_args!("{}: DENY", request.from));
        vec![Outgoing::now(
            request.kiss(KissCode::Deny, clock.now()).encode(),
        )]
    })?;
    Ok(())
}
