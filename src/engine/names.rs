//! Interned names: each text stands once, one after the other in a single string, and is spoken
//! of by its number. A map of owned strings would take four times the memory, and a snapshot
//! may hold millions.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use ahash::RandomState;

/// A slot of the hash table that holds nothing.
const EMPTY: u32 = u32::MAX;

/// The number of the `n`th thing of a snapshot.
///
/// INVARIANT: a snapshot holds fewer than 2³² things of a kind; memory ends long before.
pub(super) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(EMPTY)
}

/// Names by number and numbers by name. Numbers follow the order in which the names were given.
pub(super) struct Names {
    text: String,
    /// Where each name starts in `text`, and its end after the last.
    starts: Vec<usize>,
    /// Open addressing with linear probing, at most half full, so that a probe always ends.
    slots: Vec<Slot>,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Slot {
    /// The upper half of the name's hash: spares most look-ups of other names' text.
    tag: u32,
    number: u32,
}

impl Names {
    /// Interns distinct names. Each is given in two pieces, `("user:", "dana")`, and is found by
    /// the same two, so that a look-up never has to join them.
    pub(super) fn new<'n>(names: impl IntoIterator<Item = (&'n str, &'n str)>) -> Self {
        let names = names.into_iter();
        let hasher = RandomState::new();
        let (mut text, mut starts, mut keys) = (String::new(), vec![0], Vec::with_capacity(names.size_hint().0));
        for (head, tail) in names {
            text.push_str(head);
            text.push_str(tail);
            starts.push(text.len());
            keys.push(hash(&hasher, head, tail));
        }
        text.shrink_to_fit();
        starts.shrink_to_fit();
        let free = Slot { tag: 0, number: EMPTY };
        let mut names = Self { text, starts, slots: vec![free; (keys.len() * 2).next_power_of_two()], hasher };
        for (n, hash) in keys.into_iter().enumerate() {
            names.put(number(n), hash);
        }
        names
    }

    fn put(&mut self, number: u32, hash: u64) {
        let (mut at, tag) = self.place(hash);
        while self.slots.get(at).is_some_and(|slot| slot.number != EMPTY) {
            at = self.after(at);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { tag, number };
        }
    }

    /// The number of the name `head` + `tail`, divided as it was when it was interned.
    #[inline]
    pub(super) fn find(&self, head: &str, tail: &str) -> Option<u32> {
        let (mut at, tag) = self.place(hash(&self.hasher, head, tail));
        loop {
            let slot = self.slots.get(at)?;
            if slot.number == EMPTY {
                return None;
            }
            if slot.tag == tag && same(self.bytes(slot.number)?, head, tail) {
                return Some(slot.number);
            }
            at = self.after(at);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits choose the slot, the high ones are the tag")]
    fn place(&self, hash: u64) -> (usize, u32) {
        (hash as usize & (self.slots.len() - 1), (hash >> 32) as u32)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// The name of this number.
    pub(super) fn text(&self, number: u32) -> Option<&str> {
        self.text.get(self.range(number)?)
    }

    /// The name's bytes: to compare them needs no look at where characters begin.
    fn bytes(&self, number: u32) -> Option<&[u8]> {
        self.text.as_bytes().get(self.range(number)?)
    }

    fn range(&self, number: u32) -> Option<Range<usize>> {
        let at = number as usize;
        Some(*self.starts.get(at)?..*self.starts.get(at + 1)?)
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The first number whose name is not `before`. The names must be partitioned by it.
    pub(super) fn partition_point(&self, before: impl Fn(&str) -> bool) -> u32 {
        let (mut low, mut high) = (0, number(self.len()));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.text(middle).is_some_and(&before) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

#[inline]
fn hash(hasher: &RandomState, head: &str, tail: &str) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(head.as_bytes());
    if !tail.is_empty() {
        hasher.write(tail.as_bytes());
    }
    hasher.finish()
}

/// Whether `name` is `head` + `tail`. An empty tail is never compared as bytes: its address may
/// be a dangling one, and the C library's comparison, though right, then takes a slow path.
fn same(name: &[u8], head: &str, tail: &str) -> bool {
    let rest = name.strip_prefix(head.as_bytes());
    rest.is_some_and(|rest| rest.len() == tail.len() && (tail.is_empty() || rest == tail.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_pieces_and_read_whole() {
        let keys: Vec<String> = (0..1_000).map(|n| format!("k{n:03}")).collect();
        let names = Names::new(keys.iter().map(|key| ("user:", key.as_str())));
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
        let names = Names::new([]);
        assert_eq!((names.find("", ""), names.len(), names.partition_point(|_| true)), (None, 0, 0));
    }
}
