//! A line in the log that is written at most so often, however often there is a reason for it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time for which one line speaks for all.
const EVERY: Duration = Duration::from_secs(10);

/// The reasons for one line.
#[derive(Default)]
pub(super) struct Notice(Mutex<Reasons>);

#[derive(Default)]
struct Reasons {
    last: Option<Instant>,
    count: u64,
}

impl Notice {
    /// Counts a reason. Returns how many there were since the last line, if it is time for one.
    pub(super) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.count += 1;
        if reasons.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            return None;
        }
        reasons.last = Some(now);
        Some(std::mem::take(&mut reasons.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_speaks_for_all_reasons_of_a_while() {
        let (notice, begun) = (Notice::default(), Instant::now());
        assert_eq!(notice.due_at(begun), Some(1));
        assert_eq!((notice.due_at(begun), notice.due_at(begun + EVERY / 2)), (None, None));
        assert_eq!(notice.due_at(begun + EVERY), Some(3));
        assert_eq!(notice.due_at(begun + EVERY), None);
    }
}
