//! Is the process alive, and can it serve: what load balancers and orchestrators ask.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;

/// The state of one part that requests depend on.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was looked at, such as `database`.
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// Whether requests must stay away while it does not.
    pub required: bool,
    /// What is wrong, or how well it is, in words for whoever is on call.
    pub detail: String,
}

/// Looks at the parts of the running system.
pub trait Readiness: Clone + Send + Sync + 'static {
    /// All parts, each as it is now. It answers quickly also when a part is away.
    fn ready(&self) -> impl Future<Output = Vec<Check>> + Send;
}

/// `GET /healthz`: the process runs. It says nothing of its parts, since a restart mends none.
pub(super) async fn alive() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok")
}

/// `GET /readyz`: 200 when every required part works, else 503, with each part by name.
pub(super) async fn ready<R: Readiness>(State(readiness): State<R>) -> impl IntoResponse {
    #[derive(Serialize)]
    struct Report {
        ready: bool,
        checks: Vec<Check>,
    }
    let checks = readiness.ready().await;
    let ready = checks.iter().all(|check| check.ok || !check.required);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(Report { ready, checks }))
}
