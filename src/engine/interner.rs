//! Interned names: each text is stored once, one after the other in a single string, and is referred to by its number.
//! A map of owned strings would take four times the memory, and a snapshot can hold millions.
//!
//! Names are only ever added: a number means the same in a snapshot and in all that are made from it. So new names
//! stand in levels of their own, and the large first one is shared.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::sync::Arc;

use ahash::RandomState;

/// A slot of a hash table that holds nothing.
const EMPTY: u32 = u32::MAX;
/// Minimum factor by which a level is longer than the next. Each name is copied about this often in each level that it
/// passes through, and a look-up asks each level.
const STEP: usize = 32;

/// Returns the number of the `n`th thing of a snapshot.
///
/// INVARIANT: a snapshot holds fewer than 2³² things of a kind; memory ends long before.
pub(super) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(EMPTY)
}

/// Names by number and numbers by name. Numbers follow the order in which the names were given.
#[derive(Clone, Default)]
pub(super) struct Names {
    levels: Vec<Arc<Level>>,
    /// The numbers below this one follow the order of their names.
    ordered: u32,
    hasher: RandomState,
}

impl Names {
    /// Returns these names with others, which are distinct and new. Each is given in two pieces, `("user:", "dana")`,
    /// and is found by the same two, so that a look-up never has to join them. The very first names must come in their
    /// order.
    pub(super) fn with<'n>(&self, names: impl IntoIterator<Item = (&'n str, &'n str)>) -> Self {
        let level = Level::new(number(self.len()), &self.hasher, names);
        let mut next = self.clone();
        if level.len() > 0 {
            next.push(level);
        }
        if self.levels.is_empty() {
            next.ordered = number(next.len());
        }
        next
    }

    /// Adds a level, and joins those that are no longer much shorter than the one before.
    fn push(&mut self, mut level: Level) {
        while let Some(before) = self.levels.pop_if(|before| before.len() <= level.len() * STEP) {
            level = before.join(&level);
        }
        self.levels.push(Arc::new(level));
    }

    /// Returns the number of the name `head` + `tail`, divided as it was when it was interned.
    #[inline]
    pub(super) fn find(&self, head: &str, tail: &str) -> Option<u32> {
        let tag = hash(&self.hasher, head, tail);
        self.levels.iter().find_map(|level| level.find(tag, head, tail))
    }

    /// Returns the name of this number.
    pub(super) fn text(&self, number: u32) -> Option<&str> {
        self.levels.iter().find_map(|level| level.text(number))
    }

    /// Returns the number of names.
    pub(super) fn len(&self) -> usize {
        self.levels.last().map_or(0, |level| level.first as usize + level.len())
    }

    /// Returns the numbers of the names that came late and are in no order.
    pub(super) fn late(&self) -> Range<u32> {
        self.ordered..number(self.len())
    }

    /// Compares two numbers by their names, which `key` orders.
    #[inline]
    pub(super) fn order<'n, K: Ord>(&'n self, a: u32, b: u32, key: impl Fn(&'n str) -> K) -> Ordering {
        if a == b || a.max(b) < self.ordered {
            return a.cmp(&b);
        }
        self.text(a).map(&key).cmp(&self.text(b).map(&key))
    }

    /// Returns a test for numbers whose name starts with `prefix`. The order must be that of texts.
    pub(super) fn below<'n>(&'n self, prefix: &'n str) -> impl Fn(u32) -> bool + 'n {
        let first = self.partition_point(|name| name < prefix);
        // Names that start alike stand together.
        let end = self.partition_point(|name| name < prefix || name.starts_with(prefix));
        move |number| {
            let ordered = number < self.ordered;
            (ordered && (first..end).contains(&number))
                || (!ordered && self.text(number).is_some_and(|name| name.starts_with(prefix)))
        }
    }

    /// Returns the first of the ordered numbers whose name is not `before`.
    pub(super) fn partition_point(&self, before: impl Fn(&str) -> bool) -> u32 {
        let (mut low, mut high) = (0, self.ordered);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.text(middle).is_some_and(&before) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// Names whose numbers follow each other.
struct Level {
    /// The number of the level's first name.
    first: u32,
    text: String,
    /// The place in `text` at which each name starts, and after the last its end.
    starts: Vec<usize>,
    /// Open addressing with linear probing, at most half full, so that a probe always ends.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    /// The name's hash. It chooses the slot, and spares most look-ups of other names' text.
    tag: u32,
    number: u32,
}

impl Level {
    fn new<'n>(first: u32, hasher: &RandomState, names: impl IntoIterator<Item = (&'n str, &'n str)>) -> Self {
        let (mut text, mut starts, mut taken) = (String::new(), vec![0], Vec::new());
        for (number, (head, tail)) in (first..).zip(names) {
            text.push_str(head);
            text.push_str(tail);
            starts.push(text.len());
            taken.push(Slot { tag: hash(hasher, head, tail), number });
        }
        text.shrink_to_fit();
        starts.shrink_to_fit();
        Self { first, text, starts, slots: slots(taken.len(), taken) }
    }

    /// Joins this level and the one after it.
    fn join(&self, next: &Self) -> Self {
        let starts = next.starts.iter().skip(1).map(|start| self.text.len() + start);
        let taken = self.slots.iter().chain(&next.slots).filter(|slot| slot.number != EMPTY);
        Self {
            first: self.first,
            text: [self.text.as_str(), &next.text].concat(),
            starts: self.starts.iter().copied().chain(starts).collect(),
            slots: slots(self.len() + next.len(), taken.copied()),
        }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    #[inline]
    fn find(&self, tag: u32, head: &str, tail: &str) -> Option<u32> {
        let mut at = tag as usize;
        loop {
            let slot = self.slots.get(at & (self.slots.len() - 1))?;
            if slot.number == EMPTY {
                return None;
            }
            // To compare bytes needs no look at where characters begin.
            if slot.tag == tag && same(self.text.as_bytes().get(self.range(slot.number)?)?, head, tail) {
                return Some(slot.number);
            }
            at += 1;
        }
    }

    fn text(&self, number: u32) -> Option<&str> {
        self.text.get(self.range(number)?)
    }

    #[inline]
    fn range(&self, number: u32) -> Option<Range<usize>> {
        let at = number.checked_sub(self.first)? as usize;
        Some(*self.starts.get(at)?..*self.starts.get(at + 1)?)
    }
}

/// Builds a hash table for `len` names.
fn slots(len: usize, taken: impl IntoIterator<Item = Slot>) -> Vec<Slot> {
    let mut slots = vec![Slot { tag: 0, number: EMPTY }; (len * 2).next_power_of_two()];
    let mask = slots.len() - 1;
    for slot in taken {
        let mut at = slot.tag as usize & mask;
        while slots.get(at).is_some_and(|slot| slot.number != EMPTY) {
            at = (at + 1) & mask;
        }
        if let Some(free) = slots.get_mut(at) {
            *free = slot;
        }
    }
    slots
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "half of the bits tell names apart well enough")]
fn hash(hasher: &RandomState, head: &str, tail: &str) -> u32 {
    let mut hasher = hasher.build_hasher();
    hasher.write(head.as_bytes());
    if !tail.is_empty() {
        hasher.write(tail.as_bytes());
    }
    hasher.finish() as u32
}

