//! The queue under one wide key: each narrow key in it has its share of the line, and they are let in one after the
//! other.

use std::hash::Hash;

/// A waiting task, with the number that distinguishes it from the others of its key.
struct Waits<K, T> {
    number: u64,
    key: K,
    /// Round in which the task is let in: each task of a key stands in a round of its own.
    round: u64,
    what: T,
}

/// A line, in the order in which it is let in.
pub(super) struct Line<K, T> {
    pub(super) held: usize,
    waiting: Vec<Waits<K, T>>,
    /// Round that was let in last.
    round: u64,
}

impl<K: Eq + Hash + Clone, T> Line<K, T> {
    pub(super) fn new() -> Self {
        Self { held: 0, waiting: Vec::new(), round: 0 }
    }

    /// Returns the number of waiting tasks.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the number of waiting tasks of this key.
    pub(super) fn len_of(&self, key: &K) -> usize {
        self.waiting.iter().filter(|waits| waits.key == *key).count()
    }

    /// Returns `true` if the line neither holds a turn nor has waiting tasks.
    pub(super) fn is_over(&self) -> bool {
        self.held == 0 && self.waiting.is_empty()
    }

    /// Puts a task behind those of its key, and behind as many of every other key.
    pub(super) fn push(&mut self, number: u64, key: K, what: T) {
        let own = self.waiting.iter().filter(|waits| waits.key == key).map(|waits| waits.round).max();
        let round = own.map_or(self.round, |last| last + 1);
        let at = self.waiting.partition_point(|waits| waits.round <= round);
        self.waiting.insert(at, Waits { number, key, round, what });
    }

    /// Takes the next task out.
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.waiting.is_empty() {
            return None;
        }
        let next = self.waiting.remove(0);
        self.round = next.round;
        Some(next.what)
    }

    /// Takes out the last task of the key that has the most waiting, if more than `least` of that key remain.
    pub(super) fn give_way(&mut self, least: usize) -> bool {
        let is_long = |waits: &Waits<K, T>| self.len_of(&waits.key) > least + 1;
        self.waiting.last().is_some_and(is_long) && self.drop_last()
    }

    /// Takes the last task out, which is of the key that has the most waiting.
    pub(super) fn drop_last(&mut self) -> bool {
        self.waiting.pop().is_some()
    }

    /// Takes the task of this number out. Returns `true` if it was there.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waits| waits.number != number);
        self.waiting.len() < before
    }
}
