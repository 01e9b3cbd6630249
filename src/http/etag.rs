//! Tags of answers, by which a request tells what the client has already.
//!
//! The typed headers of `axum-extra` are not used: they are four more crates in place of the three lines that read
//! `If-None-Match` here.

use axum::http::header::{CACHE_CONTROL, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::errors::Refusal;
use crate::error::Error;

/// Kept by the caller alone, who asks each time whether it still may and still is.
pub(super) const CACHED: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    (VARY, HeaderValue::from_static("Authorization, X-Tenant")),
];

/// Formats `digest` as a strong `ETag`.
pub(super) fn etag(digest: &str) -> Result<HeaderValue, Refusal> {
    Ok(HeaderValue::try_from(format!("\"{digest}\"")).map_err(Error::internal)?)
}

/// Returns `true` if the caller has the content of this digest already.
pub(super) fn is_known(headers: &HeaderMap, digest: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == digest)
}
