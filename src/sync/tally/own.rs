//! The counts in the memory of this instance, which is bounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Counter, Digest, Outcome};

/// Maximum number of counts that are remembered. The least recently used count is dropped first.
const COUNTERS_MAX: u64 = 200_000;

#[derive(Debug, Clone, Copy)]
struct Count {
    count: u32,
    until: Instant,
}

/// The counts of one instance.
pub(super) struct OwnCounts {
    /// The counts, by name and by the epoch of their owner.
    counts: Cache<(Digest, u64), Count>,
    epochs: Cache<Digest, u64>,
    next_epoch: AtomicU64,
    /// The lock to count under, so that several counts go up together.
    turn: Mutex<()>,
}

impl OwnCounts {
    pub(super) fn new() -> Self {
        let (counts, epochs) = (remember(), remember());
        Self { counts, epochs, next_epoch: AtomicU64::new(1), turn: Mutex::default() }
    }

    pub(super) fn take(&self, counters: &[Counter], by: u32, now: Instant) -> Outcome {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before: Vec<_> = counters.iter().map(|counter| self.live(counter, now)).collect();
        let full = |(counter, before): (&Counter, &Option<Count>)| before.is_some_and(|it| it.count >= counter.max);
        if let Some(full) = counters.iter().zip(&before).position(full) {
            return Outcome::Full(full);
        }
        let count = |(counter, before): (&Counter, Option<Count>)| {
            let next = before.unwrap_or(Count { count: 0, until: now + counter.window });
            let next = Count { count: next.count.saturating_add(by), ..next };
            if by > 0 {
                self.counts.insert(self.place(counter), next);
            }
            next.count
        };
        Outcome::Counted(counters.iter().zip(before).map(count).collect())
    }

    /// Takes over the counts of all instances together.
    pub(super) fn learn(&self, counters: &[Counter], outcome: &Outcome, now: Instant) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, counter) in counters.iter().enumerate() {
            let count = match outcome {
                Outcome::Counted(counts) => counts.get(at).copied(),
                Outcome::Full(full) => (at == *full).then_some(counter.max),
            };
            let Some(count) = count else { continue };
            if count == 0 {
                self.counts.invalidate(&self.place(counter));
                continue;
            }
            let until = self.live(counter, now).map_or(now + counter.window, |before| before.until);
            self.counts.insert(self.place(counter), Count { count, until });
        }
    }

    pub(super) fn give_back(&self, counters: &[Counter], now: Instant) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for counter in counters {
            if let Some(before) = self.live(counter, now) {
                let less = Count { count: before.count.saturating_sub(1), ..before };
                self.counts.insert(self.place(counter), less);
            }
        }
    }

    pub(super) fn forget(&self, counters: &[Counter]) {
        for counter in counters {
            self.counts.invalidate(&self.place(counter));
        }
    }

    pub(super) fn begin_anew(&self, owner: &Digest) {
        self.epochs.insert(*owner, self.next_epoch.fetch_add(1, Ordering::Relaxed));
    }

    fn place(&self, counter: &Counter) -> (Digest, u64) {
        (counter.key, self.epochs.get(&counter.owner).unwrap_or(0))
    }

    fn live(&self, counter: &Counter, now: Instant) -> Option<Count> {
        self.counts.get(&self.place(counter)).filter(|count| now < count.until)
    }
}

/// Makes a cache that always takes a new entry: a cache that prefers what was asked for often would forget a count that
/// has just begun.
fn remember<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(COUNTERS_MAX).eviction_policy(EvictionPolicy::lru()).build()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WINDOW: Duration = Duration::from_mins(5);

    fn counter(key: u8, max: u32) -> Counter {
        Counter { key: [key; 32], owner: [key; 32], max, window: WINDOW }
    }

    fn counted(counts: impl Into<Vec<u32>>) -> Outcome {
        Outcome::Counted(counts.into())
    }

    #[test]
    fn a_count_is_full_at_its_most_and_begins_anew_when_its_time_is_up() {
        let (own, start) = (OwnCounts::new(), Instant::now());
        for count in 1..=3 {
            assert_eq!(own.take(&[counter(1, 3)], 1, start), counted([count]));
        }
        let end = start + WINDOW;
        for now in [start, end.checked_sub(Duration::from_millis(1)).unwrap()] {
            assert_eq!(own.take(&[counter(1, 3)], 1, now), Outcome::Full(0), "being refused makes it no longer");
        }
        assert_eq!(own.take(&[counter(1, 3)], 1, end), counted([1]));
    }

    #[test]
    fn a_look_counts_nothing() {
        let (own, now) = (OwnCounts::new(), Instant::now());
        let it = [counter(1, 1)];
        assert_eq!((own.take(&it, 0, now), own.take(&it, 0, now)), (counted([0]), counted([0])));
        own.take(&it, 1, now);
        assert_eq!(own.take(&it, 0, now), Outcome::Full(0));
    }

    #[test]
    fn of_several_all_are_counted_or_none() {
        let (own, now) = (OwnCounts::new(), Instant::now());
        let (narrow, wide) = (counter(1, 1), counter(2, 9));
        assert_eq!(own.take(&[wide, narrow], 1, now), counted([1, 1]));
        assert_eq!(own.take(&[wide, narrow], 1, now), Outcome::Full(1));
        assert_eq!(own.take(&[wide], 1, now), counted([2]));
    }

    #[test]
    fn what_is_given_back_or_forgotten_does_not_count() {
        let (own, now) = (OwnCounts::new(), Instant::now());
        let it = [counter(1, 2)];
        own.give_back(&it, now);
        assert_eq!((own.take(&it, 1, now), own.take(&it, 1, now)), (counted([1]), counted([2])));
        own.give_back(&it, now);
        assert_eq!((own.take(&it, 1, now), own.take(&it, 1, now)), (counted([2]), Outcome::Full(0)));
        own.forget(&it);
        assert_eq!(own.take(&it, 1, now), counted([1]));
    }

    #[test]
    fn the_counts_of_one_owner_begin_anew_together_and_no_others() {
        let (own, now) = (OwnCounts::new(), Instant::now());
        let dana = |key| Counter { owner: [9; 32], ..counter(key, 1) };
        let all = [dana(1), dana(2), counter(3, 1)];
        for one in all {
            own.take(&[one], 1, now);
        }
        own.begin_anew(&[9; 32]);
        assert_eq!(all.map(|one| own.take(&[one], 1, now)), [counted([1]), counted([1]), Outcome::Full(0)]);
    }

    #[test]
    fn what_all_have_counted_goes_over_what_this_one_has() {
        let (own, now) = (OwnCounts::new(), Instant::now());
        let it = [counter(1, 3), counter(2, 3)];
        own.learn(&it, &counted([2, 1]), now);
        assert_eq!(own.take(&it, 1, now), counted([3, 2]));
        own.learn(&it, &Outcome::Full(1), now);
        assert_eq!(own.take(&[counter(2, 3)], 1, now), Outcome::Full(0));
        own.learn(&it, &counted([1, 1]), now);
        assert_eq!(own.take(&it, 1, now), counted([2, 2]));
    }
}
