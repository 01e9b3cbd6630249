//! What a client has already: the tag of an answer, and whether a request names it.

use axum::http::header::{CACHE_CONTROL, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::errors::Refusal;
use crate::error::Error;

/// Kept by the caller alone, who asks each time whether it still may and still is.
pub(super) const CACHED: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    (VARY, HeaderValue::from_static("Authorization, X-Tenant")),
];

/// The `ETag` of what this digest tells from all else.
pub(super) fn etag(digest: &str) -> Result<HeaderValue, Refusal> {
    Ok(HeaderValue::try_from(format!("\"{digest}\"")).map_err(Error::internal)?)
}

/// Whether the caller has what is of this digest already.
pub(super) fn is_known(headers: &HeaderMap, digest: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == digest)
}
