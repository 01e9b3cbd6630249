//! GraphQL over HTTP and over a WebSocket, through the real router, over a schema made for it: what is served, and the
//! refusal of everything that is refused.

#![expect(clippy::unused_async, reason = "resolvers are async functions, also those that wait for nothing")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_graphql::{
    Context, Data, EmptyMutation, EmptySubscription, InputObject, Object, Request, Schema, Subscription,
    Value as GraphQl,
};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request as HttpRequest, StatusCode};
use bailiwick::error::{Error, ErrorCode, Result};
use bailiwick::graphql::Sizes;
use bailiwick::graphql::error::to_graphql;
use bailiwick::graphql::scalar::Upload;
use bailiwick::http::client::TrustedProxies;
use bailiwick::http::metrics::Requests;
use bailiwick::http::{
    self, ActingIn, Check, Credentials, Gate, Held, Options, Readiness, RequestContext, Runner, limits,
};
use futures_util::{SinkExt, Stream, StreamExt, stream};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

mod audits;
mod graphiql;
mod multipart;
mod once;
mod pace;
mod persisted;
mod socket;
mod strangers;
mod transport;

const JSON: &str = "application/json";
const NEWER: &str = "application/graphql-response+json";

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "hello"
    }

    async fn who(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        let context = ctx.data::<RequestContext>()?;
        let bearer = ctx.data::<Credentials>()?.bearer.clone().unwrap_or_default();
        Ok(format!("{bearer}/{}", context.request_id))
    }

    async fn deeper(&self) -> Query {
        Query
    }

    async fn double(&self, n: i32) -> i32 {
        n.saturating_mul(2)
    }

    /// Returns the mapped error, as resolvers make it.
    async fn missing(&self) -> async_graphql::Result<bool> {
        Err(to_graphql(&Error::not_found("user", "dana").at("key")))
    }

    /// Returns the error by a plain `?`.
    async fn missing_plainly(&self) -> async_graphql::Result<bool> {
        Err(Error::not_found("user", "dana").at("key"))?
    }

    /// Returns a fault with a text that no client may see.
    async fn fault(&self) -> async_graphql::Result<Option<bool>> {
        Err(async_graphql::Error::new("SELECT secret FROM vault"))
    }

    async fn fault_by_conversion(&self) -> async_graphql::Result<Option<bool>> {
        Err(std::io::Error::other("SELECT secret FROM vault"))?
    }

    #[graphql(complexity = "30_000")]
    async fn costly(&self) -> bool {
        true
    }

    async fn panics(&self) -> bool {
        std::hint::black_box(None).expect("a panic on purpose")
    }
}

#[derive(InputObject)]
struct Box {
    file: Upload,
}

fn sizes<'a>(files: impl IntoIterator<Item = &'a Upload>) -> Vec<usize> {
    files.into_iter().map(|file| file.0.len()).collect()
}

struct Mutation;

#[Object]
impl Mutation {
    async fn measure(&self, file: Upload) -> Vec<usize> {
        sizes([&file])
    }

    async fn measure_all(&self, files: Vec<Upload>) -> Vec<usize> {
        sizes(&files)
    }

    async fn measure_box(&self, r#box: Box) -> Vec<usize> {
        sizes([&r#box.file])
    }

    async fn touch(&self, ctx: &Context<'_>) -> bool {
        ctx.append_http_header("x-touched", "yes");
        true
    }
}

struct Events;

#[Subscription]
impl Events {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }

    async fn forever(&self) -> impl Stream<Item = i32> {
        stream::pending()
    }

    async fn fault(&self) -> async_graphql::Result<stream::Empty<i32>> {
        Err(async_graphql::Error::new("SELECT secret FROM vault"))
    }
}

/// Refuses a bearer by the name of the code that it should refuse with.
#[derive(Clone, Default)]
struct TestGate {
    /// Set once the bearer "revocable" holds no more.
    revoked: Arc<AtomicBool>,
}

impl Gate for TestGate {
    async fn admit(&self, credentials: &Credentials, _context: &RequestContext) -> Result<Data> {
        let code = match credentials.bearer.as_deref() {
            Some("unauthenticated") => ErrorCode::Unauthenticated,
            Some("revocable") if self.revoked.load(Ordering::Relaxed) => ErrorCode::Unauthenticated,
            Some("forbidden") => ErrorCode::Forbidden,
            Some("bad-input") => ErrorCode::BadInput,
            Some("rate-limited") => ErrorCode::RateLimited,
            Some("unavailable") => ErrorCode::Unavailable,
            Some("internal") => return Err(Error::internal("SELECT secret FROM vault")),
            bearer => {
                let mut data = Request::new("").data(credentials.clone()).data;
                match bearer {
                    Some("of-acme") => data.insert(ActingIn(Uuid::from_u128(1))),
                    Some("of-globex") => data.insert(ActingIn(Uuid::from_u128(2))),
                    _ => {}
                }
                return Ok(data);
            }
        };
        Err(Error::new(code, "the gate is shut").at("token"))
    }

    async fn changed(&self, _credentials: &Credentials) {
        std::future::pending::<()>().await;
    }
}

#[derive(Clone)]
struct Parts(Vec<Check>);

impl Readiness for Parts {
    async fn ready(&self) -> Vec<Check> {
        self.0.clone()
    }

    async fn held(&self) -> Option<Held> {
        Some(Held { tenants: 2, digest: "00ff".to_owned() })
    }
}

fn app_with(options: Options, checks: Vec<Check>) -> Router {
    app_behind(TestGate::default(), options, checks)
}

fn app_behind(gate: TestGate, options: Options, checks: Vec<Check>) -> Router {
    let runner = Runner::new(|| Schema::build(Query, Mutation, Events), Sizes::default()).unwrap();
    let routes = http::graphql_routes(runner, gate, options).merge(http::health_routes(Parts(checks)));
    http::surround(routes, Requests::default(), TrustedProxies::default())
}

fn app() -> Router {
    app_with(Options::default(), Vec::new())
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the code of the first error, after a check of the fields that every error must have.
    fn code(&self) -> String {
        let error = &self.json()["errors"][0];
        assert_eq!(error["extensions"]["requestId"], self.header("x-request-id"), "{}", self.text);
        assert!(!self.text.contains("secret"), "{}", self.text);
        error["extensions"]["code"].as_str().unwrap().to_owned()
    }

    fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap().to_owned()
    }

    fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code().as_str()), (status, code), "{}", self.text);
    }
}

async fn call(app: &Router, request: HttpRequest<Body>) -> Answer {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    assert!(parts.headers.contains_key("x-request-id"), "every answer has an id");
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

async fn send(method: Method, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = HttpRequest::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    call(&app(), request.body(body.into()).unwrap()).await
}

async fn post(accept: &str, body: &Value) -> Answer {
    send(Method::POST, "/graphql", &[("content-type", JSON), ("accept", accept)], body.to_string()).await
}

/// Posts as a caller of a tenant, who may send more than a stranger.
async fn post_signed_in(body: &Value) -> Answer {
    let headers = [("content-type", JSON), ("authorization", "Bearer of-acme")];
    send(Method::POST, "/graphql", &headers, body.to_string()).await
}

async fn ask(query: &str) -> Answer {
    post(JSON, &json!({"query": query})).await
}

async fn get(parameters: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    send(Method::GET, &format!("/graphql?{query}"), &[("accept", NEWER)], Body::empty()).await
}
