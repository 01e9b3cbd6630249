//! Errors on their way out. Each gets its code and the request's id here, whatever made it, and
//! faults of ours leave their only log line here, with the text that the caller never sees.

use std::time::Duration;

use async_graphql::{ErrorExtensionValues, Response as Answer, ServerError, Value};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::media::Media;
use super::{RequestContext, limits};
use crate::error::{Error, ErrorCode};
use crate::graphql::error::to_graphql;

/// Errors shown of one answer: a document can make one at nearly every byte.
const SHOWN: usize = 50;

/// Beginnings of async-graphql's messages for an argument that does not fit its type, or a variable that has no
/// value. Validation finds most of them; the custom ones and missing variables come up only when the field runs, and
/// look like any resolver's error.
const COERCION: [&str; 3] = ["Failed to parse \"", "Expected input type \"", "Variable "];

/// Returns the status that says what `code` says, for a request that was refused as a whole.
pub const fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict | ErrorCode::AlreadyExists => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A request that is answered without running anything.
#[derive(Debug)]
pub struct Refusal {
    pub(super) status: StatusCode,
    /// Boxed, since nearly every result here carries the place for it.
    error: Box<Error>,
    allow: Option<&'static str>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(status(error.code), error)
    }
}

impl Refusal {
    /// Returns a refusal with a status that its code does not tell.
    pub(super) fn new(status: StatusCode, error: Error) -> Self {
        Self { status, error: Box::new(error), allow: None }
    }

    /// Returns the refusal of a body that did not arrive within this time.
    pub(super) fn late(time: Duration) -> Self {
        let message = format!("the body did not arrive whole within {} seconds", time.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, Error::bad_input(message))
    }

    /// Returns the refusal of a method that the resource does not know, or not for this.
    pub(super) fn method(allowed: &'static str, message: impl Into<String>) -> Self {
        Self { allow: Some(allowed), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, Error::bad_input(message)) }
    }

    /// Returns the answer to one operation of several, which were answered before.
    pub(super) fn answer(&self, context: &RequestContext) -> Answer {
        let mut answer = refused(&self.error);
        present(&mut answer, context);
        answer
    }

    /// Returns the answer in the shape that GraphQL clients know.
    pub(super) fn respond(self, media: Media, context: &RequestContext) -> Response {
        let answer = self.answer(context);
        let mut response = encode(self.status, media, &Body::of(&answer));
        if let Some(methods) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Returns an answer that holds this error alone.
pub(super) fn refused(error: &Error) -> Answer {
    Answer::from_errors(vec![shown(error)])
}

/// Returns the error as it stands in an answer.
pub(super) fn shown(error: &Error) -> ServerError {
    let shown = to_graphql(error);
    let mut top = ServerError::new(shown.message, None);
    (top.source, top.extensions) = (shown.source, shown.extensions);
    top
}

/// Returns `true` if the answer is to a request that never ran. A field that failed has a path; an error before any
/// field runs has none.
pub(super) fn never_ran(answer: &Answer) -> bool {
    answer.data == Value::Null && answer.errors.iter().all(|error| error.path.is_empty())
}

/// An answer as it is written: a request that never ran has no `data` at all.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<&'a std::collections::BTreeMap<String, Value>>,
}

impl<'a> Body<'a> {
    pub(super) fn of(answer: &'a Answer) -> Self {
        Self {
            data: (!never_ran(answer)).then_some(&answer.data),
            errors: &answer.errors,
            extensions: (!answer.extensions.is_empty()).then_some(&answer.extensions),
        }
    }
}

/// Returns a response with `body` as JSON. It is never stored: what it says may end any time.
pub(super) fn encode(status: StatusCode, media: Media, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(text) => {
            let headers = [(CONTENT_TYPE, media.content_type()), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (status, headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Makes the errors of `answer` fit to be seen.
pub(super) fn present(answer: &mut Answer, context: &RequestContext) {
    answer.errors.truncate(SHOWN);
    for error in &mut answer.errors {
        let own = error.source::<Error>().cloned();
        if code(error).is_none() {
            give_code(error, own.as_ref());
        }
        log(error, own.as_ref());
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        extensions.set("requestId", context.request_id.as_ref());
    }
}

fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// Gives a code to an error without one: it is one of ours that came by `?`, or the library's word on the request, or
/// a fault, and then nothing of its text may be seen.
fn give_code(error: &mut ServerError, own: Option<&Error>) {
    let known = match own {
        Some(own) => own.clone(),
        None if is_callers(error) => {
            Error::bad_input(limits::named(&error.message).unwrap_or_else(|| error.message.clone()))
        }
        None => {
            tracing::error!(path = ?error.path, source = error.message, "an operation failed");
            Error::internal("logged above")
        }
    };
    let shown = to_graphql(&known);
    (error.message, error.extensions) = (shown.message, shown.extensions);
}

fn is_callers(error: &ServerError) -> bool {
    let coercion = || COERCION.iter().any(|start| error.message.starts_with(start));
    error.source.is_none() && (error.path.is_empty() || coercion())
}

/// Writes the one log line of a fault, and of a part that is away when the cause is known.
fn log(error: &ServerError, own: Option<&Error>) {
    let Some(own) = own else { return };
    let (path, source) = (&error.path, own.source_text());
    match (own.code, source) {
        (ErrorCode::Internal, source) => {
            tracing::error!(?path, source = source.as_ref().unwrap_or(&own.message), "an operation failed");
        }
        // The part itself says once that it went, and once that it is back.
        (ErrorCode::Unavailable, Some(source)) => tracing::debug!(?path, source, "a part is away"),
        _ => {}
    }
}
