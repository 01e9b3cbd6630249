//! Addresses of the endpoints, for callers who know the installation's address alone; also for one tenant, whose
//! decision point is the installation's address and its key. A tenant that is not there gets the same answer, so that
//! no caller learns which tenants are here. The address comes from the settings, never from what a request says of
//! its host.

use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::json;

use super::super::errors::{Refusal, encode};
use super::super::media::Media;
use super::super::{RequestContext, nothing_at};
use crate::service::Platform;
use crate::service::admin::tenant::TenantKey;

/// Path of the metadata: it stands between the host and the path of what it is about.
pub(super) const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

pub(super) async fn answer(
    State(platform): State<Platform>,
    method: Method,
    uri: Uri,
    context: RequestContext,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Refusal::method("GET, HEAD", "the metadata is read by GET").respond(Media::Json, &context);
    }
    let installation = platform.installation().as_str().trim_end_matches('/');
    match decision_point(&platform, uri.path()) {
        Some(decision_point) => encode(StatusCode::OK, Media::Json, &metadata(installation, &decision_point)),
        None => nothing_at(&uri).respond(Media::Json, &context),
    }
}

/// Returns the decision point that is asked about: the installation, or a tenant of it. A path of the installation
/// stands before the tenant, unless a proxy has taken it off as it does elsewhere.
fn decision_point(platform: &Platform, path: &str) -> Option<String> {
    let installation = platform.installation().as_str().trim_end_matches('/');
    let asked = path.strip_prefix(WELL_KNOWN)?;
    let rest = asked.strip_prefix(platform.installation().path().trim_end_matches('/')).unwrap_or(asked);
    match rest.strip_prefix('/') {
        None => rest.is_empty().then(|| installation.to_owned()),
        Some(key) => TenantKey::parse(key).ok().map(|key| format!("{installation}/{key}")),
    }
}

fn metadata(installation: &str, decision_point: &str) -> serde_json::Value {
    let at = |path: &str| format!("{installation}/access/v1/{path}");
    json!({
        "policy_decision_point": decision_point,
        "access_evaluation_endpoint": at("evaluation"),
        "access_evaluations_endpoint": at("evaluations"),
        "search_subject_endpoint": at("search/subject"),
        "search_resource_endpoint": at("search/resource"),
        "search_action_endpoint": at("search/action"),
    })
}
