//! `AuthZEN` 1.0, the standard decision API of the `OpenID` Foundation: for hosts and gateways that
//! speak it already. What is asked goes through the same service as in GraphQL.
//!
//! - `evaluation`: one decision, how it is asked and answered

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::any;

use super::errors::{Refusal, encode};
use super::media::{self, Media};
use super::{Credentials, RequestContext, body};
use crate::auth::caller::{Caller, RequestInfo};
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::decision::Face;

mod evaluation;

/// Bytes of a request's body.
const BODY: usize = 64 * 1024;

/// `/access/v1/evaluation`.
pub fn routes(platform: Platform) -> Router {
    Router::new().route("/access/v1/evaluation", any(evaluate)).with_state(platform)
}

async fn evaluate(State(platform): State<Platform>, context: RequestContext, request: Request) -> Response {
    let answered = evaluation(&platform, request).await;
    answered.unwrap_or_else(|refusal| refusal.respond(Media::Json, &context))
}

async fn evaluation(platform: &Platform, request: Request) -> Result<Response, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::method("POST", "send the request by POST"));
    }
    let caller = caller(platform, request.headers()).await?;
    if !media::is_json(request.headers()) {
        // 400, as the certification scenario has it, and not 415.
        return Err(Error::bad_input("the body must be sent as `application/json`, in UTF-8").into());
    }
    let body = body::whole(request, BODY).await?;
    let query = evaluation::read(&body)?;
    let decision = platform.decide(&caller, Face::AuthZen, &query).await?;
    Ok(encode(StatusCode::OK, Media::Json, &evaluation::Answer::of(&decision)))
}

/// Who asks. A decision leaves nothing in the audit log, so nothing is kept of the request.
async fn caller(platform: &Platform, headers: &HeaderMap) -> Result<Caller> {
    let credentials = Credentials::from_headers(headers)?;
    let nobody = || Error::new(ErrorCode::Unauthenticated, "say who asks: send `Authorization: Bearer TOKEN`");
    let bearer = credentials.bearer.as_deref().ok_or_else(nobody)?;
    platform.authenticate(bearer, credentials.tenant_header.as_deref(), RequestInfo::default()).await
}
