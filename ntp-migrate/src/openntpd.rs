//! ntpd.conf of OpenNTPD.

use crate::files::Input;
use crate::ledger::LineId;
use crate::plan::{Mode, Plan, Server, Source};
use crate::text::{self, Directive};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first words of its lines.
const KEYWORDS: [&str; 8] = [
    "listen",
    "query",
    "sensor",
    "server",
    "servers",
    "constraint",
    "constraints",
    "weight",
];

const CONSTRAINT: &str = "a constraint (the date of an HTTPS server) has no equivalent; \
                          authenticated time comes from a [[source]] with mode = \"nts\"";

/// True for a first word of a line.
pub(crate) fn is_known(keyword: &str) -> bool {
    KEYWORDS.contains(&keyword)
}

/// Reads the file.
pub(crate) fn read(main: &Input, plan: &mut Plan) {
    let mut server = Server::default();
    server.access.default_allow = true;
    for directive in text::hash_comments(&main.text) {
        let id = plan
            .ledger
            .enter(&main.path, directive.number, directive.text);
        match directive.keyword().as_str() {
            "listen" => listen(&directive, id, &mut server, plan),
            "server" | "servers" => source(&directive, id, plan),
            "query" => plan.ledger.lose(
                id,
                "requests leave from the address that the system chooses",
            ),
            "sensor" => plan.ledger.lose(
                id,
                "there are no reference clocks; an NTP server that has it can be a source",
            ),
            "constraint" | "constraints" => plan.ledger.lose(id, CONSTRAINT),
            keyword => {
                let note = format!("`{keyword}` is not a directive that is known");
                plan.ledger.lose(id, note);
            }
        }
    }
    if !server.listen.is_empty() {
        plan.servers.push(server);
    }
}

fn listen(directive: &Directive, id: LineId, server: &mut Server, plan: &mut Plan) {
    let ["on", address, options @ ..] = directive.arguments() else {
        plan.ledger
            .lose(id, "its arguments are missing or malformed");
        return;
    };
    if options.first() == Some(&"rtable") {
        let note = "`rtable`: a routing table cannot be chosen; `interface` ties a [[server]] to \
                    an interface";
        plan.ledger.lose(id, note);
        return;
    }
    if *address == "*" {
        server.listen.push(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        server.listen.push(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    } else if let Ok(address) = address.parse() {
        server.listen.push(address);
    } else {
        let note = "names are not looked up for addresses to listen on; write the address";
        plan.ledger.lose(id, note);
        return;
    }
    server.lines.push(id);
}

fn source(directive: &Directive, id: LineId, plan: &mut Plan) {
    let Some((host, options)) = directive.arguments().split_first() else {
        plan.ledger.lose(id, "the name of the server is missing");
        return;
    };
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "weight" => {
                rest.next();
                let note = "`weight`: the error bounds of the sources weigh them";
                plan.ledger.approximate(id, note);
            }
            "trusted" => {
                let note = "`trusted`: there are no constraints that it could be exempt from";
                plan.ledger.approximate(id, note);
            }
            _ => {
                plan.ledger.unknown_option(id, option);
            }
        }
    }
    let mode = if directive.keyword() == "servers" {
        let note = "four servers of the name are used at a time, not all of its addresses";
        plan.ledger.approximate(id, note);
        Mode::Pool(None)
    } else {
        Mode::Server
    };
    plan.sources.push(Source::new(id, mode, host));
}
