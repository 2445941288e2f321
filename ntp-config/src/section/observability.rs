//! `[observability]`.

use crate::address;
use crate::config::{LogLevel, Observability};
use crate::diagnostic::Report;
use crate::fields::{Fields, Section};
use crate::raw::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) const OBSERVABILITY: Section = Section {
    name: "[observability]",
    keys: &[
        "log-level",
        "ansi-colors",
        "observation-path",
        "control-path",
        "observation-permissions",
        "metrics-exporter-listen",
        "log-path",
        "log-path-metrics-exporter",
    ],
};

/// The longest path of a Unix socket in octets. Linux has 108 with the final zero (unix(7)), other
/// systems have fewer.
const LONGEST_SOCKET_PATH: usize = 103;

pub(super) fn read(mut fields: Fields, report: &mut Report) -> Observability {
    let defaults = Observability::default();
    for key in ["log-path", "log-path-metrics-exporter"] {
        fields.no_effect(
            key,
            "the log goes to standard error, which systemd keeps in its journal",
            report,
        );
    }
    let levels = LogLevel::ALL.map(|level| (level.as_str(), level));
    let section = Observability {
        log_level: fields
            .word("log-level", &levels, report)
            .map_or(defaults.log_level, |level| level.value),
        ansi_colors: fields
            .boolean("ansi-colors", report)
            .map(|colors| colors.value),
        observation_path: socket_path(&mut fields, "observation-path", "observe", report),
        control_path: socket_path(&mut fields, "control-path", "control", report),
        observation_permissions: permissions(&mut fields, report)
            .unwrap_or(defaults.observation_permissions),
        metrics_exporter_listen: exporter(&mut fields, report)
            .unwrap_or(defaults.metrics_exporter_listen),
    };
    fields.finish(report);
    section
}

/// Reads the path of a socket, whose usual file is `name`.
fn socket_path(
    fields: &mut Fields,
    key: &'static str,
    name: &str,
    report: &mut Report,
) -> Option<PathBuf> {
    let text = fields.string(key, report)?;
    let help = format!("write an absolute path such as \"/run/truechimer/{name}.sock\"");
    if !text.value.starts_with('/') {
        report.error(
            &text.span,
            format!("`{key}` must be an absolute path"),
            help,
        );
    } else if text.value.len() > LONGEST_SOCKET_PATH || text.value.contains('\0') {
        let message =
            format!("`{key}` is longer than the {LONGEST_SOCKET_PATH} octets of a socket's path");
        report.error(&text.span, message, help);
    }
    Some(PathBuf::from(text.value))
}

fn permissions(fields: &mut Fields, report: &mut Report) -> Option<u32> {
    let value = fields.take("observation-permissions")?.value;
    let fault = match value.value {
        Value::Integer(bits) => match u32::try_from(bits) {
            Ok(bits) if bits <= 0o777 => return Some(bits),
            _ => "`observation-permissions` is out of range".to_owned(),
        },
        other => format!("`observation-permissions` must not be {}", other.kind()),
    };
    report.error(
        &value.span,
        fault,
        "write permissions as an octal number without quotes, from 0o000 to 0o777, as 0o666",
    );
    None
}

fn exporter(fields: &mut Fields, report: &mut Report) -> Option<SocketAddr> {
    let text = fields.string("metrics-exporter-listen", report)?;
    let listen = address::socket(&text.value, None);
    if listen.is_none() {
        let message = format!("`{}` is not an IP address with a port", text.value);
        report.error(
            &text.span,
            message,
            "write it as \"127.0.0.1:9975\" or \"[::1]:9975\"",
        );
    }
    listen
}
