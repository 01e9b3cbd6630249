//! Counts that begin anew after a while, such as those of wrong passwords. Instances that share a Redis share the
//! counts; while it is away, or slow, each counts for itself.
//!
//! Time is the machine's monotonic time, or Redis's: setting a clock forgives nothing.

mod own;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::Cmd;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Bus, RedisBus};
use own::OwnCounts;

/// Maximum time that a count waits for Redis.
const REDIS_TIMEOUT: Duration = Duration::from_millis(100);
/// Time for which Redis is not asked after it has failed or was slow.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Time for which Redis remembers that counts were begun anew: longer than any of them is kept.
const EPOCH_KEPT: Duration = Duration::from_hours(48);

/// Prefix of the keys of counts in Redis.
const COUNT: &[u8] = b"bailiwick:count:";
/// Prefix of the keys of epochs in Redis.
const EPOCH: &[u8] = b"bailiwick:epoch:";

/// A script that counts all or nothing. KEYS: for each, the count and its epoch; ARGV: for each, the maximum and the
/// time; and at the end the number to add to each, which can be zero.
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
/// A script that takes one off each count. KEYS as above.
const GIVE_BACK: &str = "
for i = 1, #KEYS, 2 do
  local key = KEYS[i] .. (redis.call('GET', KEYS[i + 1]) or '')
  if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return {}";
/// A script that forgets the counts. KEYS as above.
const FORGET: &str = "
for i = 1, #KEYS, 2 do redis.call('DEL', KEYS[i] .. (redis.call('GET', KEYS[i + 1]) or '')) end
return {}";

/// The digest of a name, so that a name of any length takes the same memory, and no name can be read in Redis.
pub type Digest = [u8; 32];

/// One count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The name of what is counted.
    pub key: Digest,
    /// The name of the count's owner; see [`Tallies::begin_anew`].
    pub owner: Digest,
    /// The count at which it is full.
    pub max: u32,
    /// Time after the first thing counted at which the count begins anew.
    pub window: Duration,
}

/// The outcome of counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// None is full: the counts by now, in their order.
    Counted(Vec<u32>),
    /// The counter at this position is full, so that none was counted.
    Full(usize),
}

/// The counts of an instance, and those that it shares.
pub struct Tallies {
    own: OwnCounts,
    shared: Option<Shared>,
}

impl Tallies {
    /// Makes counts that are all zero. Instances on the same bus share them, if it goes over Redis.
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

    /// Returns the counts so far, or the one that is full. Nothing is counted.
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

    /// Begins all counts of this owner anew, whatever they count.
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

/// Reads the answer of [`TAKE`]; `None` if it is malformed.
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

/// The Redis that instances share, with a bound on the wait for it.
struct Shared {
    redis: RedisBus,
    rests_until: Mutex<Option<Instant>>,
    is_away: AtomicBool,
}

impl Shared {
    fn new(redis: RedisBus) -> Self {
        Self { redis, rests_until: Mutex::default(), is_away: AtomicBool::new(false) }
    }

    /// Runs a command and returns its answer; `None` if there is none in time.
    async fn run(&self, command: Cmd) -> Option<Vec<i64>> {
        if self.rest().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let redis = self.redis.clone();
        // In a task of its own, so that a connection that takes longer is there for the next command.
        let answer = tokio::spawn(async move { redis.run::<Vec<i64>>(&command).await });
        let fault = match timeout(REDIS_TIMEOUT, answer).await {
            Ok(Ok(Ok(answer))) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("wrong passwords are counted by all instances together again");
                }
                return Some(answer);
            }
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_)) | Err(_) => format!("it did not answer within {} ms", REDIS_TIMEOUT.as_millis()),
        };
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + RETRY_AFTER);
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
