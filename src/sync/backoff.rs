//! How long to wait: longer after each failure, and never in step with other instances.

use std::time::Duration;

/// The wait after the first failure.
const SHORTEST: Duration = Duration::from_millis(50);
/// Waits grow up to this.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double from failure to failure, each somewhere in the half around its length.
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: SHORTEST }
    }

    /// How long to wait now. The next wait is twice as long.
    pub(super) fn wait(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(LONGEST);
        spread(now, 0.5)
    }
}

/// A time at random within `share` (0 to 1) of `around`, so that instances that start together,
/// or lose the same Redis, do not all knock at once.
pub(super) fn spread(around: Duration, share: f64) -> Duration {
    // Without randomness instances may run in step, which is no reason to stop.
    let draw = getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX));
    spread_by(around, share, draw)
}

/// `draw` (0 to 1) says where in the spread the time lies.
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
            assert!(wait <= LONGEST * 2, "{wait:?}");
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
