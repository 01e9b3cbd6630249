//! `GET /avatars/KEY`: the picture of a user. It is a file from a stranger: what is sent with it
//! keeps a browser from taking it for anything but a picture.

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use uuid::Uuid;

use super::admit::PlatformGate;
use super::errors::Refusal;
use super::etag::{CACHED, etag, is_known};
use super::media::Media;
use super::{Credentials, RequestContext, held, nothing_at};
use crate::error::{Error, ErrorCode};
use crate::turns::{Crowded, Turns};

/// Path of avatars, before the user's key.
pub(super) const PLACE: &str = "/avatars/";

/// No script in it runs, nothing it names is loaded, and no name of the sender's is on it.
const HARMLESS: [(HeaderName, HeaderValue); 2] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    (CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"avatar\"")),
];

pub(super) async fn serve(
    State((gate, places)): State<(PlatformGate, Turns<Uuid>)>,
    context: RequestContext,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = answer(&gate, &places, &context, &uri, &headers).await;
    answered.unwrap_or_else(|refusal| refusal.respond(Media::Json, &context))
}

async fn answer(
    gate: &PlatformGate,
    places: &Turns<Uuid>,
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
    let place = places.take(caller.tenant().id.0).await.map_err(full)?;
    let picture = gate.0.avatar_get(&caller, key).await?.ok_or_else(|| nothing_at(uri))?;
    let own = [(ETAG, etag(&picture.digest)?), (CONTENT_TYPE, HeaderValue::from_static(picture.content_type))];
    // It goes on being held until the last byte is on its way, however slowly that is taken.
    let image = held(picture.image, place);
    Ok((own, CACHED, HARMLESS, image).into_response())
}

fn full(crowded: Crowded) -> Error {
    Error::new(ErrorCode::RateLimited, "too many pictures are on their way: try again").because(crowded)
}
