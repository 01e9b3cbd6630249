//! The bus over Redis: PUBLISH on one shared connection, SUBSCRIBE on a connection of its own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Msg, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::bus::{BusError, Heard};
use super::{CHANNEL, News};

/// Maximum time of a publish as a whole. A Redis that is far away or busy answers late, and that does not make it away.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time that the publisher waits for a connection, and then for the answer on it.
const STEP_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which publishes fail at once after Redis was found away, before one of them tries again.
const PAUSE: Duration = Duration::from_millis(250);
/// Maximum time that connecting and subscribing take the listener.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence after which the listener asks whether the connection still lives: a connection that died without a word (a
/// pulled cable, a forgetful firewall) looks just like one without news.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum time that the listener waits for the answer.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// A bus that carries news over a Redis that several instances share. Clones share one connection.
#[derive(Clone)]
pub struct RedisBus {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    /// Host and port, for logs.
    address: String,
    /// `true` if the last attempt to connect failed. Further publishers then fail at once, and do not queue behind the
    /// one that tries again.
    away: AtomicBool,
    /// `true` if the log already says that news are not published.
    is_said: AtomicBool,
    publisher: Mutex<Publisher>,
}

#[derive(Default)]
struct Publisher {
    connection: Option<MultiplexedConnection>,
    /// Number that grows with each connection, so that the failure of an old one, noticed late, does not throw away its
    /// successor.
    generation: u64,
    /// The time before which no attempt to connect is made.
    not_before: Option<Instant>,
}

impl RedisBus {
    /// Makes a bus over the Redis at `url`, which is not contacted yet.
    ///
    /// # Errors
    /// [`BusError::Url`] when the URL cannot be used at all.
    pub fn new(url: &str) -> Result<Self, BusError> {
        let client = Client::open(url).map_err(|_| BusError::Url)?;
        let address = client.get_connection_info().addr().to_string();
        let [away, is_said] = [false; 2].map(AtomicBool::new);
        let shared = Shared { client, address, away, is_said, publisher: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(super) async fn publish(&self, news: &News) -> Result<(), BusError> {
        let shared = &self.shared;
        let message = serde_json::to_vec(news).map_err(|error| shared.is_away(error))?;
        let published = timeout(PUBLISH_TIMEOUT, shared.publish(&message)).await;
        let published = published.unwrap_or_else(|_| Err(shared.timed_out()));
        shared.say(&published);
        published
    }

    /// Runs a command on the connection on which news go out, and returns its answer.
    pub(super) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, BusError> {
        self.shared.run(command).await
    }

    pub(super) async fn subscribe(&self) -> Result<RedisSubscription, BusError> {
        let shared = &self.shared;
        let subscribing = async {
            let (mut sink, stream) = shared.client.get_async_pubsub().await?.split();
            sink.subscribe(CHANNEL).await?;
            Ok(RedisSubscription { shared: Arc::clone(shared), sink, stream })
        };
        match timeout(SUBSCRIBE_TIMEOUT, subscribing).await {
            Ok(outcome) => outcome.map_err(|error: RedisError| shared.is_away(error)),
            Err(_) => Err(shared.timed_out()),
        }
    }
}

/// The debug form shows where the bus leads and leaves the credentials out.
impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl Shared {
    async fn publish(&self, message: &[u8]) -> Result<(), BusError> {
        self.run::<Value>(redis::cmd("PUBLISH").arg(CHANNEL).arg(message)).await.map(drop)
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, BusError> {
        match self.run_once(command).await {
            // The connection can have died while it was not in use (Redis was restarted), which shows only in use. News
            // and counts can be doubled without harm, so try once more.
            Err(error) if error.is_stale => self.run_once(command).await,
            outcome => outcome,
        }
        .map_err(|failure| failure.error)
    }

    /// Logs once that news are not published, and once that they are again.
    fn say(&self, published: &Result<(), BusError>) {
        let fails = published.is_err();
        if self.is_said.swap(fails, Ordering::Relaxed) == fails {
            return;
        }
        match published {
            Ok(()) => tracing::warn!("the news of changes are published again"),
            Err(error) => {
                tracing::warn!(%error, "the news of changes are not published; the sweep of others finds the changes");
            }
        }
    }

    async fn run_once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        let (generation, mut connection) = self.connection().await?;
        match command.query_async(&mut connection).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.forget(generation).await;
                let is_stale = error.is_connection_dropped();
                Err(Failure { is_stale, error: self.failed(error) })
            }
        }
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), BusError> {
        let mut publisher = if self.away.load(Ordering::Relaxed) {
            self.publisher.try_lock().map_err(|_| self.still_away())?
        } else {
            self.publisher.lock().await
        };
        if let Some(connection) = &publisher.connection {
            return Ok((publisher.generation, connection.clone()));
        }
        if publisher.not_before.is_some_and(|not_before| Instant::now() < not_before) {
            return Err(self.still_away());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(STEP_TIMEOUT))
            .set_response_timeout(Some(STEP_TIMEOUT));
        let attempt = self.client.get_multiplexed_async_connection_with_config(&config).await;
        self.away.store(attempt.is_err(), Ordering::Relaxed);
        match attempt {
            Ok(connection) => {
                publisher.generation += 1;
                publisher.connection = Some(connection.clone());
                Ok((publisher.generation, connection))
            }
            Err(error) => {
                publisher.not_before = Some(Instant::now() + PAUSE);
                Err(self.failed(error))
            }
        }
    }

