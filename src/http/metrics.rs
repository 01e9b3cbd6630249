//! What the instance counts, as Prometheus reads it, and the requests that this layer counts
//! itself: by route and status, never by a path, which holds keys.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The form that Prometheus asks for: `OpenMetrics`.
const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Where requests went that fit no route.
const NOWHERE: &str = "other";

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
    /// None yet; `registry` shows them.
    pub fn new(registry: &mut Registry) -> Self {
        let requests = Self::default();
        registry.register("http_requests", "Requests answered, by route and status", requests.0.clone());
        requests
    }

    /// Counts a request of this route, if one fitted it, that was answered so.
    pub(super) fn count(&self, route: Option<&MatchedPath>, status: StatusCode) {
        let route = route.map_or(NOWHERE, MatchedPath::as_str).to_owned();
        self.0.get_or_create(&Answered { route, status: status.as_u16() }).inc();
    }
}

/// `/metrics`, on its own.
pub fn routes(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(show)).with_state(registry)
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
