//! Facts about a request before anything reads it: its id and where it came from. Every answer carries the id, every
//! log line of the request stands in a span with it, and each request leaves one line of its own, and is counted.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use tracing::{Instrument, info, info_span, warn};
use uuid::Uuid;

use super::client::TrustedProxies;
use super::errors::Refusal;
use super::media::Media;
use super::metrics::Requests;
use crate::auth::address::ClientAddress;
use crate::auth::caller::{OneGuess, RequestInfo};
use crate::error::Error;

/// The header that carries a request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id taken from a caller, in bytes.
const LONGEST_ID: usize = 128;

/// A request's id and origin, for limits, logs, errors and the audit.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The caller's `X-Request-ID` when it is well-formed, else a UUID v7.
    pub request_id: Arc<str>,
    /// The client: the peer of the connection, or whom a trusted proxy names.
    pub address: ClientAddress,
    guess: OneGuess,
}

impl RequestContext {
    fn of(request: &Request, address: ClientAddress) -> Self {
        let request_id = callers_id(request.headers()).map_or_else(|| Uuid::now_v7().to_string().into(), Into::into);
        Self { request_id, address, guess: OneGuess::default() }
    }

    /// Makes the context of another request of the connection, such as a message of a WebSocket.
    pub(super) fn another(&self) -> Self {
        Self { guess: OneGuess::default(), ..self.clone() }
    }

    /// Returns what the use cases know of the request.
    pub(super) fn info(&self) -> RequestInfo {
        RequestInfo::new(self.request_id.to_string(), self.address, self.guess.clone())
    }
}

/// The context of a request of which nothing else is known.
impl From<ClientAddress> for RequestContext {
    fn from(address: ClientAddress) -> Self {
        Self { request_id: Uuid::now_v7().to_string().into(), address, guess: OneGuess::default() }
    }
}

/// The tools of [`track`].
#[derive(Clone)]
pub struct Tracker {
    requests: Requests,
    proxies: TrustedProxies,
    /// `true` once the log has told of a forwarding header of a peer that is not believed.
    has_warned: Arc<AtomicBool>,
}

impl Tracker {
    /// Counts into `requests`, and believes `proxies`.
    pub fn new(requests: Requests, proxies: TrustedProxies) -> Self {
        Self { requests, proxies, has_warned: Arc::default() }
    }

    fn client(&self, request: &Request) -> ClientAddress {
        let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
            return ClientAddress::UNKNOWN;
        };
        let peer = peer.ip();
        let passes_over = || self.proxies.passes_over(peer, request.headers());
        // Once: whoever sends it would fill the log.
        if !self.has_warned.load(Ordering::Relaxed) && passes_over() && !self.has_warned.swap(true, Ordering::Relaxed) {
            warn!(
                %peer,
                "a request says whom it is forwarded for and is not believed: if the peer is your proxy, name it in \
                 `trusted_proxies`, or all of its clients count as one"
            );
        }
        self.proxies.client(peer, request.headers())
    }
}

/// The context that [`track`] put there; a fresh one on a route that it does not surround.
impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self::from(ClientAddress::UNKNOWN)))
    }
}

fn callers_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let well_formed = (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    well_formed.then_some(id)
}

/// Middleware: gives the request its context, its span, its log line and its count, and the answer
/// its id and the word that its type is what it says. One layer does it all: each boxes the request's
/// future once more.
/// A panic below answers as a fault of ours and does not take the connection with it.
pub async fn track(State(tracker): State<Tracker>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let context = RequestContext::of(&request, tracker.client(&request));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(context.clone());

    let span = info_span!("request", request_id = %context.request_id, address = %context.address);
    async {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let panicked = |_| Refusal::from(Error::internal("a handler panicked")).respond(Media::Json, &context);
        let mut response = answer.unwrap_or_else(panicked);
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let response = nosniff(response).await;
        tracker.requests.count(route.as_ref(), response.status());
        let ms = started.elapsed().as_secs_f64() * 1e3;
        info!(%method, path, status = response.status().as_u16(), ms, "answered");
        response
    }
    .instrument(span)
    .await
}

/// Says of an answer that its type is what it says: no browser guesses another.
pub(super) async fn nosniff(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(value).unwrap())]);
        callers_id(&headers).map(str::to_owned)
    }

    #[test]
    fn a_callers_id_is_taken_only_when_it_is_well_formed() {
        assert_eq!(id("Az09._-").as_deref(), Some("Az09._-"));
        assert_eq!(id(&"a".repeat(128)), Some("a".repeat(128)));
        assert_eq!(id(&"a".repeat(129)), None);
        assert_eq!(id(""), None);
        assert_eq!(id("a b"), None);
        assert_eq!(id("<script>"), None);
    }
}
