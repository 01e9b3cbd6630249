//! Turns at something that only a few can do together, shared by keys: by tenants, or by addresses.
//! One key never takes more than its share, no matter which others wait, and waiting tasks are let in
//! key by key in a round. The queue is bounded as well, as a whole and for each key, and so is the wait;
//! where it is full, the longest line gives way to a key that has fewer waiting.
//!
//! Where one party can have many keys, such as the networks of one site, a wide key stands for all of them: it has
//! the share of one key, twice as many tasks of it may wait, and its own keys are let in by turns when its turn comes.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::timeout;

mod line;
#[cfg(test)]
mod tests;

use line::Line;

/// The number of keys whose share of the queue one wide key has.
const WIDE: usize = 2;

/// The bounds of the turns and of their queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Maximum number of turns at the same time; at least one.
    pub together: usize,
    /// Maximum number of turns of one key at the same time; at least one.
    pub each: usize,
    /// Maximum number of waiting tasks, of all keys together.
    pub waiting: usize,
    /// Maximum number of waiting tasks of one key.
    pub waiting_each: usize,
    /// Maximum time that a task waits.
    pub patience: Duration,
}

/// Reasons for not getting a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// Too many tasks wait already, in all or of this key.
    #[error("too many wait for a turn")]
    Full,
    /// The wait was longer than the bound.
    #[error("no turn came in time")]
    Late,
}

/// Turns by key. Cheap to clone: all clones share the same turns.
pub struct Turns<K: Eq + Hash + Clone>(Arc<Shared<K>>);

struct Shared<K: Eq + Hash + Clone> {
    bounds: Bounds,
    /// Function that returns the wide key of a key.
    wide: fn(&K) -> K,
    queue: Mutex<Queue<K>>,
}

/// A turn, which lasts until it is dropped.
#[must_use = "a turn that is not held is over"]
pub struct Turn<K: Eq + Hash + Clone> {
    turns: Turns<K>,
    /// Wide key that the turn counts for.
    key: K,
}

struct Queue<K: Eq + Hash + Clone> {
    held: usize,
    waiting: usize,
    /// The number that distinguishes the next waiting task from the others of its key.
    next: u64,
    /// The wide keys that hold a turn or wait for one.
    lines: HashMap<K, Line<K, Sender<Turn<K>>>>,
    /// The wide keys that wait, in the order in which they are let in.
    round: VecDeque<K>,
}

/// A turn that was given at once, or a place in the queue.
enum Admission<K: Eq + Hash + Clone> {
    Now(Turn<K>),
    Later(Place<K>),
}

/// A place in the queue until it is dropped, so that a task that goes away does not stand in the way.
struct Place<K: Eq + Hash + Clone> {
    turns: Turns<K>,
    wide: K,
    number: u64,
    receiver: Receiver<Turn<K>>,
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// Makes turns of which none is taken.
    pub fn new(bounds: Bounds) -> Self {
        Self::shared_by(bounds, K::clone)
    }

    /// Returns turns of which none is taken, where all keys that have one wide key share its turns.
    pub fn shared_by(bounds: Bounds, wide: fn(&K) -> K) -> Self {
        let bounds = Bounds { together: bounds.together.max(1), each: bounds.each.max(1), ..bounds };
        let queue = Queue { held: 0, waiting: 0, next: 0, lines: HashMap::new(), round: VecDeque::new() };
        Self(Arc::new(Shared { bounds, wide, queue: Mutex::new(queue) }))
    }

    /// Returns the number of turns.
    pub fn together(&self) -> usize {
        self.0.bounds.together
    }

    /// Takes a turn of this key, once there is one.
    ///
    /// # Errors
    /// [`Crowded`] when too many wait already, or it takes too long.
    pub async fn take(&self, key: K) -> Result<Turn<K>, Crowded> {
        let mut place = match self.ask(key)? {
            Admission::Now(turn) => return Ok(turn),
            Admission::Later(place) => place,
        };
        match timeout(self.0.bounds.patience, &mut place.receiver).await {
            Ok(Ok(turn)) => Ok(turn),
            // A task of a shorter line has the place.
            Ok(Err(_)) => Err(Crowded::Full),
            Err(_) => Err(Crowded::Late),
        }
    }

    /// Returns the number of turns taken, and of tasks that wait for one.
    pub fn count(&self) -> (usize, usize) {
        let queue = self.queue();
        (queue.held, queue.waiting)
    }

