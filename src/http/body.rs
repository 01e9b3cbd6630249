//! How a body comes in, whatever it holds: whole, and not too large.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::StatusCode;

use super::errors::Refusal;
use crate::error::{Error, ErrorCode};

/// The bytes of a body, `limit` at the most.
pub(super) async fn whole(mut request: Request, limit: usize) -> Result<Bytes, Refusal> {
    DefaultBodyLimit::max(limit).apply(&mut request);
    let body = Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Error::new(ErrorCode::TooLarge, format!("the body is larger than {limit} bytes"))
        }
        _ => Error::bad_input("the body did not arrive whole"),
    })?;
    Ok(body)
}
