//! The listener: lets connections in up to a bound, in all and for each address, and ends those
//! that hold a place and leave us waiting: for a request's head, for the next request, or for
//! somebody to take an answer. The library's own loop has neither.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::http::header::UPGRADE;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::metrics::{Connections, Over};

mod answer;
mod doors;
mod flow;
mod notice;
mod pace;
#[cfg(test)]
mod tests;
mod wire;

use answer::{Answer, Busy, Coming};
use doors::{Doors, Place};
use notice::Notice;
use pace::Pace;
use wire::Wire;

/// Bytes that are held of a request that is on its way in: room for the longest address that is
/// read, and for its headers.
const BUFFER: usize = 128 * 1024;
/// Bytes that a connection keeps for its reader in the kernel, which takes twice as many.
const SEND_BUFFER: usize = 64 * 1024;
/// Connections that the system keeps until they are accepted, as far as it allows itself
/// (`net.core.somaxconn`). A client beyond them is answered once it asks again, a second later.
const BACKLOG: i32 = 4096;
/// Pause in accepting connections once the system refuses to hand one over.
const PAUSE: Duration = Duration::from_millis(100);
/// Answer to a client for whom there is no place.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n";

/// Limits on the number of connections, and on the time for which each may leave us waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address; an IPv6 network of 64 bits counts as one.
    pub per_address: usize,
    /// Longest time for the whole head of a request, from its first byte on; for that of the first, from the moment
    /// when the connection was opened.
    pub header: Duration,
    /// Longest time for the next request to come.
    pub idle: Duration,
    /// Longest time for a reader to take some of an answer.
    pub write: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 4096,
            per_address: 512,
            header: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
        }
    }
}

impl Bounds {
    /// Returns the interval at which a connection is held against the limits: short enough to be little late.
    fn turn(&self) -> Duration {
        let shortest = self.header.min(self.idle).min(self.write);
        (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(2))
    }
}

/// Makes the queue longer in which connections wait until they are accepted.
fn lengthen(listener: &TcpListener) {
    // On a socket that listens already this sets the length and nothing else.
    if let Err(error) = socket2::SockRef::from(listener).listen(BACKLOG) {
        tracing::warn!(%error, "the queue of connections that wait to be accepted keeps its length");
    }
}

/// Tells whose connections are not counted by address.
pub type Uncounted = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Lets a connection that has become a WebSocket say that a credential was shown on it which holds: until
/// then it makes room for others.
#[derive(Clone)]
pub(super) struct Presence(Arc<Pace>);

impl Presence {
    /// Notes that the caller is known from here on, and acts in this tenant.
    pub(super) fn know(&self, tenant: Uuid) {
        self.0.know(tenant);
    }
}

/// A server of routes.
pub struct Server {
    bounds: Bounds,
    doors: Doors,
    counted: Connections,
    notices: Notices,
}

/// The lines that an attack would else write thousands of.
#[derive(Default)]
struct Notices {
    refused: Notice,
    ended: Notice,
    failed: Notice,
}

impl Server {
    /// Returns a server that keeps to `bounds`, and counts what it does. Connections of peers that are `uncounted`
    /// take from the bound in all alone: a proxy brings those of many.
    pub fn new(bounds: Bounds, uncounted: Uncounted, counted: Connections) -> Self {
        let doors = Doors::new(bounds.connections, bounds.per_address, uncounted, counted.clone());
        Self { bounds, doors, counted, notices: Notices::default() }
    }

