//! Is the process alive, and can it serve: what load balancers and orchestrators ask.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::RequestContext;
use super::errors::Refusal;
use super::media::Media;
use crate::error::Error;

/// The name of the part that says whether changes can be made.
pub(super) const CHANGES: &str = "changes";

/// The state of one part that requests depend on.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Name of the part that was checked, such as `database`.
    pub name: String,
    /// `true` while the part works.
    pub ok: bool,
    /// `true` if requests must stay away while the part does not work.
    pub required: bool,
    /// Fault or state of the part, in words for the person on call.
    pub detail: String,
}

/// Contents of an instance's memory: two instances that hold the same tenants in the same way have the same digest.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    /// Number of tenants that are held.
    pub tenants: usize,
    /// The digest of what is held of them.
    pub digest: String,
}

/// Looks at the parts of the running system.
pub trait Readiness: Clone + Send + Sync + 'static {
    /// Checks all parts, each as it is now. It answers quickly also when a part is away.
    fn ready(&self) -> impl Future<Output = Vec<Check>> + Send;

    /// Returns what is held in memory, if that can be told.
    fn held(&self) -> impl Future<Output = Option<Held>> + Send;
}

/// Query of `/readyz`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthQuery {
    /// Work that the instance must be ready for.
    #[serde(rename = "for", default)]
    purpose: Purpose,
    /// Asks for what is held in memory, whatever its value.
    verbose: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    #[default]
    Decisions,
    Changes,
}

#[derive(Serialize)]
struct Report {
    ready: bool,
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Held>,
}

/// Answers `GET /healthz`: the process runs. It says nothing of its parts, since a restart mends none.
pub(super) async fn alive() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok")
}

/// Answers `GET /readyz`: 200 when every required part works, else 503, with each part by name. With `?for=changes`,
/// what changes need is required as well.
pub(super) async fn ready<R: Readiness>(
    State(readiness): State<R>,
    context: RequestContext,
    asked: Result<Query<HealthQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        let refused = Error::bad_input("`/readyz` takes `for=decisions`, `for=changes` and `verbose`").at("for");
        return Refusal::from(refused).respond(Media::Json, &context);
    };
    let mut checks = readiness.ready().await;
    for check in checks.iter_mut().filter(|check| check.name == CHANGES) {
        check.required |= asked.purpose == Purpose::Changes;
    }
    let memory = if asked.verbose.is_some() { readiness.held().await } else { None };
    let ready = checks.iter().all(|check| check.ok || !check.required);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(Report { ready, checks, memory })).into_response()
}
