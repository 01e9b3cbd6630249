//! Long answers give way to others, and end with the client that asked for them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;

use tokio::net::TcpListener;

use super::*;

/// Number of numbers in the long answer: much more than is resolved in one go.
pub(super) const MANY: usize = 20_000;

/// Number of fields that were resolved; it lives as long as anything can resolve more.
#[derive(Clone, Default)]
pub(super) struct Resolved(Arc<AtomicUsize>);

impl Resolved {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the number of owners that can resolve more.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

struct Number(Resolved);

#[Object]
impl Number {
    async fn number(&self) -> i32 {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        1
    }
}

struct Numbers(Resolved);

#[Object]
impl Numbers {
    #[graphql(complexity = "1")]
    async fn numbers(&self) -> Vec<Number> {
        (0..MANY).map(|_| Number(self.0.clone())).collect()
    }
}

pub(super) fn numbers() -> (Router, Resolved) {
    let resolved = Resolved::default();
    let schema = || Schema::build(Numbers(resolved.clone()), EmptyMutation, EmptySubscription);
    let routes =
        http::graphql_routes(Runner::new(schema, Sizes::default()).unwrap(), TestGate::default(), Options::default());
    (http::surround(routes, Requests::default(), bailiwick::http::client::TrustedProxies::default()), resolved)
}

fn request() -> HttpRequest<Body> {
    let body = json!({ "query": "{ numbers { number } }" }).to_string();
    HttpRequest::post("/graphql").header("content-type", JSON).body(body.into()).unwrap()
}

#[tokio::test]
async fn a_long_answer_is_made_a_part_at_a_time() {
    let (app, resolved) = numbers();
    let mut turns = 0;
    let mut answering = pin!(app.oneshot(request()));
    let mut most = 0;
    let answer = poll_fn(|cx| {
        let before = resolved.count();
        let polled = answering.as_mut().poll(cx);
        turns += 1;
        most = most.max(resolved.count() - before);
        polled
    })
    .await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(resolved.count(), MANY);
    assert!(turns >= MANY / 100 && most <= 100, "{turns} turns of at most {most} fields");
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_any_more_is_not_made_to_its_end() {
    let (app, resolved) = numbers();
    let own = resolved.holders();
    let mut answering = std::boxed::Box::pin(app.clone().oneshot(request()));
    poll_fn(|cx| {
        assert!(answering.as_mut().poll(cx).is_pending());
        if resolved.count() > 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    assert!(resolved.holders() > own);
    drop(answering);
    assert!(resolved.count() < MANY);
    assert_eq!(resolved.holders(), own, "nothing goes on");
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_operation() {
    use tokio::io::AsyncWriteExt as _;

    let (app, resolved) = numbers();
    let own = resolved.holders();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, app).into_future());
    let body = json!({ "query": "{ numbers { number } }" }).to_string();
    let head =
        format!("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    while resolved.count() == 0 {
        tokio::task::yield_now().await;
    }
    drop(client);
    while resolved.holders() > own {
        tokio::task::yield_now().await;
    }
    assert!(resolved.count() < MANY, "the answer was made to its end");
    serving.abort();
}
