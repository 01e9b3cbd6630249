//! Metrics of the instance, as Prometheus reads them, and those of this layer: requests, by route and status, never
//! by a path, which holds keys; and connections.

use std::sync::Arc;

use axum::extract::{MatchedPath, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::context::nosniff;

/// The form that Prometheus asks for: `OpenMetrics`.
const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Label of requests that fit no route.
const UNMATCHED_ROUTE: &str = "other";

/// A route and a status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

/// The requests of an instance.
#[derive(Clone, Default)]
pub struct Requests(Family<Answered, Counter>);

impl Requests {
    /// Registers the counts of requests, none yet; `registry` shows them.
    pub fn new(registry: &mut Registry) -> Self {
        let requests = Self::default();
        registry.register("http_requests", "Requests answered, by route and status", requests.0.clone());
        requests
    }

    /// Counts a request of this route, if one fitted it, that was answered so.
    pub(super) fn count(&self, route: Option<&MatchedPath>, status: StatusCode) {
        let route = route.map_or(UNMATCHED_ROUTE, MatchedPath::as_str).to_owned();
        self.0.get_or_create(&Answered { route, status: status.as_u16() }).inc();
    }
}

/// Reason for which a connection was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(super) enum Refused {
    /// All places are taken.
    All,
    /// Its address has its share of them.
    Address,
}

impl Refused {
    /// Returns the reason in words for the reader of the log.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::All => "as many are open as `connections_max` allows",
            Self::Address => "as many are open from their address as `connections_per_address` allows",
        }
    }
}

/// Reason for which a connection was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(super) enum Over {
    /// The head of a request did not come in time.
    Header,
    /// No other request came.
    Idle,
    /// The answer was not taken in time.
    Write,
    /// Another needed its place.
    #[strum(serialize = "room")]
    MadeRoom,
}

impl Over {
    /// Returns the reason in words for the reader of the log.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Header => "the head of a request did not come within `header_seconds`",
            Self::Idle => "no other request came within `idle_seconds`",
            Self::Write => "their answers were not taken within `write_seconds`",
            Self::MadeRoom => "as many were open as `connections_max` allows, and they left us waiting",
        }
    }
}

/// The label of a reason.
type Reason = [(&'static str, &'static str); 1];

/// The connections of an instance.
#[derive(Clone, Default)]
pub struct Connections {
    pub(super) open: Gauge,
    refused: Family<Reason, Counter>,
    ended: Family<Reason, Counter>,
    failed: Counter,
}

impl Connections {
    /// Registers the counts of connections, none yet; `registry` shows them.
    pub fn new(registry: &mut Registry) -> Self {
        let connections = Self::default();
        let Self { open, refused, ended, failed } = connections.clone();
        registry.register("connections", "Connections that are open", open);
        registry.register("connections_refused", "Connections that were not let in, by the bound", refused);
        registry.register("connections_ended", "Connections that were ended, by the limit", ended);
        registry.register("connections_failed", "Connections that the system did not hand over", failed);
        connections
    }

    pub(super) fn refuse(&self, refused: Refused) {
        self.refused.get_or_create(&[("bound", refused.into())]).inc();
    }

    pub(super) fn end(&self, over: Over) {
        self.ended.get_or_create(&[("limit", over.into())]).inc();
    }

    pub(super) fn fail(&self) {
        self.failed.inc();
    }
}

/// Returns the route of `/metrics`, on its own.
pub fn routes(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(show)).with_state(registry).layer(middleware::map_response(nosniff))
}

async fn show(State(registry): State<Arc<Registry>>) -> Response {
    let mut shown = String::new();
    match text::encode(&mut shown, &registry) {
        Ok(()) => ([(CONTENT_TYPE, FORM)], shown).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
