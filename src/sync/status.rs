//! The state of the listener, for `/readyz` and the metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The value for "not yet", in a clock of milliseconds since the start.
const NEVER: u64 = u64::MAX;

/// The state of the listener. The listener writes it and any task can read it; none waits.
#[derive(Debug)]
pub struct BusStatus {
    /// The clock's zero. A monotonic clock, because ages must not jump with the wall clock.
    start: Instant,
    connected: AtomicBool,
    changed_at: AtomicU64,
    connections: AtomicU64,
    last_message_at: AtomicU64,
}

impl BusStatus {
    /// Makes the status "not connected, as of now".
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            connected: AtomicBool::new(false),
            changed_at: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            last_message_at: AtomicU64::new(NEVER),
        }
    }

    /// Returns `true` while news are being heard.
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Returns the time since [`connected`](Self::connected) last changed.
    pub fn unchanged_for(&self) -> Duration {
        self.age(self.changed_at.load(Ordering::Relaxed))
    }

    /// Returns the number of times that the bus came back after it was lost.
    pub fn reconnects(&self) -> u64 {
        self.connections.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Returns the time since the last message, if any came.
    pub fn last_message_age(&self) -> Option<Duration> {
        match self.last_message_at.load(Ordering::Relaxed) {
            NEVER => None,
            at => Some(self.age(at)),
        }
    }

    pub(super) fn set_connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.change(true);
    }

    pub(super) fn set_lost(&self) {
        self.change(false);
    }

    pub(super) fn message_came(&self) {
        self.last_message_at.store(self.now(), Ordering::Relaxed);
    }

    fn change(&self, connected: bool) {
        if self.connected.swap(connected, Ordering::Relaxed) != connected {
            self.changed_at.store(self.now(), Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER)
    }

    fn age(&self, at: u64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(at))
    }
}

impl Default for BusStatus {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_coming_back_counts_as_a_reconnect() {
        let status = BusStatus::new();
        assert!(!status.connected());
        status.set_connected();
        assert_eq!((status.connected(), status.reconnects()), (true, 0));
        status.set_lost();
        status.set_lost();
        assert!(!status.connected());
        status.set_connected();
        assert_eq!((status.connected(), status.reconnects()), (true, 1));
    }

    #[test]
    fn the_last_message_has_no_age_before_there_is_one() {
        let status = BusStatus::new();
        assert_eq!(status.last_message_age(), None);
        status.message_came();
        assert!(status.last_message_age().is_some());
    }
}
