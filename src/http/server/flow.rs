//! Bytes that the other side sends or takes, and how long they have been waited for.

use std::time::{Duration, Instant};

/// Bytes that have to move in the time in which some have to. Fewer are no progress: a byte now and then would hold a
/// place for good.
pub(super) const PROGRESS: usize = 16 * 1024;

/// Bytes in one direction.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Time since which the other side is waited for; none while it is not.
    stalled: Option<Instant>,
    /// Time at which it was first waited for, after it last made progress.
    since: Option<Instant>,
    /// Total of the earlier waits since then.
    waited: Duration,
    /// Bytes that moved since then.
    moved: usize,
}

impl Flow {
    /// Notes that the other side is waited for.
    pub(super) fn stall(&mut self) {
        let now = Instant::now();
        self.stalled.get_or_insert(now);
        self.since.get_or_insert(now);
    }

    /// Bytes moved. Returns whether they were waited for.
    pub(super) fn moved(&mut self, bytes: usize) -> bool {
        let stalled = self.stalled.take();
        self.waited += stalled.map_or(Duration::ZERO, |stalled| stalled.elapsed());
        self.moved += bytes;
        if self.moved >= PROGRESS {
            *self = Self::default();
        }
        stalled.is_some()
    }

    /// Returns whether the other side is waited for.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Returns how long it has been waited for since it last made progress.
    pub(super) fn waited(&self) -> Duration {
        self.waited + self.stalled.map_or(Duration::ZERO, |stalled| stalled.elapsed())
    }

    /// Returns since when it has made no progress, while it is waited for.
    pub(super) fn stalls_since(&self) -> Option<Instant> {
        self.stalled.and(self.since)
    }
}
