//! Media types that come in and go out: GraphQL over HTTP knows two for answers, one for requests, all of them UTF-8.

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use strum::VariantArray as _;

/// The media type of an answer. It also decides the status of a request that is refused before
/// it runs: 400 in the newer type, 200 in the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
pub(super) enum Media {
    /// `application/json`, for clients from before the specification, and the default.
    #[strum(serialize = "application/json")]
    Json,
    /// `application/graphql-response+json`.
    #[strum(serialize = "application/graphql-response+json")]
    GraphQl,
}

impl Media {
    /// Returns the value of `Content-Type`.
    pub(super) const fn content_type(self) -> HeaderValue {
        match self {
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
            Self::GraphQl => HeaderValue::from_static("application/graphql-response+json; charset=utf-8"),
        }
    }

    /// Returns the type that fits the caller's `Accept` best; none when nothing fits.
    ///
    /// The higher `q` wins, then the type that is named over one that a wildcard covers, then
    /// the one named first. Between two that the same wildcard covers it is the default.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let texts = || headers.get_all(ACCEPT).iter().map(HeaderValue::to_str);
        if texts().any(|text| text.is_err()) {
            return None;
        }
        // Each request comes through here: it is gone through anew rather than collected.
        let ranges =
            || texts().flatten().flat_map(|text| text.split(',')).map(str::trim).filter(|range| !range.is_empty());
        if ranges().next().is_none() {
            return Some(Self::Json);
        }
        let mut best: Option<(Rank, Self)> = None;
        for &media in Self::VARIANTS {
            let Some(rank) = rank(media, ranges()) else { continue };
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, media));
            }
        }
        best.map(|(_, media)| media)
    }
}

/// Quality in thousandths, how exactly the range names the type, and how early it stands.
type Rank = (u16, u8, std::cmp::Reverse<usize>);

fn rank<'a>(media: Media, ranges: impl Iterator<Item = &'a str>) -> Option<Rank> {
    let fitting = ranges.enumerate().filter_map(|(place, range)| {
        let (name, parameters) = split(range);
        let exactness = match name {
            name if name.eq_ignore_ascii_case(media.as_ref()) => 2,
            "application/*" => 1,
            "*/*" => 0,
            _ => return None,
        };
        speaks_utf8(parameters.clone()).then(|| (exactness, place, quality(parameters)))
    });
    // The most exact range speaks for the type, also when it is there to exclude it (`q=0`).
    let (exactness, place, quality) =
        fitting.max_by_key(|&(exactness, place, _)| (exactness, std::cmp::Reverse(place)))?;
    (quality > 0).then_some((quality, exactness, std::cmp::Reverse(place)))
}

/// Returns `true` if a request's body is JSON in UTF-8. Nothing else is read: any page can send a form or
/// `text/plain` without the browser asking us first.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers)
        .is_some_and(|(name, parameters)| name.eq_ignore_ascii_case("application/json") && speaks_utf8(parameters))
}

/// Returns `true` if a request's body is in parts. A form can be that: the caller has to prove in another way that no
/// page made their browser send it.
pub(super) fn is_multipart(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|(name, _)| name.eq_ignore_ascii_case("multipart/form-data"))
}

/// Returns the one `Content-Type` of a request, in its parts.
fn content_type(headers: &HeaderMap) -> Option<(&str, impl Iterator<Item = (&str, &str)>)> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return None };
    value.to_str().ok().map(split)
}

/// Returns `true` if the caller is a browser that opens a page.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| split(range).0.eq_ignore_ascii_case("text/html"))
}

/// Returns `true` if the client takes an answer in this encoding.
pub(super) fn takes_encoding(headers: &HeaderMap, encoding: &str) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(split)
        .any(|(name, parameters)| name.eq_ignore_ascii_case(encoding) && quality(parameters) > 0)
}

/// Splits `type/subtype; name=value` into its parts.
fn split(text: &str) -> (&str, impl Iterator<Item = (&str, &str)> + Clone) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let parameters = parts.filter_map(|part| part.split_once('='));
    (name, parameters.map(|(key, value)| (key.trim(), value.trim().trim_matches('"'))))
}

fn speaks_utf8<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
    let mut charsets = parameters.filter(|(key, _)| key.eq_ignore_ascii_case("charset"));
    charsets.all(|(_, value)| value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8"))
}

/// Returns the `q` of a range in thousandths; one that cannot be read is no wish at all.
fn quality<'a>(mut parameters: impl Iterator<Item = (&'a str, &'a str)>) -> u16 {
    let Some((_, text)) = parameters.find(|(key, _)| key.eq_ignore_ascii_case("q")) else { return 1000 };
    let (whole, thousandths) = text.split_once('.').unwrap_or((text, ""));
    match (whole, thousandths.len()) {
        ("1", 0..=3) if thousandths.bytes().all(|digit| digit == b'0') => 1000,
        ("0", 0..=3) => format!("{thousandths:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate(accept: &str) -> Option<Media> {
        Media::negotiate(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]))
    }

    fn json(content_type: &str) -> bool {
        is_json(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap())]))
    }

    #[test]
    fn json_is_the_default() {
        assert_eq!(Media::negotiate(&HeaderMap::new()), Some(Media::Json));
        for accept in ["", "*/*", "application/*", "text/html, */*;q=0.1"] {
            assert_eq!(negotiate(accept), Some(Media::Json), "{accept}");
        }
    }

    #[test]
    fn the_named_type_with_the_highest_quality_wins_and_then_the_first() {
        for accept in [
            "application/graphql-response+json",
            "application/graphql-response+json; charset=utf-8, application/json;q=0.9",
            "application/graphql-response+json, application/json",
            "application/json;q=0.5, application/graphql-response+json;q=0.75",
            "*/*, application/graphql-response+json",
            "application/*, application/json;q=0",
        ] {
            assert_eq!(negotiate(accept), Some(Media::GraphQl), "{accept}");
        }
        assert_eq!(negotiate("application/json, application/graphql-response+json"), Some(Media::Json));
    }

    #[test]
    fn nothing_fits_another_type_or_charset() {
        for accept in ["text/html", "application/json;charset=latin1", "*/*;q=0", "application/json;q=x", "image/*"] {
            assert_eq!(negotiate(accept), None, "{accept}");
        }
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(json(good), "{good}");
        }
        for bad in ["text/plain", "application/json; charset=latin1", "application/jsonx", "multipart/form-data", ""] {
            assert!(!json(bad), "{bad}");
        }
    }
}
