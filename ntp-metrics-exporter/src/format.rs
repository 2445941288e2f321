//! The text format of the metrics: OpenMetrics, or the older one that every client reads.

/// A text format of metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Plain,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format for an `Accept` header (RFC 9110 §12.5.1): OpenMetrics if it is named and not
    /// preferred less than plain text. Without a header, and for browsers and curl, it is plain
    /// text.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        let weight_of = |kind: &str| {
            let mut ranges = accept.unwrap_or_default().split(',').map(media_range);
            ranges
                .find(|(range, _)| range.eq_ignore_ascii_case(kind))
                .map(|(_, weight)| weight)
        };
        let openmetrics = weight_of("application/openmetrics-text").unwrap_or(0.0);
        let plain = ["text/plain", "text/*", "*/*"]
            .into_iter()
            .find_map(weight_of)
            .unwrap_or(0.0);
        if openmetrics > 0.0 && openmetrics >= plain {
            Self::OpenMetrics
        } else {
            Self::Plain
        }
    }

    /// Its media type.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// A page of OpenMetrics in this format.
    pub(crate) fn page(self, openmetrics: String) -> String {
        match self {
            Self::Plain => plain(&openmetrics),
            Self::OpenMetrics => openmetrics,
        }
    }
}

/// The media type of one element of an `Accept` header, and its weight, 0 to 1.
fn media_range(element: &str) -> (&str, f64) {
    let mut parts = element.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let weight = |parameter: &str| {
        let (name, weight) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("q").then(|| weight.parse().ok())
    };
    let weight = parts.find_map(weight).flatten();
    (kind, weight.unwrap_or(1.0))
}

/// The plain format knows neither units nor an end mark, and it names a counter as its series are
/// named.
fn plain(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                kind => ("", kind),
            };
            text.push_str(&format!(
                "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"
            ));
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_names_openmetrics_gets_it_and_all_others_get_plain_text() {
        const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;q=0.5,\
                                  application/openmetrics-text;\
                                  version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (None, Format::Plain),
            (Some(""), Format::Plain),
            (Some("*/*"), Format::Plain),
            (Some("text/plain"), Format::Plain),
            (Some("text/plain; version=0.0.4"), Format::Plain),
            (
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                Format::Plain,
            ),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (
                Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
                Format::OpenMetrics,
            ),
            (
                Some("text/plain;q=0.5, application/openmetrics-text"),
                Format::OpenMetrics,
            ),
            (
                Some("text/plain, application/openmetrics-text;q=0.5"),
                Format::Plain,
            ),
            (Some("application/openmetrics-text;q=0, */*"), Format::Plain),
            (
                Some("Application/OpenMetrics-Text;Q=0.2, text/plain;Q=0.9"),
                Format::Plain,
            ),
            (Some(PROMETHEUS), Format::OpenMetrics),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn a_page_in_the_plain_format_names_families_as_their_series_and_has_no_end_mark() {
        let openmetrics = "# HELP a_seconds A span.\n# TYPE a_seconds gauge\n# UNIT a_seconds \
                           seconds\na_seconds 1.5\n# HELP b Events.\n# TYPE b \
                           counter\nb_total{x=\"# 1\"} 2\n# HELP c Facts.\n# TYPE c \
                           info\nc_info{v=\"1\"} 1\n# EOF\n";
        let plain = "# HELP a_seconds A span.\n# TYPE a_seconds gauge\na_seconds 1.5\n# HELP \
                     b_total Events.\n# TYPE b_total counter\nb_total{x=\"# 1\"} 2\n# HELP c_info \
                     Facts.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n";
        assert_eq!(Format::Plain.page(openmetrics.into()), plain);
        assert_eq!(Format::OpenMetrics.page(openmetrics.into()), openmetrics);
    }
}
