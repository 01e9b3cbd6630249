//! `AuthZEN` 1.0, the standard decision API of the `OpenID` Foundation: for hosts and gateways that
//! speak it already. What is asked goes through the same service as in GraphQL.
//!
//! - `evaluation`: one decision, how it is asked and answered; `batch`: several at once
//! - `search`: who, on what and what, in pages
//! - `metadata`: where all this is
//! - `shape`: what the requests have in common; `strict`: JSON without doubled members

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRef, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::any;

use super::errors::{Refusal, encode};
use super::media::{self, Media};
use super::{Credentials, RequestContext, body};
use crate::auth::caller::Caller;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::ask::decision::{Decision, Interface, Query};

use batch::{Answers, Evaluations};
use search::Sought;
pub use shape::SubjectTypes;

mod batch;
mod evaluation;
mod metadata;
mod search;
mod shape;
mod strict;

/// Bytes of a request's body.
const BODY: usize = 64 * 1024;
/// Bytes of a batch's body, which may hold a thousand evaluations.
const BATCH: usize = 1024 * 1024;

/// State that the endpoints answer from.
#[derive(Clone)]
struct Endpoints {
    platform: Platform,
    types: Arc<SubjectTypes>,
}

impl FromRef<Endpoints> for Platform {
    fn from_ref(endpoints: &Endpoints) -> Self {
        endpoints.platform.clone()
    }
}

/// Returns the routes of `/access/v1` and the metadata. Subjects of these types are users.
pub fn routes(platform: Platform, types: SubjectTypes) -> Router {
    let search = |sought: Sought| {
        any(move |State(endpoints): State<Endpoints>, context: RequestContext, request: Request| async move {
            let answered = endpoints.find(&context, sought, request).await;
            answered.unwrap_or_else(|refusal| refusal.respond(Media::Json, &context))
        })
    };
    Router::new()
        .route("/access/v1/evaluation", any(evaluate))
        .route("/access/v1/evaluations", any(evaluate_all))
        .route("/access/v1/search/subject", search(Sought::Subjects))
        .route("/access/v1/search/resource", search(Sought::Resources))
        .route("/access/v1/search/action", search(Sought::Actions))
        .route(metadata::WELL_KNOWN, any(metadata::answer))
        .route(&format!("{}/{{*path}}", metadata::WELL_KNOWN), any(metadata::answer))
        .with_state(Endpoints { platform, types: Arc::new(types) })
}

async fn evaluate(State(endpoints): State<Endpoints>, context: RequestContext, request: Request) -> Response {
    let answered = endpoints.evaluation(&context, request).await;
    answered.unwrap_or_else(|refusal| refusal.respond(Media::Json, &context))
}

async fn evaluate_all(State(endpoints): State<Endpoints>, context: RequestContext, request: Request) -> Response {
    let answered = endpoints.evaluations(&context, request).await;
    answered.unwrap_or_else(|refusal| refusal.respond(Media::Json, &context))
}

impl Endpoints {
    async fn evaluation(&self, context: &RequestContext, request: Request) -> Result<Response, Refusal> {
        let (caller, body) = read(&self.platform, context, request, BODY).await?;
        let query = evaluation::read(&self.types, &body)?;
        self.one(&caller, &query).await
    }

    async fn one(&self, caller: &Caller, query: &Query) -> Result<Response, Refusal> {
        let decision = self.platform.decide(caller, Interface::AuthZen, query).await?;
        Ok(encode(StatusCode::OK, Media::Json, &evaluation::Answer::of(&decision)))
    }

    async fn evaluations(&self, context: &RequestContext, request: Request) -> Result<Response, Refusal> {
        let (caller, body) = read(&self.platform, context, request, BATCH).await?;
        match batch::read(&self.types, &body)? {
            Evaluations::One(query) => self.one(&caller, &query).await,
            Evaluations::Many(asked, semantic) => {
                // Behind one that is wrong, and so denied, nothing is looked at when the first deny ends it.
                let reached = asked.iter().take_while(|query| query.is_ok() || !semantic.ends_at(false));
                let queries: Vec<_> = reached.filter_map(|query| query.as_ref().ok()).cloned().collect();
                let ends = |decision: &Decision| semantic.ends_at(decision.allowed);
                let decisions = self.platform.decide_until(&caller, Interface::AuthZen, &queries, ends).await?;
                Ok(encode(StatusCode::OK, Media::Json, &Answers::of(&asked, &decisions, semantic)))
            }
        }
    }

    async fn find(&self, context: &RequestContext, sought: Sought, request: Request) -> Result<Response, Refusal> {
        let (caller, body) = read(&self.platform, context, request, BODY).await?;
        let found = search::run(&self.platform, &self.types, &caller, sought, &body).await?;
        Ok(encode(StatusCode::OK, Media::Json, &found))
    }
}

/// Returns the caller, and the body of the request.
async fn read(
    platform: &Platform,
    context: &RequestContext,
    request: Request,
    limit: usize,
) -> Result<(Caller, Bytes), Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::method("POST", "send the request by POST"));
    }
    let caller = caller(platform, context, request.headers()).await?;
    if !media::is_json(request.headers()) {
        return Err(Error::bad_input("the body must be sent as `application/json`, in UTF-8").into());
    }
    Ok((caller, body::whole(request, limit).await?))
}

/// Returns the caller that the headers authenticate.
async fn caller(platform: &Platform, context: &RequestContext, headers: &HeaderMap) -> Result<Caller> {
    let credentials = Credentials::from_headers(headers)?;
    let nobody = || Error::new(ErrorCode::Unauthenticated, "say who asks: send `Authorization: Bearer TOKEN`");
    let bearer = credentials.bearer.as_deref().ok_or_else(nobody)?;
    platform.authenticate(bearer, credentials.tenant_header.as_deref(), context.info()).await
}
