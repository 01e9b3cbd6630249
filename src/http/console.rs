//! The console's files, as `console/` builds them, and its page for every address that is nobody else's. The page gets a
//! fresh nonce each time, so that its policy lets the console's own styles in and nothing that was slipped into it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rust_embed::Embed;
use uuid::Uuid;

use super::RequestContext;
use super::media::{self, Media};
use super::nothing_at;

/// The word that the build leaves wherever a nonce belongs.
const NONCE: &str = "__NONCE__";
const PAGE: &str = "index.html";
const ICON: &str = "icon.svg";
/// The page of an installation that was built without the console.
const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Bailiwick</title>\
    <h1>Bailiwick</h1><p>This program was built without the console. <code>make console</code> builds it (Node 20 or \
    newer), and a program that is built after that has it. GraphQL is at <a href=\"/graphql\">/graphql</a>.</p></html>";

/// Source of the files of the console, by path.
pub(super) trait Files: Send + Sync + 'static {
    /// Returns the bytes of a file.
    fn file(&self, path: &str) -> Option<Cow<'static, [u8]>>;
}

/// The files that were built into the program. A debug build reads them from the disk as they are at the time.
#[derive(Embed)]
#[folder = "console/dist"]
#[allow_missing = true]
struct Built;

impl Files for Built {
    fn file(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        Self::get(path).map(|file| file.data)
    }
}

/// The console, as it is served.
#[derive(Clone)]
pub(super) struct Console(Arc<dyn Files>);

/// Returns the routes of the console's files, and the answer to all that is nobody's: the page, or a 404.
pub(super) fn routes() -> Router {
    Console(Arc::new(Built)).routes()
}

impl Console {
    fn routes(self) -> Router {
        Router::new().route("/assets/{*file}", get(asset)).route("/icon.svg", get(icon)).fallback(page).with_state(self)
    }

    /// Returns a file in the shortest form that the client takes.
    fn respond(&self, path: &str, headers: &HeaderMap, caching: &'static str) -> Option<Response> {
        let kind = kind_of(path)?;
        let common = [(CONTENT_TYPE, kind), (CACHE_CONTROL, caching), (VARY, "accept-encoding")];
        for (encoding, end) in [("br", "br"), ("gzip", "gz")] {
            if media::takes_encoding(headers, encoding)
                && let Some(bytes) = self.0.file(&format!("{path}.{end}"))
            {
                return Some((common, [(CONTENT_ENCODING, encoding)], bytes.into_owned()).into_response());
            }
        }
        Some((common, self.0.file(path)?.into_owned()).into_response())
    }

    fn page(&self) -> Response {
        let built = self.0.file(PAGE);
        let text = built.as_deref().map_or(Cow::Borrowed(ABSENT), String::from_utf8_lossy);
        let nonce = Uuid::new_v4().simple().to_string();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let headers = [
            (CONTENT_SECURITY_POLICY, policy),
            (REFERRER_POLICY, "no-referrer".to_owned()),
            (CACHE_CONTROL, "no-store".to_owned()),
        ];
        (headers, Html(text.replace(NONCE, &nonce))).into_response()
    }
}

async fn asset(
    State(console): State<Console>,
    Path(file): Path<String>,
    context: RequestContext,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // The build puts a digest of the content into each name.
    let found = console.respond(&format!("assets/{file}"), &headers, "public, max-age=31536000, immutable");
    found.unwrap_or_else(|| missing(&uri, &headers, &context))
}

async fn icon(State(console): State<Console>, context: RequestContext, uri: Uri, headers: HeaderMap) -> Response {
    console.respond(ICON, &headers, "public, max-age=3600").unwrap_or_else(|| missing(&uri, &headers, &context))
}

/// Returns the page to a browser that opens an address of the console. The console itself says which of them exist.
async fn page(
    State(console): State<Console>,
    method: Method,
    context: RequestContext,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let is_address = matches!(method, Method::GET | Method::HEAD) && !uri.path().contains('.');
    if is_address && media::wants_page(&headers) { console.page() } else { missing(&uri, &headers, &context) }
}

fn missing(uri: &Uri, headers: &HeaderMap, context: &RequestContext) -> Response {
    nothing_at(uri).respond(Media::negotiate(headers).unwrap_or(Media::Json), context)
}

/// Returns the type of a file by its ending, for the endings that the build makes.
fn kind_of(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
