//! The bus within one process.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::News;
use super::bus::{BusError, Heard};

/// Number of news that a listener can lie behind before it is told to check everything instead.
const CAPACITY: usize = 1024;

/// A bus that carries news between instances of one process. Clones share one channel.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    sender: broadcast::Sender<News>,
}

impl MemoryBus {
    /// Makes a bus that keeps at least this many news for a slow listener.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { sender: broadcast::Sender::new(capacity.max(1)) }
    }

    /// Tells all listeners. A bus without listeners is no failure.
    pub(super) fn publish(&self, news: News) {
        let _ = self.sender.send(news);
    }

    pub(super) fn subscribe(&self) -> MemorySubscription {
        MemorySubscription { receiver: self.sender.subscribe() }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

/// One listener on a [`MemoryBus`].
pub(super) struct MemorySubscription {
    receiver: broadcast::Receiver<News>,
}

impl MemorySubscription {
    pub(super) async fn next(&mut self) -> Heard {
        match self.receiver.recv().await {
            Ok(news) => Heard::News(news),
            Err(RecvError::Lagged(_)) => Heard::Missed,
            Err(RecvError::Closed) => Heard::Lost(BusError::Ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn news(revision: u64) -> News {
        News { tenant: Uuid::nil(), revision, credential_epoch: 0, policy_change: None, credential_change: None }
    }

    #[tokio::test]
    async fn a_subscription_that_lies_too_far_behind_says_so_and_goes_on() {
        let bus = MemoryBus::with_capacity(2);
        let mut subscription = bus.subscribe();
        for revision in 1..=3 {
            bus.publish(news(revision));
        }
        assert!(matches!(subscription.next().await, Heard::Missed));
        assert!(matches!(subscription.next().await, Heard::News(heard) if heard == news(2)));
    }

    #[test]
    fn publishing_to_nobody_is_no_failure() {
        MemoryBus::default().publish(news(1));
    }
}
