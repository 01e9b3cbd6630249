//! Reading of a body, whatever it holds: whole, not too large, and not too late.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::StatusCode;
use tokio::time::timeout;

use super::errors::Refusal;
use super::limits;
use crate::error::{Error, ErrorCode};

/// Reads the bytes of a body, `limit` at the most.
pub(super) async fn whole(request: Request, limit: usize) -> Result<Bytes, Refusal> {
    within(limits::BODY_TIME, request, limit).await
}

async fn within(time: Duration, mut request: Request, limit: usize) -> Result<Bytes, Refusal> {
    DefaultBodyLimit::max(limit).apply(&mut request);
    let arrived = timeout(time, Bytes::from_request(request, &())).await.map_err(|_| Refusal::late(time))?;
    let body = arrived.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Error::new(ErrorCode::TooLarge, format!("the body is larger than {limit} bytes"))
        }
        _ => Error::bad_input("the body did not arrive whole"),
    })?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::StreamExt as _;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let slow = stream::iter([Ok::<_, std::io::Error>("{\"query\":")]).chain(stream::pending());
        let late = within(Duration::from_millis(10), Request::new(Body::from_stream(slow)), 100).await;
        assert_eq!(late.err().map(|refusal| refusal.status), Some(StatusCode::REQUEST_TIMEOUT));
        assert_eq!(whole(Request::new(Body::from("{}")), 100).await.unwrap_or_default(), "{}");
    }
}