    fn ask(&self, key: K) -> Result<Admission<K>, Crowded> {
        let (bounds, wide) = (&self.0.bounds, (self.0.wide)(&key));
        let mut queue = self.queue();
        let queue = &mut *queue;
        let number = queue.next;
        queue.next += 1;
        let line = queue.lines.entry(wide.clone()).or_insert_with(Line::new);
        // While a turn is free, those that wait are of keys that have their share.
        if queue.held < bounds.together && line.held < bounds.each {
            queue.held += 1;
            line.held += 1;
            return Ok(Admission::Now(Turn { turns: self.clone(), key: wide }));
        }
        let (own, all) = (line.len_of(&key), line.len());
        if !queue.has_room(bounds, &wide, own, all) {
            queue.forget(&wide);
            return Err(Crowded::Full);
        }
        let (sender, receiver) = channel();
        queue.waiting += 1;
        if let Entry::Occupied(mut line) = queue.lines.entry(wide.clone()) {
            line.get_mut().push(number, key, sender);
        }
        if all == 0 {
            queue.round.push_back(wide.clone());
        }
        Ok(Admission::Later(Place { turns: self.clone(), wide, number, receiver }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue<K>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Queue<K> {
    /// Makes room for one more waiting task, of a key of which `own` wait already, and of a wide key of which `all`
    /// wait. Returns `false` if there is no room.
    fn has_room(&mut self, bounds: &Bounds, wide: &K, own: usize, all: usize) -> bool {
        if own >= bounds.waiting_each {
            return false;
        }
        if all >= bounds.waiting_each.saturating_mul(WIDE) {
            // The longest of its own keys gives way to it.
            let gone = self.lines.get_mut(wide).is_some_and(|line| line.give_way(own));
            self.waiting -= usize::from(gone);
            return gone;
        }
        self.waiting < bounds.waiting || self.give_way(all)
    }

    /// Takes the next task that can have a turn out of the queue: of the key that has waited longest among those with
    /// less than their share. The turn counts as taken from here on.
    fn admit(&mut self, bounds: &Bounds) -> Option<(K, Sender<Turn<K>>)> {
        if self.held >= bounds.together {
            return None;
        }
        let has_room = |key: &K| self.lines.get(key).is_some_and(|line| line.held < bounds.each);
        let at = self.round.iter().position(has_room)?;
        let key = self.round.remove(at)?;
        let line = self.lines.get_mut(&key)?;
        let sender = line.pop()?;
        line.held += 1;
        let others_wait = line.len() > 0;
        self.held += 1;
        self.waiting -= 1;
        if others_wait {
            self.round.push_back(key.clone());
        }
        Some((key, sender))
    }

    /// Sends the last task of the longest line away, if that line then is still longer than `waiting` and one more. It
    /// looks at all keys, and only when the queue is full: no crowd of one key keeps others out.
    fn give_way(&mut self, waiting: usize) -> bool {
        let longest = self.lines.values_mut().max_by_key(|line| line.len());
        let Some(line) = longest.filter(|line| line.len() > waiting + 1) else { return false };
        let gone = line.drop_last();
        self.waiting -= usize::from(gone);
        gone
    }

    fn give_back(&mut self, key: &K) {
        self.held -= 1;
        if let Some(line) = self.lines.get_mut(key) {
            line.held -= 1;
        }
        self.forget(key);
    }

    fn leave(&mut self, key: &K, number: u64) {
        let Some(line) = self.lines.get_mut(key) else { return };
        if !line.leave(number) {
            return;
        }
        if line.len() == 0 {
            self.round.retain(|other| other != key);
        }
        self.waiting -= 1;
        self.forget(key);
    }

    /// Removes a key that neither holds a turn nor waits for one.
    fn forget(&mut self, key: &K) {
        if self.lines.get(key).is_some_and(Line::is_over) {
            self.lines.remove(key);
        }
    }
}

impl<K: Eq + Hash + Clone> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        let next = {
            let mut queue = self.turns.queue();
            queue.give_back(&self.key);
            queue.admit(&self.turns.0.bounds)
        };
        if let Some((key, sender)) = next {
            // A task that has gone away meanwhile passes the turn on by dropping it.
            drop(sender.send(Turn { turns: self.turns.clone(), key }));
        }
    }
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        self.turns.queue().leave(&self.wide, self.number);
    }
}

impl<K: Eq + Hash + Clone> fmt::Debug for Turns<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (held, waiting) = self.count();
        f.debug_struct("Turns").field("held", &held).field("waiting", &waiting).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone + fmt::Debug> fmt::Debug for Turn<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("key", &self.key).finish_non_exhaustive()
    }
}
