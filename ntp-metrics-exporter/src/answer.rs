//! The answers to HTTP requests.

use crate::exposition;
use crate::format::Format;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, VARY};
use hyper::{Method, Request, Response, StatusCode};
use ntp_observe::{Document, FetchError, SystemReason};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::debug;

/// The time limit for fetching the daemon's state; shorter than the ten seconds of Prometheus.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// An HTTP response.
pub(crate) type Answer = Response<Full<Bytes>>;

/// The answer to a request; the daemon is asked through `socket` where that is needed.
pub(crate) async fn answer<B>(request: &Request<B>, socket: &Path) -> Answer {
    let method = request.method();
    // The library leaves the content of answers to HEAD out.
    if method != Method::GET && method != Method::HEAD {
        let mut answer = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are supported\n",
        );
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match request.uri().path() {
        "/metrics" => metrics(request, socket).await,
        "/healthz" => plain(StatusCode::OK, "the exporter is running\n"),
        "/readyz" => ready(ask(socket).await),
        _ => plain(
            StatusCode::NOT_FOUND,
            "not found; the paths are /metrics, /healthz and /readyz\n",
        ),
    }
}

/// The metrics, in the format that the client wants.
async fn metrics<B>(request: &Request<B>, socket: &Path) -> Answer {
    let accept: Vec<&str> = request
        .headers()
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let format = Format::accepted(Some(&accept.join(",")));
    let page = format.page(exposition::render(ask(socket).await));
    let mut answer = respond(StatusCode::OK, format.content_type(), page);
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

/// Asks the daemon, off the thread that serves connections.
async fn ask(socket: &Path) -> Result<Document, FetchError> {
    let path: PathBuf = socket.to_owned();
    let fetched =
        tokio::task::spawn_blocking(move || ntp_observe::fetch(&path, FETCH_TIMEOUT)).await;
    fetched
        .expect("invariant: fetching does not panic, and is not cancelled while the runtime lives")
        .inspect_err(|error| debug!(%error, "the daemon could not be asked"))
}

/// The readiness: 200 if the clock is synchronized, or served unsynchronized as configured.
fn ready(fetched: Result<Document, FetchError>) -> Answer {
    match fetched {
        Ok(document) if document.system.synchronized => plain(StatusCode::OK, "synchronized\n"),
        Ok(document) if document.system.is_healthy() => plain(
            StatusCode::OK,
            "serving this machine's own clock, as configured\n",
        ),
        Ok(document) => {
            let codes: Vec<&str> = document
                .system
                .reasons
                .iter()
                .map(SystemReason::word)
                .collect();
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not synchronized: {}\n", codes.join(", ")),
            )
        }
        Err(error) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("daemon unreachable: {}: {error}\n", error.word()),
        ),
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    respond(status, PLAIN_TEXT, text)
}

fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
