//! The HTTP face: what travels over the wire and how it is refused; no rule of the product.
//!
//! - [`context`]: the request's id, its span, its one log line; [`client`]: whose request it is
//! - [`admit`]: the gate and the readiness of the platform itself
//! - [`gate`]: from the credentials of a request to the data its operation runs with
//! - [`graphql`]: GraphQL over HTTP; `operation` reads requests, `multipart` those with files,
//!   `media` negotiates types
//! - [`ws`]: the same operations over `graphql-transport-ws`
//! - [`authzen`]: the standard decision API
//! - [`limits`]: how much one document may ask for, wherever it comes from; `documents` keeps
//!   those that come again, `persisted` those that come by their hash, `introspection` answers about
//!   the schema for strangers
//! - [`run`]: validates a document, makes each field stand once, and runs it; `desk` is where long
//!   documents are worked on
//! - [`errors`]: the one place where errors get their code, their id and their log line
//! - `console`: the files of the web console, and its page
//! - `avatar`: the pictures of users; [`casbin`]: the rules, for other Casbin programs. `tag`
//!   tells when they have them already; [`audit`]: the audit log, to take it out
//! - [`health`]: is it alive, is it ready; [`metrics`]: how it fares

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use axum::routing::{any, get};
use axum::{Router, middleware};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::error::{Error, ErrorCode};
use crate::turns::{Turn, Turns};

pub mod admit;
pub mod audit;
pub mod authzen;
mod avatar;
mod body;
pub mod casbin;
pub mod client;
mod console;
pub mod context;
mod desk;
mod documents;
pub mod errors;
mod etag;
pub mod gate;
mod graphiql;
pub mod graphql;
pub mod health;
mod introspection;
pub mod limits;
mod media;
pub mod metrics;
mod multipart;
mod operation;
mod persisted;
pub mod run;
pub mod server;
pub mod ws;

pub use context::RequestContext;
pub use gate::{ActingIn, Credentials, Gate};
pub use health::{Check, Held, Readiness};
pub use run::Runner;

use admit::PlatformGate;
use client::TrustedProxies;
use context::Tracker;
use documents::Documents;
use errors::Refusal;
use graphiql::Page;
use introspection::Introspection;
use metrics::Requests;

/// Options of the transport that an installation can choose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address at which people reach the installation; pages from there may open a WebSocket.
    pub public_url: Option<Url>,
    /// `true` if a browser that opens `/graphql` gets the `GraphiQL` page. It loads React and `GraphiQL` from
    /// `unpkg.com`, by their digests, so it needs the internet.
    pub graphiql: bool,
    /// `true` if a document may ask for the schema itself.
    pub introspection: bool,
    /// Longest time for a WebSocket to send `connection_init`.
    pub init_timeout: Duration,
    /// Interval at which an open WebSocket is pinged; one that stays silent for a whole interval is closed.
    pub keepalive: Duration,
    /// Longest time for which a WebSocket without a credential may stay open.
    pub stranger_time: Duration,
    /// Cancelled when the server stops, so that every WebSocket is closed with a word.
    pub shutdown: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            public_url: None,
            graphiql: false,
            introspection: true,
            init_timeout: Duration::from_secs(10),
            keepalive: Duration::from_secs(20),
            stranger_time: Duration::from_mins(1),
            shutdown: CancellationToken::new(),
        }
    }
}

/// State that the GraphQL handlers share.
#[derive(Clone)]
struct GraphqlState<E, G> {
    executor: E,
    gate: G,
    options: Arc<Options>,
    documents: Documents,
    introspection: Introspection,
    /// Turns to hold a body with files in memory, by the tenant of its sender.
    uploads: Turns<Option<Uuid>>,
    /// The `GraphiQL` page, rendered once; none when it is switched off.
    page: Option<Arc<Page>>,
}

/// Returns the routes of `/graphql` over HTTP and `/graphql/ws` over a WebSocket.
pub fn graphql_routes<E: Executor, G: Gate>(executor: E, gate: G, options: Options) -> Router {
    let page = options.graphiql.then(|| Arc::new(Page::new(options.introspection)));
    let documents = Documents::new(options.introspection);
    let introspection = Introspection::new();
    let uploads = Turns::new(limits::UPLOADS);
    let face = GraphqlState { executor, gate, options: Arc::new(options), documents, introspection, uploads, page };
    Router::new()
        .route("/graphql", any(graphql::handle::<E, G>))
        .route("/graphql/ws", any(ws::upgrade::<E, G>))
        .with_state(face)
}

/// Returns the routes of `/healthz` and `/readyz`.
pub fn health_routes<R: Readiness>(readiness: R) -> Router {
    Router::new().route("/healthz", get(health::alive)).route("/readyz", get(health::ready::<R>)).with_state(readiness)
}

/// Returns the route of `/avatars/KEY`.
pub fn avatar_routes(gate: PlatformGate) -> Router {
    let places = Turns::new(limits::PICTURES);
    Router::new().route(&format!("{}{{key}}", avatar::PLACE), get(avatar::serve)).with_state((gate, places))
}

/// Puts around `routes` what every answer has: the console for browsers, the 404 in the system's error shape, the
/// request's id, the span, the log line and the count. `proxies` are believed when they say whose a
/// request is. Call it last, once all routes are there.
pub fn surround(routes: Router, requests: Requests, proxies: TrustedProxies) -> Router {
    let tracker = Tracker::new(requests, proxies);
    routes.merge(console::routes()).layer(middleware::from_fn_with_state(tracker, context::track))
}

/// Returns the caller who asks for a file: with a bearer token, which no browser adds by itself.
async fn caller_of(
    gate: &PlatformGate,
    context: &RequestContext,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Caller, Refusal> {
    let credentials = Credentials::from_headers(headers)?;
    credentials.require()?;
    gate.caller(&credentials, context).await?.ok_or_else(|| nothing_at(uri))
}

/// Returns the bytes of an answer that hold its place among those on their way, until the last is taken.
fn held<K: Eq + Hash + Clone + Send + 'static>(bytes: Vec<u8>, place: Turn<K>) -> Bytes {
    struct Held<K: Eq + Hash + Clone>(Vec<u8>, Turn<K>);

    impl<K: Eq + Hash + Clone> AsRef<[u8]> for Held<K> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    Bytes::from_owner(Held(bytes, place))
}

fn nothing_at(uri: &Uri) -> Refusal {
    Error::new(ErrorCode::NotFound, format!("there is nothing at `{}`", uri.path())).into()
}
