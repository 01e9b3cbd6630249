//! GraphQL over a WebSocket, by the `graphql-transport-ws` protocol: this file lets a connection
//! in, `connection` serves it, `message` has the words that travel.
//!
//! The library's own connection is not used: it knows neither the protocol's close codes nor a
//! limit on operations or on the time to `connection_init`, and it writes errors as they come.

use async_graphql::Executor;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tracing::{Instrument, info_span};
use url::{Origin, Url};

use super::errors::Refusal;
use super::media::Media;
use super::server::Presence;
use super::{Credentials, Gate, GraphqlState, RequestContext, limits};
use crate::error::{Error, ErrorCode};
use connection::Connection;

mod connection;
mod message;

const PROTOCOL: &str = "graphql-transport-ws";

/// Answers every request at `/graphql/ws`.
pub(super) async fn upgrade<E: Executor, G: Gate>(
    State(face): State<GraphqlState<E, G>>,
    context: RequestContext,
    presence: Option<Extension<Presence>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match accept(&face, &headers, upgrade) {
        Ok((upgrade, credentials)) => upgrade.on_upgrade(move |socket| {
            let span = info_span!("websocket", request_id = %context.request_id, address = %context.address);
            let presence = presence.map(|Extension(presence)| presence);
            Connection::new(face, context, credentials, presence).serve(socket).instrument(span)
        }),
        Err(refusal) => refusal.respond(Media::Json, &context),
    }
}

fn accept<E, G>(
    face: &GraphqlState<E, G>,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<(WebSocketUpgrade, Credentials), Refusal> {
    if !from_our_pages(headers, face.options.public_url.as_ref()) {
        return Err(Error::new(ErrorCode::Forbidden, "pages of this origin may not connect").into());
    }
    let credentials = Credentials::from_headers(headers)?;
    let upgrade = upgrade.map_err(|rejection| {
        let status = axum::response::IntoResponse::into_response(rejection).status();
        Refusal::new(status, Error::bad_input("only WebSocket connections are served here"))
    })?;
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let error = Error::bad_input(format!("the only protocol spoken here is `{PROTOCOL}`"));
        return Err(Refusal::new(StatusCode::BAD_REQUEST, error));
    }
    Ok((upgrade.max_message_size(limits::MESSAGE).max_frame_size(limits::MESSAGE), credentials))
}

/// Returns `true` if the page that opens the connection, if a page does, is one of this installation. Browsers ask no
/// one before they let a page connect anywhere; they only say where it is from.
fn from_our_pages(headers: &HeaderMap, public_url: Option<&Url>) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let Some(page) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return false };
    let origin = page.origin();
    if origins.next().is_some() || !matches!(origin, Origin::Tuple(..)) {
        return false;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    // The scheme is the page's: behind a proxy that ends TLS nobody here knows the other one.
    let ours = host.and_then(|host| Url::parse(&format!("{}://{host}", page.scheme())).ok());
    ours.is_some_and(|ours| ours.origin() == origin) || public_url.is_some_and(|url| url.origin() == origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn allowed(origin: &'static str, host: &'static str) -> bool {
        let headers = [(ORIGIN, HeaderValue::from_static(origin)), (HOST, HeaderValue::from_static(host))];
        let public = Url::parse("https://access.example.com/console/").unwrap();
        from_our_pages(&HeaderMap::from_iter(headers), Some(&public))
    }

    #[test]
    fn pages_of_the_same_host_or_of_the_public_address_may_connect() {
        assert!(from_our_pages(&HeaderMap::new(), None));
        assert!(allowed("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(allowed("https://app.example.com", "app.example.com:443"));
        assert!(allowed("https://access.example.com", "10.0.0.7:8080"));
    }

    #[test]
    fn pages_from_elsewhere_may_not() {
        for origin in
            ["null", "", "https://evil.example", "http://127.0.0.1:9090", "http://access.example.com", "file:///x"]
        {
            assert!(!allowed(origin, "127.0.0.1:8080"), "{origin}");
        }
    }
}
