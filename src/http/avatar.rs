//! `GET /avatars/KEY`: the picture of a user. It is a file from a stranger: what is sent with it
//! keeps a browser from taking it for anything but a picture.

use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::admit::PlatformGate;
use super::errors::Refusal;
use super::media::Media;
use super::{Credentials, RequestContext, nothing_at};
use crate::error::Error;

/// Where avatars are, before the user's key.
pub(super) const PLACE: &str = "/avatars/";

/// Kept by the caller's own browser alone, which asks each time whether it still may and still is.
const CACHED: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    (VARY, HeaderValue::from_static("Authorization, X-Tenant")),
];

/// No script in it runs, nothing it names is loaded, and no name of the sender's is on it.
const HARMLESS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    (CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"avatar\"")),
];

pub(super) async fn serve(
    State(gate): State<PlatformGate>,
    context: RequestContext,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = answer(&gate, &context, &uri, &headers).await;
    answered.unwrap_or_else(|refusal| refusal.respond(Media::Json, &context))
}

async fn answer(
    gate: &PlatformGate,
    context: &RequestContext,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let credentials = Credentials::from_headers(headers)?;
    credentials.require()?;
    let caller = gate.caller(&credentials, context).await?.ok_or_else(|| nothing_at(uri))?;
    let key = uri.path().strip_prefix(PLACE).unwrap_or_default();
    let digest = gate.0.avatar_digest(&caller, key).await?.ok_or_else(|| nothing_at(uri))?;
    if is_known(headers, &digest) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag(&digest)?)], CACHED).into_response());
    }
    let picture = gate.0.avatar(&caller, key).await?.ok_or_else(|| nothing_at(uri))?;
    let own = [(ETAG, etag(&picture.digest)?), (CONTENT_TYPE, HeaderValue::from_static(picture.content_type))];
    Ok((own, CACHED, HARMLESS, picture.image).into_response())
}

fn etag(digest: &str) -> Result<HeaderValue, Refusal> {
    Ok(HeaderValue::try_from(format!("\"{digest}\"")).map_err(Error::internal)?)
}

/// Whether the caller has the picture of this digest already.
fn is_known(headers: &HeaderMap, digest: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == digest)
}
