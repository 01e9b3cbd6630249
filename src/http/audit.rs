//! `/audit.csv` and `/audit.jsonl`: the audit log of the caller's tenant, whole or filtered by the
//! query, newest first. It is written as it is read, a page at a time.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::TryStreamExt;
use serde::Deserialize;

use super::admit::PlatformGate;
use super::errors::Refusal;
use super::media::Media;
use super::{RequestContext, caller_of};
use crate::error::{Error, Result};
use crate::service::admin::audit::{AuditFilter, ExportFormat, Timestamp};

/// Returns the routes.
pub fn routes(gate: PlatformGate) -> Router {
    let export = |format: ExportFormat| {
        get(
            move |state: State<PlatformGate>, context: RequestContext, uri: Uri, headers: HeaderMap, asked| async move {
                let answered = export(&state.0, &context, &uri, &headers, asked, format).await;
                answered.unwrap_or_else(|refusal| refusal.respond(Media::Json, &context))
            },
        )
    };
    Router::new()
        .route("/audit.csv", export(ExportFormat::Csv))
        .route("/audit.jsonl", export(ExportFormat::JsonLines))
        .with_state(gate)
}

/// The filter, as GraphQL has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl AuditQuery {
    fn filter(self) -> Result<AuditFilter> {
        let moment = |text: Option<String>, name: &str| {
            text.map(|text| Timestamp::from_rfc3339(&text).map_err(|error| Error::bad_input(error.message).at(name)))
                .transpose()
        };
        let (since, until) = (moment(self.from, "from")?, moment(self.to, "to")?);
        Ok(AuditFilter { actor: self.actor, action: self.action, target: self.target, since, until })
    }
}

async fn export(
    gate: &PlatformGate,
    context: &RequestContext,
    uri: &Uri,
    headers: &HeaderMap,
    asked: Result<Query<AuditQuery>, QueryRejection>,
    format: ExportFormat,
) -> Result<Response, Refusal> {
    let caller = caller_of(gate, context, uri, headers).await?;
    let unread = |error: QueryRejection| Error::bad_input(format!("the query of the address: {}", error.body_text()));
    let filter = asked.map_err(unread)?.0.filter()?;
    let pieces = gate.0.audit_export(&caller, filter, format).await?;
    let (kind, disposition) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        ExportFormat::JsonLines => ("application/jsonl", "attachment; filename=\"audit.jsonl\""),
    };
    let file = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    // A fault on the way cuts the answer off, which the client sees: its length was not told.
    Ok((file, Body::from_stream(pieces.map_ok(Bytes::from))).into_response())
}