/// Returns whether `name` is `head` + `tail`. An empty tail is never compared as bytes: its address can be a dangling
/// one, and the C library's comparison, though right, then takes a slow path.
fn same(name: &[u8], head: &str, tail: &str) -> bool {
    let rest = name.strip_prefix(head.as_bytes());
    rest.is_some_and(|rest| rest.len() == tail.len() && (tail.is_empty() || rest == tail.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(keys: &[String]) -> impl Iterator<Item = (&str, &str)> {
        keys.iter().map(|key| ("user:", key.as_str()))
    }

    #[test]
    fn a_name_is_found_by_its_pieces_and_read_whole() {
        let keys: Vec<String> = (0..1_000).map(|n| format!("k{n:03}")).collect();
        let names = Names::default().with(users(&keys));
        for (n, key) in keys.iter().enumerate() {
            let number = names.find("user:", key).unwrap();
            assert_eq!(number as usize, n);
            assert_eq!(names.text(number), Some(format!("user:{key}").as_str()));
        }
        assert_eq!(names.find("role:", "k001"), None);
        assert_eq!(names.find("user:", "k1000"), None);
        assert_eq!(names.text(1_000), None);
        assert_eq!(names.partition_point(|name| name < "user:k5"), 500);
    }

    #[test]
    fn no_names_is_fine() {
        let names = Names::default().with([]);
        assert_eq!((names.find("", ""), names.len(), names.partition_point(|_| true)), (None, 0, 0));
    }

    #[test]
    fn names_keep_their_numbers_while_others_come() {
        let keys: Vec<String> = (0..3_000).map(|n| format!("k{}", n * 7_919 % 3_000)).collect();
        let mut names = Names::default().with([]);
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(names.find("user:", key), None);
            names = names.with(users(std::slice::from_ref(key)));
            assert_eq!((names.find("user:", key), names.len()), (Some(number(n)), n + 1));
        }
        assert!(names.levels.len() <= 4, "{} levels", names.levels.len());
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(names.find("user:", key), Some(number(n)));
            assert_eq!(names.text(number(n)), Some(format!("user:{key}").as_str()));
        }
        assert_eq!(names.text(3_000), None);
    }

    #[test]
    fn order_and_prefixes_hold_whenever_a_name_came() {
        let mut names = Names::default().with([("a/", "*"), ("a/b", ""), ("b", ""), ("c", "")]);
        for late in ["a/a", "a", "bb"] {
            names = names.with([(late, "")]);
        }
        let mut numbers: Vec<u32> = (0..7).collect();
        numbers.sort_unstable_by(|a, b| names.order(*a, *b, |name| name));
        assert!(numbers.iter().map(|number| names.text(*number).unwrap()).is_sorted());
        let below = names.below("a/");
        let found: Vec<&str> = numbers.into_iter().filter(|n| below(*n)).filter_map(|n| names.text(n)).collect();
        assert_eq!(found, ["a/*", "a/a", "a/b"]);
    }

    #[test]
    fn more_names_leave_a_long_first_level_shared() {
        let keys: Vec<String> = (0..100).map(|n| format!("k{n:02}")).collect();
        let one = Names::default().with(users(&keys));
        let other = one.with([("role:", "admin")]);
        assert!(Arc::ptr_eq(&one.levels[0], &other.levels[0]));
    }
}
