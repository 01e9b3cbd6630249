//! `/casbin`: the caller's tenant for other Casbin programs, as the files and the JSON that they read.
//!
//! - `GET /casbin/model.conf` and `GET /casbin/policy.csv`: loaded together, by any Casbin library or
//!   its editor, they come to the same decisions as here
//! - `GET /casbin/js/KEY`: what `casbin.js` fetches in its mode `auto`, for one user

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;

use super::admit::PlatformGate;
use super::errors::Refusal;
use super::etag::{CACHED, etag, is_known};
use super::media::Media;
use super::{RequestContext, caller_of, held};
use crate::error::{Error, ErrorCode};

/// The revision of the policy that an answer is of.
const REVISION: HeaderName = HeaderName::from_static("x-policy-revision");

/// Returns the routes.
pub fn routes(gate: PlatformGate) -> Router {
    Router::new()
        .route("/casbin/model.conf", get(model))
        .route("/casbin/policy.csv", get(policy))
        .route("/casbin/js/{user}", get(user))
        .with_state(gate)
}

async fn model(State(gate): State<PlatformGate>, context: RequestContext, uri: Uri, headers: HeaderMap) -> Response {
    let answered = async {
        let caller = caller_of(&gate, &context, &uri, &headers).await?;
        let text = gate.0.casbin_model(&caller).await?.to_owned();
        if is_known(&headers, gate.0.model_hash()) {
            return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag(gate.0.model_hash())?)], CACHED).into_response());
        }
        let own = [(ETAG, etag(gate.0.model_hash())?)];
        Ok((own, CACHED, file("text/plain; charset=utf-8", "inline; filename=\"model.conf\""), text).into_response())
    };
    answered.await.unwrap_or_else(|refusal: Refusal| refusal.respond(Media::Json, &context))
}

async fn policy(State(gate): State<PlatformGate>, context: RequestContext, uri: Uri, headers: HeaderMap) -> Response {
    let answered = async {
        let caller = caller_of(&gate, &context, &uri, &headers).await?;
        let export = gate.0.policy_export(&caller).await?;
        let own = [(ETAG, etag(&export.tag())?), (REVISION, HeaderValue::from(export.revision()))];
        if is_known(&headers, &export.tag()) {
            return Ok((StatusCode::NOT_MODIFIED, own, CACHED).into_response());
        }
        let pieces = export.stream().await?.map(|text| Ok::<_, Infallible>(Bytes::from(text)));
        let kind = file("text/csv; charset=utf-8", "inline; filename=\"policy.csv\"");
        Ok((own, CACHED, kind, Body::from_stream(pieces)).into_response())
    };
    answered.await.unwrap_or_else(|refusal: Refusal| refusal.respond(Media::Json, &context))
}

/// Query that `casbin.js` adds to the address: the subject that it then asks about.
#[derive(Deserialize)]
struct SubjectQuery {
    subject: Option<String>,
}

async fn user(
    State(gate): State<PlatformGate>,
    context: RequestContext,
    uri: Uri,
    headers: HeaderMap,
    Path(user): Path<String>,
    asked: Result<Query<SubjectQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let answered = async {
        let caller = caller_of(&gate, &context, &uri, &headers).await?;
        let asked = asked.map_err(|_| Error::bad_input("the query of the address cannot be read"))?.0.subject;
        let found = gate.0.casbin_rules(&caller, &user).await?;
        let found = found.ok_or_else(|| Error::new(ErrorCode::NotFound, "there is no such user"))?;
        if asked.is_some_and(|subject| subject.strip_prefix("user:") != Some(user.as_str())) {
            return Err(Error::bad_input(
                "`subject` must be `user:` and the key of the address: it is what rules name",
            )
            .into());
        }
        let text = serde_json::to_vec(&json!({ "data": found.data })).map_err(Error::internal)?;
        let json = [(CONTENT_TYPE, Media::Json.content_type()), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        let own = [(REVISION, HeaderValue::from(found.revision))];
        Ok((json, own, held(text, found.place)).into_response())
    };
    answered.await.unwrap_or_else(|refusal: Refusal| refusal.respond(Media::Json, &context))
}

/// Returns the headers of a file of this type and name.
fn file(content_type: &'static str, disposition: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
    ]
}
