//! Waiting times that grow after each failure and are never in step with other instances.

use std::time::Duration;

/// The wait after the first failure, on average.
const WAIT_MIN: Duration = Duration::from_millis(50);
/// The longest wait, on average.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(5);

/// Waits that double from failure to failure, each spread at random by up to half its length either way.
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: WAIT_MIN }
    }

    /// Returns the time to wait now. The next wait is twice as long.
    pub(super) fn wait(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(WAIT_MAX);
        spread(now, 0.5)
    }
}

/// Draws a time at random within `share` (0 to 1) of `around`, so that instances that start together, or lose the same
/// Redis, do not all knock at once.
pub(super) fn spread(around: Duration, share: f64) -> Duration {
    // Without randomness instances can run in step, which is no reason to stop.
    let draw = getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX));
    spread_by(around, share, draw)
}

/// Computes a time of the spread; `draw` (0 to 1) is its place in it.
fn spread_by(around: Duration, share: f64, draw: f64) -> Duration {
    let factor = 1.0 + share * (2.0 * draw - 1.0);
    Duration::try_from_secs_f64(around.as_secs_f64() * factor).unwrap_or(around)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_50_milliseconds_up_to_5_seconds() {
        let mut backoff = Backoff::new();
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.push(backoff.next.as_millis());
            let wait = backoff.wait();
            assert!(wait <= WAIT_MAX * 2, "{wait:?}");
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn a_spread_lies_within_its_share() {
        let ten = Duration::from_secs(10);
        assert_eq!(spread_by(ten, 0.2, 0.0), Duration::from_secs(8));
        assert_eq!(spread_by(ten, 0.2, 0.5), ten);
        assert_eq!(spread_by(ten, 0.2, 1.0), Duration::from_secs(12));
        assert_eq!(spread_by(Duration::MAX, 0.2, 1.0), Duration::MAX);
    }
}