    /// Serves `routes` until `shutdown`, then until the last connection has ended. Dropped before
    /// that, it ends them all.
    pub async fn serve(self, listener: TcpListener, routes: Router, shutdown: CancellationToken) {
        // A writer is woken once a third of its buffer is free: of a large one a slow reader takes minutes for
        // that, and would seem to take nothing. Connections have the listener's.
        if let Err(error) = socket2::SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER) {
            tracing::warn!(%error, "the send buffers of connections keep the size that the system gives them");
        }
        lengthen(&listener);
        let server = Arc::new(self);
        let (open, mut tasks) = (TaskTracker::new(), JoinSet::new());
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                Some(_) = tasks.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    server.could_not_accept(&error).await;
                    continue;
                }
            };
            let pace = Arc::new(Pace::new());
            let place = server.let_in(&stream, peer, &pace);
            if server.doors.is_anyone_leaving() {
                // They go before the next is looked at: in a burst there would be no place for it.
                yield_now().await;
            }
            let Some(place) = place else { continue };
            let wire = Wire::new(stream, Arc::clone(&pace), place, open.token());
            let (server, routes, shutdown) = (Arc::clone(&server), routes.clone(), shutdown.clone());
            tasks.spawn(async move { server.attend(wire, peer, routes, pace, shutdown).await });
        }
        drop(listener);
        while tasks.join_next().await.is_some() {}
        // What has become a WebSocket is in no task of ours, and says goodbye by itself.
        open.close();
        open.wait().await;
    }

    fn let_in(&self, stream: &TcpStream, peer: SocketAddr, pace: &Arc<Pace>) -> Option<Place> {
        let refused = match self.doors.enter(peer.ip(), Arc::clone(pace)) {
            Ok(place) => return Some(place),
            Err(refused) => refused,
        };
        self.counted.refuse(refused);
        if let Some(count) = self.notices.refused.due() {
            let address = peer.ip();
            tracing::warn!(%address, count, "connections were refused: {}", refused.in_words());
        }
        // Whoever does not take it at once gets no answer.
        let _ = stream.try_write(NO_PLACE);
        None
    }

    async fn could_not_accept(&self, error: &io::Error) {
        // The client is gone again: that says nothing about the next one.
        let gone = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset, io::ErrorKind::ConnectionRefused];
        if gone.contains(&error.kind()) {
            return;
        }
        self.counted.fail();
        if let Some(count) = self.notices.failed.due() {
            tracing::error!(%error, count, "connections could not be accepted; most often no descriptor is left");
        }
        sleep(PAUSE).await;
    }

    /// Serves one connection to its end, which its pace may bring.
    async fn attend(
        self: Arc<Self>,
        wire: Wire,
        peer: SocketAddr,
        routes: Router,
        pace: Arc<Pace>,
        shutdown: CancellationToken,
    ) {
        let (routes, watched) = (TowerToHyperService::new(routes), Arc::clone(&pace));
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(|body| Coming::wrap(body, &watched));
            request.extensions_mut().insert(ConnectInfo(peer));
            if request.headers().contains_key(UPGRADE) {
                request.extensions_mut().insert(Presence(Arc::clone(&watched)));
            }
            let busy = Busy::new(&watched);
            let answered = routes.call(request);
            async move {
                let response = answered.await?;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    busy.hand_over();
                }
                Ok::<_, Infallible>(response.map(|body| Answer::new(body, busy)))
            }
        });
        let mut protocol = http1::Builder::new();
        protocol.header_read_timeout(None).max_buf_size(BUFFER);
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(wire), service).with_upgrades());
        let mut turn = interval(self.bounds.turn());
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection broke");
                    }
                    return;
                }
                _ = turn.tick() => if let Some(over) = pace.over(&self.bounds) {
                    return self.end(over, peer);
                },
                () = pace.sent_away() => {
                    if pace.lingers().is_some() {
                        return self.end(Over::MadeRoom, peer);
                    }
                    // Its next request has come meanwhile: that one is answered still.
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    if pace.is_fresh() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    fn end(&self, over: Over, peer: SocketAddr) {
        self.counted.end(over);
        // A connection that is not used again is nothing to tell of.
        if over == Over::Idle {
            return;
        }
        if let Some(count) = self.notices.ended.due() {
            tracing::warn!(address = %peer.ip(), count, "connections were ended: {}", over.in_words());
        }
    }
}
