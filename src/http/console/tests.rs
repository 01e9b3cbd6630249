use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, ETAG};
use axum::http::{Request, StatusCode};
use tower::ServiceExt as _;

use super::*;

/// A console of three files.
struct Small;

impl Files for Small {
    fn file(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        let text = match path {
            "index.html" => "<script nonce=\"__NONCE__\"></script><style nonce=\"__NONCE__\"></style>",
            "assets/app-1.js" => "plain",
            "assets/app-1.js.br" => "brotli",
            "assets/app-1.js.gz" => "gzip",
            _ => return None,
        };
        Some(text.as_bytes().into())
    }
}

struct Nothing;

impl Files for Nothing {
    fn file(&self, _: &str) -> Option<Cow<'static, [u8]>> {
        None
    }
}

async fn ask(files: impl Files, request: axum::http::request::Builder) -> (StatusCode, HeaderMap, String) {
    let response = Console(Arc::new(files)).routes().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn browser(path: &str) -> axum::http::request::Builder {
    Request::get(path).header(ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
}

#[tokio::test]
async fn a_browser_gets_the_page_at_every_address_with_a_nonce_of_its_own() {
    let mut nonces = Vec::new();
    for path in ["/", "/users/dana", "/profiles/desk/voice"] {
        let (status, headers, body) = ask(Small, browser(path)).await;
        assert_eq!((status, headers[CACHE_CONTROL].to_str().unwrap()), (StatusCode::OK, "no-store"));
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert_eq!(body.matches(&format!("nonce=\"{nonce}\"")).count(), 2, "{body}");
        assert!(!policy.contains("unsafe") && !body.contains(NONCE), "{policy}");
        nonces.push(nonce);
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}

#[tokio::test]
async fn what_is_no_address_of_a_page_is_not_found() {
    let post = Request::post("/users").header(ACCEPT, "text/html");
    for request in
        [Request::get("/users"), browser("/robots.txt"), browser("/assets/no.js"), browser("/icon.svg"), post]
    {
        let (status, headers, body) = ask(Small, request).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
        assert!(headers[CONTENT_TYPE].to_str().unwrap().contains("json") && body.contains("NOT_FOUND"), "{body}");
    }
}

#[tokio::test]
async fn a_file_comes_as_the_client_takes_it_and_is_kept_for_good() {
    for (accepted, encoding, text) in [
        ("gzip, deflate, br", Some("br"), "brotli"),
        ("gzip;q=0.5", Some("gzip"), "gzip"),
        ("br;q=0, gzip;q=0", None, "plain"),
        ("identity", None, "plain"),
    ] {
        let (status, headers, body) =
            ask(Small, Request::get("/assets/app-1.js").header(ACCEPT_ENCODING, accepted)).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, text));
        assert_eq!(headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap()), encoding);
        assert_eq!(headers[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert!(headers[CACHE_CONTROL].to_str().unwrap().contains("immutable") && !headers.contains_key(ETAG));
        assert_eq!(headers[VARY], "accept-encoding");
    }
}

#[tokio::test]
async fn a_program_without_the_console_says_how_to_get_it() {
    let (status, _, body) = ask(Nothing, browser("/")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("make console"), "{body}");
}
