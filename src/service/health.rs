//! What an instance knows of how it fares: whether changes can be made, whether its clock is right, and
//! what it holds in memory, as a digest.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

use super::Platform;
use super::tenants::Memory;
use crate::error::{Error, Result};

/// For how long what was found by trying a change is told again: each is a commit.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// For how long anyone waits for a look at the database. One that takes longer goes on by itself.
const LOOK_MAX: Duration = Duration::from_millis(300);
/// For how long a digest is told again: each goes through the rules that have changed since.
const DIGEST_EVERY: Duration = Duration::from_secs(5);

/// What was found last.
pub(super) struct Health {
    /// By what the database knows this instance.
    instance: Uuid,
    clock_look: Arc<Look>,
    change_look: Arc<Look>,
    digested: Mutex<Option<(Instant, Memory)>>,
    clock: ClockWatch,
}

/// What a look at the database has found: one looks at a time, and nobody waits for it for long.
#[derive(Default)]
struct Look {
    turn: Arc<Mutex<()>>,
    found: std::sync::Mutex<Option<Found>>,
}

/// What a look has found, and when.
#[derive(Debug, Clone)]
pub struct Found {
    at: Instant,
    /// What came of it.
    pub outcome: Result<()>,
}

impl Found {
    /// Returns how long ago it was found.
    pub fn age(&self) -> Duration {
        self.at.elapsed()
    }
}

impl Look {
    fn found(&self) -> Option<Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks, and gives what was found: just now, or last where that takes longer than anyone waits. What was
    /// found within `every` is told again.
    async fn tell(self: &Arc<Self>, every: Duration, look: impl Future<Output = Result<()>> + Send + 'static) -> Found {
        let is_fresh = |found: &Found| found.age() < every;
        if let Some(found) = self.found().filter(is_fresh) {
            return found;
        }
        if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
            let me = Arc::clone(self);
            // Of its own, so that it comes to its end though nobody waits any more.
            let looking = tokio::spawn(async move {
                let outcome = look.await;
                *me.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Found { at: Instant::now(), outcome });
                drop(turn);
            });
            // However it ended: what was found tells.
            drop(timeout(LOOK_MAX, looking).await);
        } else {
            drop(timeout(LOOK_MAX, self.turn.lock()).await);
        }
        let unknown =
            || Found { at: Instant::now(), outcome: Err(Error::unavailable("the database has not answered yet")) };
        self.found().unwrap_or_else(unknown)
    }
}

/// How far the instance's clock is from the database's.
struct ClockWatch {
    most: Duration,
    /// In microseconds; ahead above zero.
    off: AtomicI64,
    is_off: AtomicBool,
}

impl Health {
    pub(super) fn new(clock_skew_max: Duration) -> Self {
        let clock = ClockWatch { most: clock_skew_max, off: AtomicI64::new(0), is_off: AtomicBool::new(false) };
        Self {
            instance: Uuid::now_v7(),
            clock_look: Arc::default(),
            change_look: Arc::default(),
            digested: Mutex::default(),
            clock,
        }
    }
}

impl Platform {
    /// Tries whether changes can be made: by one that nobody sees, or as it was found a moment ago.
    pub async fn try_change(&self) -> Found {
        let platform = self.clone();
        let look = async move {
            let now = platform.store.now().await?;
            platform.store.probe(platform.health.instance, now).await
        };
        self.health.change_look.tell(PROBE_EVERY, look).await
    }

    /// Asks the database whether it is there, by comparing the clock with its own.
    pub async fn try_database(&self) -> Found {
        let platform = self.clone();
        self.health.clock_look.tell(Duration::ZERO, async move { platform.compare_clock().await }).await
    }

    /// Compares the clock with the database's, and says so in the log when it begins or ceases to be off.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the database does not answer; what was found last stays.
    pub async fn compare_clock(&self) -> Result<()> {
        let (began, ours) = (Instant::now(), self.now());
        let theirs = self.store.now().await?;
        // The database has looked at its clock somewhere on the way.
        let way = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let (least, most) = (ours.0.saturating_sub(theirs.0), ours.0.saturating_add(way).saturating_sub(theirs.0));
        let off = if least > 0 { least } else { most.min(0) };
        let clock = &self.health.clock;
        clock.off.store(off, Ordering::Relaxed);
        let is_off = u128::from(off.unsigned_abs()) > clock.most.as_micros();
        match (clock.is_off.swap(is_off, Ordering::Relaxed), is_off) {
            (false, true) => tracing::error!(
                seconds = off / 1_000_000,
                "this machine's clock is not the database's: the instance is not ready until it is set right"
            ),
            (true, false) => tracing::info!("this machine's clock is the database's again"),
            _ => {}
        }
        Ok(())
    }

    /// Returns whether the clock was right when it was last compared, and by how many seconds it was off;
    /// ahead above zero.
    pub fn clock(&self) -> (bool, i64) {
        let clock = &self.health.clock;
        (!clock.is_off.load(Ordering::Relaxed), clock.off.load(Ordering::Relaxed) / 1_000_000)
    }

    /// Returns what is in memory, as a digest of now or of a moment ago.
    pub async fn memory(&self) -> Result<Memory> {
        let mut digested = self.health.digested.lock().await;
        if let Some((at, memory)) = digested.as_ref()
            && at.elapsed() < DIGEST_EVERY
        {
            return Ok(memory.clone());
        }
        let memory = self.tenants.memory().await?;
        *digested = Some((Instant::now(), memory.clone()));
        Ok(memory)
    }
}
