//! An NTP server that refuses every client: each request is answered with a DENY kiss, after which
//! the client must demobilize the association.
#![forbid(unsafe_code)]

use clap::Parser;
use ntp_proto::packet::KissCode;
use std::error::Error;
use test_binaries::{Announcer, Outgoing, Responder, ServerOptions};

/// Answer every NTP request with a DENY kiss, so that clients demobilize the association.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerOptions,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut responder = Responder::start(args.server)?;
    let mut announcer = Announcer::default();
    responder.serve(|request, clock| {
        announcer.announce(format_args!("{}: DENY", request.from));
        vec![Outgoing::now(
            request.kiss(KissCode::Deny, clock.now()).encode(),
        )]
    })?;
    Ok(())
}
