//! The key `listen` of servers.

use crate::address;
use crate::diagnostic::{Located, Report};
use crate::fields::Fields;
use std::net::SocketAddr;

/// Reads the address of a socket; without a port it gets `default_port`.
pub(super) fn read(
    fields: &mut Fields,
    default_port: u16,
    report: &mut Report,
) -> Option<Located<SocketAddr>> {
    let help = format!(
        "write listen = \"[::]:{default_port}\" or \"0.0.0.0:{default_port}\", or the address of \
         one interface"
    );
    if fields.peek("listen").is_none() {
        report.error(
            fields.span(),
            format!("a `{}` without `listen`", fields.name()),
            help,
        );
        return None;
    }
    let text = fields.string("listen", report)?;
    match address::socket(&text.value, Some(default_port)) {
        Some(address) => Some(text.with(address)),
        None => {
            let message = format!(
                "`{}` is not an IP address with or without a port",
                text.value
            );
            report.error(&text.span, message, help);
            None
        }
    }
}
