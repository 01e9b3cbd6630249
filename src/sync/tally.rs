//! Counts that begin anew after a while, such as those of wrong passwords. Where instances share a
//! Redis they share the counts; while it is away, or slow, each counts for itself.
//!
//! Time is the monotonic one of the machine, or Redis's: no clock that is set forgives anything.

mod own;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::Cmd;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Bus, RedisBus};
use own::OwnCounts;

/// The longest that a count waits for Redis.
const PATIENCE: Duration = Duration::from_millis(100);
/// The time in which nobody asks Redis after it has failed or was slow.
const REST: Duration = Duration::from_secs(1);
/// The time for which Redis remembers that counts were begun anew: longer than any of them is kept.
const EPOCH_KEPT: Duration = Duration::from_hours(48);

/// The beginning of the keys of counts in Redis.
const COUNT: &[u8] = b"bailiwick:count:";
/// The beginning of the keys of epochs.
const EPOCH: &[u8] = b"bailiwick:epoch:";

/// Counts all or nothing. KEYS: for each, the count and its epoch; ARGV: for each, the most and the
/// time; and at the end how many to count of each, which may be none.
const TAKE: &str = "
local by, keys, counts = tonumber(ARGV[#ARGV]), {}, {}
for i = 1, #KEYS, 2 do
  local key = KEYS[i] .. (redis.call('GET', KEYS[i + 1]) or '')
  local count = tonumber(redis.call('GET', key) or '0')
  if count >= tonumber(ARGV[i]) then return {-1, (i - 1) / 2} end
  keys[#keys + 1], counts[#counts + 1] = key, count + by
end
for i, key in ipairs(keys) do
  if by > 0 and counts[i] == by then redis.call('SET', key, by, 'PX', ARGV[2 * i])
  elseif by > 0 then redis.call('INCRBY', key, by) end
end
return counts";
/// Takes one off each count. KEYS as above.
const GIVE_BACK: &str = "
for i = 1, #KEYS, 2 do
  local key = KEYS[i] .. (redis.call('GET', KEYS[i + 1]) or '')
  if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return {}";
/// Forgets the counts. KEYS as above.
const FORGET: &str = "
for i = 1, #KEYS, 2 do redis.call('DEL', KEYS[i] .. (redis.call('GET', KEYS[i + 1]) or '')) end
return {}";

/// A name of what is counted: a digest, so that a name of any length takes the same memory, and
/// none stands in Redis.
pub type Digest = [u8; 32];

/// One count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The name of what is counted.
    pub key: Digest,
    /// The name of whose count it is; see [`Tallies::begin_anew`].
    pub owner: Digest,
    /// The most that are counted.
    pub max: u32,
    /// The time after the first of them at which the count begins anew.
    pub window: Duration,
}

/// The outcome of counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// None is full: how many each has by now, in their order.
    Counted(Vec<u32>),
    /// The one at this place is full, so that none was counted.
    Full(usize),
}

/// The counts of an instance, and those that it shares.
pub struct Tallies {
    own: OwnCounts,
    shared: Option<Shared>,
}

impl Tallies {
    /// Makes counts that are all nothing yet. They are shared with whoever shares the bus, if it goes over Redis.
    pub fn new(bus: &Bus) -> Self {
        let shared = match bus {
            Bus::Memory(_) => None,
            Bus::Redis(redis) => Some(Shared::new(redis.clone())),
        };
        Self { own: OwnCounts::new(), shared }
    }

    /// Counts one more for each, or for none when one of them is full.
    pub async fn take(&self, counters: &[Counter]) -> Outcome {
        self.step(counters, 1).await
    }

    /// Looks how far they have come, or whether one of them is full. Nothing is counted.
    pub async fn look(&self, counters: &[Counter]) -> Outcome {
        self.step(counters, 0).await
    }

    async fn step(&self, counters: &[Counter], by: u32) -> Outcome {
        let answer = match &self.shared {
            Some(shared) => shared.run(take(counters, by)).await,
            None => None,
        };
        match answer.and_then(|answer| read(&answer, counters.len())) {
            Some(outcome) => {
                self.own.learn(counters, &outcome, Instant::now());
                outcome
            }
            None => self.own.take(counters, by, Instant::now()),
        }
    }

    /// Counts one less for each.
    pub async fn give_back(&self, counters: &[Counter]) {
        self.own.give_back(counters, Instant::now());
        self.tell(|| command(GIVE_BACK, counters)).await;
    }

    /// Forgets the counts.
    pub async fn forget(&self, counters: &[Counter]) {
        self.own.forget(counters);
        self.tell(|| command(FORGET, counters)).await;
    }

    /// Begins all counts of this owner anew, whatever they are of.
    pub async fn begin_anew(&self, owner: &Digest) {
        self.own.begin_anew(owner);
        self.tell(|| {
            let mut command = redis::cmd("SET");
            let epoch = Uuid::new_v4();
            command.arg([EPOCH, owner].concat()).arg(epoch.as_bytes().as_slice());
            command.arg("PX").arg(milliseconds(EPOCH_KEPT));
            command
        })
        .await;
    }

    async fn tell(&self, command: impl FnOnce() -> Cmd) {
        if let Some(shared) = &self.shared {
            let _ = shared.run(command()).await;
        }
    }
}

fn take(counters: &[Counter], by: u32) -> Cmd {
    let mut command = command(TAKE, counters);
    for counter in counters {
        command.arg(counter.max).arg(milliseconds(counter.window));
    }
    command.arg(by);
    command
}

fn command(script: &str, counters: &[Counter]) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(script).arg(counters.len() * 2);
    for counter in counters {
        command.arg([COUNT, &counter.key].concat()).arg([EPOCH, &counter.owner].concat());
    }
    command
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the answer of [`TAKE`]; `None` when it is none.
fn read(answer: &[i64], counters: usize) -> Option<Outcome> {
    match answer {
        [-1, full] => usize::try_from(*full).ok().filter(|full| *full < counters).map(Outcome::Full),
        counts if counts.len() == counters => {
            let counts: Result<_, _> = counts.iter().map(|count| u32::try_from(*count)).collect();
            counts.ok().map(Outcome::Counted)
        }
        _ => None,
    }
}

/// The Redis that instances share, which nobody waits for.
struct Shared {
    redis: RedisBus,
    rests_until: Mutex<Option<Instant>>,
    is_away: AtomicBool,
}

impl Shared {
    fn new(redis: RedisBus) -> Self {
        Self { redis, rests_until: Mutex::default(), is_away: AtomicBool::new(false) }
    }

    /// Gives the answer to a command; `None` when there is none in time.
    async fn run(&self, command: Cmd) -> Option<Vec<i64>> {
        if self.rest().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let redis = self.redis.clone();
        // In a task of its own, so that a connection that takes longer is there for the next one.
        let answer = tokio::spawn(async move { redis.run::<Vec<i64>>(&command).await });
        let fault = match timeout(PATIENCE, answer).await {
            Ok(Ok(Ok(answer))) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("wrong passwords are counted by all instances together again");
                }
                return Some(answer);
            }
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_)) | Err(_) => format!("it did not answer within {} ms", PATIENCE.as_millis()),
        };
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(fault, "redis is away or slow: this instance counts wrong passwords for itself");
        }
        None
    }

    fn rest(&self) -> Option<Instant> {
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_is_not_believed() {
        assert_eq!(read(&[3, 1], 2), Some(Outcome::Counted(vec![3, 1])));
        assert_eq!(read(&[-1, 1], 2), Some(Outcome::Full(1)));
        for wrong in [&[][..], &[1], &[-1, 2], &[-1, -1], &[1, 2, 3], &[i64::MAX, 1]] {
            assert_eq!(read(wrong, 2), None, "{wrong:?}");
        }
    }
}