    async fn forget(&self, generation: u64) {
        let mut publisher = self.publisher.lock().await;
        if publisher.generation == generation {
            publisher.connection = None;
        }
    }

    fn failed(&self, error: RedisError) -> BusError {
        if error.is_timeout() { self.timed_out() } else { self.is_away(error) }
    }

    fn is_away(&self, cause: impl fmt::Display) -> BusError {
        BusError::Away { address: self.address.clone(), cause: cause.to_string() }
    }

    fn still_away(&self) -> BusError {
        self.is_away("it did not answer a moment ago")
    }

    fn timed_out(&self) -> BusError {
        BusError::TimedOut { address: self.address.clone() }
    }
}

/// A publish that failed.
struct Failure {
    /// `true` if the connection was dropped, so that another one can work.
    is_stale: bool,
    error: BusError,
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Self {
        Self { is_stale: false, error }
    }
}

/// One listener on a [`RedisBus`].
pub(super) struct RedisSubscription {
    shared: Arc<Shared>,
    sink: PubSubSink,
    /// The messages; they end when the connection does.
    stream: PubSubStream,
}

impl RedisSubscription {
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            match timeout(READ_TIMEOUT, self.stream.next()).await {
                Ok(Some(message)) => {
                    if let Some(news) = parse(&message) {
                        return Heard::News(news);
                    }
                }
                Ok(None) => return Heard::Lost(self.shared.is_away("it closed the connection")),
                Err(_silence) => {
                    if let Err(error) = self.ping().await {
                        return Heard::Lost(error);
                    }
                }
            }
        }
    }

    async fn ping(&mut self) -> Result<(), BusError> {
        match timeout(PING_TIMEOUT, self.sink.ping::<Value>()).await {
            Ok(answer) => answer.map(drop).map_err(|error| self.shared.is_away(error)),
            Err(_) => Err(self.shared.timed_out()),
        }
    }
}

fn parse(message: &Msg) -> Option<News> {
    let payload = message.get_payload_bytes();
    serde_json::from_slice(payload)
        .inspect_err(|error| tracing::warn!(%error, bytes = payload.len(), "passed over a message that is not news"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_and_no_debug_output_shows_the_credentials_of_a_url() {
        for url in ["redis://ann:s3cret@host:port", "redis://ann:s3/cret@host", "http://ann:s3cret@host", "s3cret"] {
            let error = RedisBus::new(url).unwrap_err();
            assert_eq!(error, BusError::Url);
            assert!(!format!("{error} {error:?}").contains("s3"), "{error}");
        }
        let bus = RedisBus::new("redis://ann:s3cret@host:6379/2").unwrap();
        assert_eq!(format!("{bus:?}"), r#"RedisBus { address: "host:6379", .. }"#);
    }
}
