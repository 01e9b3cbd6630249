//! Readers who take their answers slowly, or not at all.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use bailiwick::http::metrics::Connections;
use bailiwick::http::server::{Bounds, Server};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{HUNG, REQUEST, SHORT, answered, until_ended, wide};

/// A server of one route, `/healthz`.
struct Served {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

async fn serve(bounds: Bounds, routes: Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = Server::new(bounds, Arc::new(|_| false), Connections::default());
    let serving = tokio::spawn(server.serve(listener, routes, shutdown.clone()));
    Served { address, shutdown, serving }
}

/// Says when it is dropped.
struct Held(Arc<Notify>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Makes an answer without an end, which holds something until the last of it is taken.
fn endless(gone: &Arc<Notify>) -> Router {
    let gone = Arc::clone(gone);
    let answer = move || {
        let held = Arc::new(Held(Arc::clone(&gone)));
        let piece = Bytes::from(vec![b'x'; 64 * 1024]);
        let pieces = stream::unfold((held, piece), |(held, piece)| async move {
            Some((Ok::<_, Infallible>(piece.clone()), (held, piece)))
        });
        async { Body::from_stream(pieces) }
    };
    Router::new().route("/healthz", get(answer))
}

#[tokio::test]
async fn what_a_reader_holds_who_does_not_read_is_given_back() {
    let gone = Arc::new(Notify::new());
    let served = serve(Bounds { write: SHORT, ..wide() }, endless(&gone)).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    timeout(HUNG, gone.notified()).await.expect("an answer that is given up");
    // The bytes that were on their way arrive; then the answer breaks off.
    assert!(until_ended(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_reader_who_is_slow_and_goes_on_is_served() {
    let gone = Arc::new(Notify::new());
    let served = serve(Bounds { write: SHORT, ..wide() }, endless(&gone)).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let (begun, mut piece) = (Instant::now(), vec![0; 1024 * 1024]);
    // Many times the limit in all, and never the limit between two reads.
    while begun.elapsed() < SHORT * 8 {
        timeout(HUNG, stream.read_exact(&mut piece)).await.expect("more of the answer").unwrap();
        sleep(SHORT / 20).await;
    }
    drop(stream);
    timeout(HUNG, gone.notified()).await.expect("a reader that is gone is seen");
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_the_stop_and_the_connection_ends_with_it() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (starting, waiting) = (Arc::clone(&begun), Arc::clone(&go_on));
    let routes = Router::new().route(
        "/healthz",
        get(move || {
            let (starting, waiting) = (Arc::clone(&starting), Arc::clone(&waiting));
            async move {
                starting.notify_one();
                waiting.notified().await;
                "done"
            }
        }),
    );
    // Its own time to answer counts as nobody's delay.
    let served = serve(Bounds { header: SHORT, idle: SHORT, write: SHORT, ..wide() }, routes).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    timeout(HUNG, begun.notified()).await.unwrap();
    served.shutdown.cancel();
    sleep(SHORT * 3).await;
    assert!(!served.serving.is_finished());
    go_on.notify_one();
    assert_eq!(answered(&mut stream).await, Some(200));
    assert_eq!(until_ended(&mut stream).await, "");
    timeout(HUNG, served.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_what_it_serves() {
    let gone = Arc::new(Notify::new());
    let served = serve(wide(), endless(&gone)).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut first = [0; 12];
    timeout(HUNG, stream.read_exact(&mut first)).await.unwrap().unwrap();
    served.serving.abort();
    timeout(HUNG, gone.notified()).await.expect("an answer that is given up");
}
