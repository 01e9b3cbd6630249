//! GraphQL over HTTP, as its specification has it: which requests are read, which status and
//! media type answers have, and that nothing changes by a GET.
//!
//! The library's own service is not used: it runs mutations sent by GET or as `text/plain`,
//! which any page on the web can make a browser do.

use async_graphql::parser::types::OperationType;
use async_graphql::{Data, Executor, Response as Answer};
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use uuid::Uuid;

use super::documents::Opened;
use super::errors::{Body, Refusal, encode, never_ran, present};
use super::gate::ActingIn;
use super::limits::{self, Budget};
use super::media::{self, Media};
use super::operation::{GraphqlRequest, Parameters};
use super::{Credentials, Gate, GraphqlState, RequestContext, body, multipart};
use crate::error::{Error, ErrorCode};
use crate::turns::Turn;

const METHODS: &str = "GET, HEAD, POST";

/// Answers every request at `/graphql`.
pub(super) async fn handle<E: Executor, G: Gate>(
    State(face): State<GraphqlState<E, G>>,
    context: RequestContext,
    request: Request,
) -> Response {
    if let Some(page) = &face.page
        && request.method() == Method::GET
        && request.uri().query().is_none()
        && media::wants_page(request.headers())
    {
        return page.respond();
    }
    let Some(media) = Media::negotiate(request.headers()) else {
        let message = "answers are `application/graphql-response+json` or `application/json`";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, Error::bad_input(message)).respond(Media::Json, &context);
    };
    let answered = answer(&face, &context, media, request).await;
    answered.unwrap_or_else(|refusal| refusal.respond(media, &context))
}

async fn answer<E: Executor, G: Gate>(
    face: &GraphqlState<E, G>,
    context: &RequestContext,
    media: Media,
    request: Request,
) -> Result<Response, Refusal> {
    let credentials = Credentials::from_headers(request.headers())?;
    let read_only = request.method() != Method::POST;
    // The room is held until the answer is there, as the files are.
    let (asked, _room) = if !read_only && media::is_multipart(request.headers()) {
        let room = make_room(face, context, &credentials).await?;
        (GraphqlRequest::One(multipart::read(request).await?), Some(room))
    } else {
        (read(face, context, &credentials, request).await?, None)
    };
    if matches!(asked, GraphqlRequest::Batch(_)) {
        credentials.require_for(" to send several operations at once")?;
    }
    let budget = matches!(asked, GraphqlRequest::Batch(_)).then(Budget::default);
    let run = Run { face, context, credentials, read_only, budget };
    match asked {
        GraphqlRequest::One(operation) => {
            let answer = run.one(operation).await?;
            let before_it_ran = never_ran(&answer) && media == Media::GraphQl;
            let status = if before_it_ran { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            let mut response = encode(status, media, &Body::of(&answer));
            response.headers_mut().extend(answer.http_headers);
            Ok(response)
        }
        GraphqlRequest::Batch(operations) => {
            // One after the other: a client that batches two changes means them in that order.
            let mut answers = Vec::with_capacity(operations.len());
            let mut headers = HeaderMap::new();
            for operation in operations {
                let mut answer = match run.one(operation).await {
                    Ok(answer) => answer,
                    // Nothing has run yet: the request is refused as a whole.
                    Err(refusal) if answers.is_empty() => return Err(refusal),
                    // What ran before has its answer, and may have changed something.
                    Err(refusal) => refusal.answer(context),
                };
                headers.extend(std::mem::take(&mut answer.http_headers));
                answers.push(answer);
            }
            let bodies: Vec<_> = answers.iter().map(Body::of).collect();
            let mut response = encode(StatusCode::OK, media, &bodies);
            response.headers_mut().extend(headers);
            Ok(response)
        }
    }
}

/// Lets in a body with files. A page on the web can make a browser send one without asking us
/// first, and it may be large: so it is read for those alone who show a bearer token that holds,
/// which no browser adds by itself, and a few of each tenant at once.
async fn make_room<E: Executor, G: Gate>(
    face: &GraphqlState<E, G>,
    context: &RequestContext,
    credentials: &Credentials,
) -> Result<Turn<Option<Uuid>>, Refusal> {
    credentials.require()?;
    let tenant = ActingIn::of(&face.gate.admit(credentials, context).await?).map(|tenant| tenant.0);
    let full = |_| Error::new(ErrorCode::RateLimited, "too many files arrive at once: try again in a moment");
    Ok(face.uploads.take(tenant).await.map_err(full)?)
}

/// Reads the operations that the request carries. Much is read only of callers who show that they may ask.
async fn read<E: Executor, G: Gate>(
    face: &GraphqlState<E, G>,
    context: &RequestContext,
    credentials: &Credentials,
    request: Request,
) -> Result<GraphqlRequest, Refusal> {
    match *request.method() {
        Method::GET | Method::HEAD => Ok(GraphqlRequest::from_query(request.uri())?),
        Method::POST if !media::is_json(request.headers()) => {
            let error = Error::bad_input(
                "the body must be sent as `application/json`, in UTF-8, or with files as `multipart/form-data`",
            );
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error))
        }
        Method::POST => {
            let limit = if credentials.bearer.is_some() { limits::BODY } else { limits::STRANGERS_BODY };
            if request.body().size_hint().upper().is_none_or(|bytes| bytes > limits::STRANGERS_BODY as u64) {
                face.gate.admit(credentials, context).await?;
            }
            Ok(GraphqlRequest::from_body(&body::whole(request, limit).await?)?)
        }
        _ => Err(Refusal::method(METHODS, "only GET and POST are known here")),
    }
}

impl<E: Executor, G: Gate> GraphqlState<E, G> {
    /// Returns the answer to an operation of a caller who acts in `tenant`, if in any.
    pub(super) async fn answer(
        &self,
        opened: Opened,
        tenant: Option<ActingIn>,
        data: Data,
        context: &RequestContext,
    ) -> Answer {
        let Opened { mut request, runs, introspects, kept } = opened;
        request.data = data;
        request.data.insert(context.clone());
        if let Some(kept) = kept {
            request.data.insert(kept);
        }
        match (tenant, runs) {
            (None, Some(OperationType::Query)) => self.introspection.answer(request, introspects, &self.executor).await,
            _ => self.executor.execute(request).await,
        }
    }
}

/// State that the operations of one HTTP request share.
struct Run<'a, E, G> {
    face: &'a GraphqlState<E, G>,
    context: &'a RequestContext,
    credentials: Credentials,
    read_only: bool,
    budget: Option<Budget>,
}

impl<E: Executor, G: Gate> Run<'_, E, G> {
    async fn one(&self, parameters: Parameters) -> Result<Answer, Refusal> {
        let mut data = self.face.gate.admit(&self.credentials, self.context).await?;
        if let Some(budget) = &self.budget {
            data.insert(budget.clone());
        }
        let tenant = ActingIn::of(&data);
        let mut answer = match self.face.documents.open(parameters, tenant, self.context.address).await {
            // The very document that was looked at is the one that runs, also when it came by its
            // hash: nothing swaps it later and brings a mutation back in.
            Ok(Opened { runs: Some(OperationType::Mutation), .. }) if self.read_only => {
                return Err(Refusal::method("POST", "a mutation is never run by GET; send it by POST"));
            }
            Ok(opened) => self.face.answer(opened, tenant, data, self.context).await,
            Err(error) => Answer::from_errors(vec![error]),
        };
        present(&mut answer, self.context);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
