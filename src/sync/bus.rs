//! The choice of bus, made once at start, and what both kinds have in common.

use super::memory::MemorySubscription;
use super::redis::RedisSubscription;
use super::{MemoryBus, News, RedisBus};

/// A bus that carries news between instances. Clones share one bus.
#[derive(Debug, Clone)]
pub enum Bus {
    /// Within this process: one instance, or several in one test.
    Memory(MemoryBus),
    /// Between processes, over Redis.
    Redis(RedisBus),
}

impl Bus {
    /// Makes a bus within this process.
    pub fn memory() -> Self {
        Self::Memory(MemoryBus::default())
    }

    /// Makes a bus over the Redis at `url`. It does not connect yet, so a Redis that does not answer keeps no instance
    /// from starting.
    ///
    /// # Errors
    /// [`BusError::Url`] when the URL cannot be used at all.
    pub fn redis(url: &str) -> Result<Self, BusError> {
        RedisBus::new(url).map(Self::Redis)
    }

    /// Tells all instances, this one included. It takes five seconds at most, and fails at once while Redis is known to
    /// be away.
    ///
    /// # Errors
    /// The news did not get out. The error is for the log alone: the change stands, and the others find it with their
    /// next sweep.
    pub async fn publish(&self, news: &News) -> Result<(), BusError> {
        match self {
            Self::Memory(bus) => {
                bus.publish(*news);
                Ok(())
            }
            Self::Redis(bus) => bus.publish(news).await,
        }
    }

    /// Starts to listen. News published after this returns are heard, or reported as missed.
    pub(super) async fn subscribe(&self) -> Result<Subscription, BusError> {
        match self {
            Self::Memory(bus) => Ok(Subscription::Memory(bus.subscribe())),
            Self::Redis(bus) => bus.subscribe().await.map(Subscription::Redis),
        }
    }
}

/// One listener's ear on the bus.
pub(super) enum Subscription {
    Memory(MemorySubscription),
    Redis(RedisSubscription),
}

impl Subscription {
    /// Waits for the next event of the bus. It must not be called again after [`Heard::Lost`].
    pub(super) async fn next(&mut self) -> Heard {
        match self {
            Self::Memory(subscription) => subscription.next().await,
            Self::Redis(subscription) => subscription.next().await,
        }
    }
}

/// An event of a subscription.
pub(super) enum Heard {
    /// A message.
    News(News),
    /// Messages were dropped; the subscription goes on.
    Missed,
    /// The subscription is over.
    Lost(BusError),
}

/// Reasons why a bus does not carry news. No message holds credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The URL is of no use. It is not repeated, because a mistyped URL can show its password in any of its parts.
    #[error("the redis url must look like `redis://[user][:password]@host[:port][/database]`, or `rediss://` for tls")]
    Url,
    /// Redis could not be reached, or broke the connection off.
    #[error("redis at `{address}` is away: {cause}")]
    Away {
        /// Host and port.
        address: String,
        /// The cause of the failure.
        cause: String,
    },
    /// Redis did not answer in time.
    #[error("redis at `{address}` did not answer in time")]
    TimedOut {
        /// Host and port.
        address: String,
    },
    /// The bus within this process has ended.
    #[error("the bus has ended")]
    Ended,
}
