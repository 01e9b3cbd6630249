//! A wire between an instance and its `PostgreSQL` that a test can cut at the worst moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::common::app::Database;

/// The behaviour of the wire when a COMMIT comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// It lets everything pass.
    Open,
    /// It holds the next COMMIT until it is opened.
    HoldsCommit,
    /// It holds one right now.
    Holding,
    /// It breaks before the next COMMIT arrives.
    LosesCommit,
    /// It breaks after the next COMMIT is done, and before its answer arrives.
    LosesAnswer,
    /// It is cut as soon as the answer to the next COMMIT has passed.
    EndsWithCommit,
    /// It lets nothing pass and says nothing.
    Silent,
    /// It is cut: whatever it carried has ended.
    Cut,
}

/// The wire.
pub(super) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Mutex<String>,
    wire: watch::Sender<Wire>,
    asked: AtomicUsize,
    loads: AtomicUsize,
}

impl Proxy {
    /// Makes a wire to the database, and the database as it looks through it.
    pub(super) async fn before(database: &Database) -> (Self, Database) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut url = url::Url::parse(&database.url).unwrap();
        let upstream = Mutex::new(format!("127.0.0.1:{}", url.port().unwrap()));
        url.set_port(Some(port)).unwrap();
        let wire = watch::Sender::new(Wire::Open);
        let shared = Arc::new(Shared { upstream, wire, asked: AtomicUsize::new(0), loads: AtomicUsize::new(0) });
        let ours = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&ours).carry(client));
            }
        });
        (Self { port, shared }, Database::at(url.into()))
    }

    /// Cuts the wire, and leads it to another server from now on.
    pub(super) async fn lead_to(&self, port: u16) {
        *self.shared.upstream.lock().unwrap() = format!("127.0.0.1:{port}");
        self.set(Wire::Cut);
        // All that was carried has ended once nobody waits for the wire to be cut.
        while self.shared.wire.receiver_count() > 0 {
            tokio::task::yield_now().await;
        }
        self.set(Wire::Open);
    }

    /// Makes the wire behave like this.
    pub(super) fn set(&self, wire: Wire) {
        self.shared.wire.send_replace(wire);
    }

    /// Waits until the wire is like this.
    pub(super) async fn is(&self, wire: Wire) {
        let mut now = self.shared.wire.subscribe();
        let waiting = now.wait_for(|now| *now == wire);
        let found = tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await;
        assert!(found.is_ok(), "the wire on port {} never became {wire:?}", self.port);
    }

    /// Returns the number of times that the instance has sent something to the database.
    pub(super) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Returns the number of connections on which the instance has loaded tenants' rules.
    pub(super) fn loads(&self) -> usize {
        self.shared.loads.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Carries one connection until either side ends it, or the wire breaks.
    async fn carry(self: Arc<Self>, mut client: TcpStream) -> Option<()> {
        let upstream = self.upstream.lock().unwrap().clone();
        let mut server = TcpStream::connect(upstream).await.ok()?;
        let (mut question, mut answer) = (vec![0; 65536], vec![0; 65536]);
        let mut wire = self.wire.subscribe();
        loop {
            tokio::select! {
                _ = async { wire.wait_for(|wire| *wire == Wire::Cut).await.is_ok() } => return None,
                read = client.read(&mut question) => {
                    let bytes = question.get(..read.ok().filter(|read| *read > 0)?)?;
                    self.count(bytes);
                    let wire = self.wire_at(bytes).await?;
                    server.write_all(bytes).await.ok()?;
                    if wire == Wire::LosesAnswer {
                        // The first byte of the answer says that the database has done it.
                        server.read_u8().await.ok()?;
                        return None;
                    }
                    if wire == Wire::EndsWithCommit {
                        let read = server.read(&mut answer).await.ok()?;
                        self.wire.send_replace(Wire::Cut);
                        client.write_all(answer.get(..read)?).await.ok()?;
                        return None;
                    }
                }
                read = server.read(&mut answer) => {
                    let bytes = answer.get(..read.ok().filter(|read| *read > 0)?)?;
                    self.is_heard().await?;
                    client.write_all(bytes).await.ok()?;
                }
            }
        }
    }

    fn count(&self, bytes: &[u8]) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if holds(bytes, br#"FROM "casbin_rule""#) {
            self.loads.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Returns the state of the wire for these bytes, once they can pass; `None` when it breaks.
    async fn wire_at(&self, bytes: &[u8]) -> Option<Wire> {
        self.is_heard().await?;
        let wire = *self.wire.borrow();
        match wire {
            _ if !holds(bytes, b"COMMIT\0") => Some(Wire::Open),
            Wire::HoldsCommit => {
                self.wire.send_replace(Wire::Holding);
                self.wire.subscribe().wait_for(|wire| *wire == Wire::Open).await.ok().map(|wire| *wire)
            }
            Wire::LosesCommit | Wire::LosesAnswer => {
                self.wire.send_replace(Wire::Open);
                (wire == Wire::LosesAnswer).then_some(wire)
            }
            Wire::EndsWithCommit => Some(wire),
            Wire::Open | Wire::Holding | Wire::Silent | Wire::Cut => Some(Wire::Open),
        }
    }

    async fn is_heard(&self) -> Option<()> {
        self.wire.subscribe().wait_for(|wire| *wire != Wire::Silent).await.ok().map(drop)
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
