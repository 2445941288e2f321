//! Directives whose result does not depend on their arguments.

use crate::ledger::{LineId, Verdict};
use crate::plan::Plan;
use crate::reasons::{COMMANDS, LOG, LOG_FILES, SERVICE, STORAGE};
use crate::text::Directive;
use Verdict::{Approximated, Dropped, Kept};

const BROADCAST: &str = "there is no broadcast, multicast or manycast: clients must ask, and \
                         sources must be named";
const AUTOKEY: &str = "there is no Autokey; authenticated time is NTS";

/// The directives, with the result and the reason.
const SIMPLE: [(&str, Verdict, &str); 50] = [
    (
        "driftfile",
        Approximated,
        "the frequency is learned again, and kept in the directory of [storage]",
    ),
    ("saveconfigdir", Approximated, COMMANDS),
    ("statsdir", Approximated, LOG_FILES),
    ("statistics", Dropped, LOG_FILES),
    ("filegen", Dropped, LOG_FILES),
    ("logfile", Approximated, LOG),
    ("logconfig", Approximated, LOG),
    (
        "leapsmearinterval",
        Dropped,
        "there is no smearing of leap seconds",
    ),
    ("requestkey", Approximated, COMMANDS),
    ("controlkey", Approximated, COMMANDS),
    ("crypto", Dropped, AUTOKEY),
    ("autokey", Dropped, AUTOKEY),
    ("keysdir", Dropped, AUTOKEY),
    ("autorevoke", Dropped, AUTOKEY),
    ("revoke", Dropped, AUTOKEY),
    ("broadcast", Dropped, BROADCAST),
    ("broadcastclient", Dropped, BROADCAST),
    ("multicastclient", Dropped, BROADCAST),
    ("manycastclient", Dropped, BROADCAST),
    ("manycastserver", Dropped, BROADCAST),
    ("broadcastdelay", Dropped, BROADCAST),
    ("ttl", Dropped, BROADCAST),
    ("calldelay", Dropped, "there are no modems"),
    ("phone", Dropped, "there are no modems"),
    (
        "mru",
        Approximated,
        "`rate-limiting-cache-size` limits the memory for clients",
    ),
    (
        "mdnstries",
        Approximated,
        "the server is not announced by multicast DNS",
    ),
    ("nonvolatile", Approximated, STORAGE),
    ("pidfile", Approximated, SERVICE),
    ("user", Approximated, SERVICE),
    ("rlimit", Approximated, SERVICE),
    ("setvar", Approximated, COMMANDS),
    (
        "trap",
        Dropped,
        "no traps are sent; the metrics exporter is for alerts",
    ),
    ("reset", Approximated, COMMANDS),
    ("unpeer", Dropped, "a source is left out by not naming it"),
    ("unconfig", Dropped, "a source is left out by not naming it"),
    ("unrestrict", Dropped, "an access rule is removed by hand"),
    ("dscp", Dropped, "packets are not marked"),
    ("qos", Dropped, "packets are not marked"),
    (
        "ntpsigndsocket",
        Dropped,
        "replies are not signed for Active Directory (MS-SNTP)",
    ),
    ("simulate", Dropped, "`ntp-sim` is a program of its own"),
    ("pollskewlist", Approximated, "polls are spread by chance"),
    ("automax", Dropped, AUTOKEY),
    ("clockstats", Dropped, LOG_FILES),
    // Read in other modules.
    ("server", Kept, ""),
    ("pool", Kept, ""),
    ("peer", Kept, ""),
    ("includefile", Kept, ""),
    ("restrict", Kept, ""),
    ("interface", Kept, ""),
    ("nic", Kept, ""),
];

/// Directives of the other modules, by which ntp.conf is recognized.
const OTHERS: [&str; 12] = [
    "fudge",
    "refclock",
    "limit",
    "discard",
    "tos",
    "tinker",
    "enable",
    "disable",
    "nts",
    "keys",
    "trustedkey",
    "leapfile",
];

/// Notes the result of a directive; false if it is not one of these.
pub(super) fn note(directive: &Directive, plan: &mut Plan, id: LineId) -> bool {
    let keyword = directive.keyword();
    let Some((_, verdict, note)) = SIMPLE.iter().find(|(name, _, _)| *name == keyword) else {
        return false;
    };
    match verdict {
        Kept => {}
        Approximated => plan.ledger.approximate(id, note),
        Dropped => plan.ledger.lose(id, note),
    }
    true
}

/// True for a directive of ntp.conf.
pub(crate) fn is_known(keyword: &str) -> bool {
    OTHERS.contains(&keyword) || SIMPLE.iter().any(|(name, _, _)| *name == keyword)
}
