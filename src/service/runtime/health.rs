//! Health of an instance: that it can make changes, that its clock is right, and a digest of what it holds in memory.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::Platform;
use crate::service::runtime::policy_cache::Memory;

/// Time for which the result of a trial change is reused: each trial is a commit.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Longest time that a caller waits for the database. A check that takes longer goes on in the background.
const LOOK_MAX: Duration = Duration::from_millis(300);
/// Time for which a digest is reused: each goes through the rules that have changed since the last.
const DIGEST_EVERY: Duration = Duration::from_secs(5);

/// Latest results of the health checks of an instance.
pub(in crate::service) struct Health {
    /// Id by which the database knows this instance.
    instance: Uuid,
    clock_look: Arc<Look>,
    change_look: Arc<Look>,
    digested: Mutex<Option<(Instant, Memory)>>,
    clock: ClockWatch,
}

/// Latest result of a check of the database. One check runs at a time, and no caller waits for it for long.
#[derive(Default)]
struct Look {
    turn: Arc<Mutex<()>>,
    found: std::sync::Mutex<Option<ProbeResult>>,
}

/// Result of a check, and when it was made.
#[derive(Debug, Clone)]
pub struct ProbeResult {
    at: Instant,
    /// Outcome of the check.
    pub outcome: Result<()>,
}

impl ProbeResult {
    /// Returns the age of the result.
    pub fn age(&self) -> Duration {
        self.at.elapsed()
    }
}

impl Look {
    fn found(&self) -> Option<ProbeResult> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs the check and returns its result, or the last result if the check takes longer than callers wait. A result
    /// that is newer than `every` is reused.
    async fn tell(
        self: &Arc<Self>,
        every: Duration,
        look: impl Future<Output = Result<()>> + Send + 'static,
    ) -> ProbeResult {
        let is_fresh = |found: &ProbeResult| found.age() < every;
        if let Some(found) = self.found().filter(is_fresh) {
            return found;
        }
        if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
            let me = Arc::clone(self);
            // In a task of its own, so that it ends even if no caller waits any more.
            let looking = tokio::spawn(async move {
                let outcome = look.await;
                *me.found.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(ProbeResult { at: Instant::now(), outcome });
                drop(turn);
            });
            // Its outcome is in `found`, however the wait ended.
            drop(timeout(LOOK_MAX, looking).await);
        } else {
            drop(timeout(LOOK_MAX, self.turn.lock()).await);
        }
        let unknown = || ProbeResult {
            at: Instant::now(),
            outcome: Err(Error::unavailable("the database has not answered yet")),
        };
        self.found().unwrap_or_else(unknown)
    }
}

/// Difference between the instance's clock and the database's.
struct ClockWatch {
    most: Duration,
    /// Difference in microseconds; positive if the instance is ahead.
    off: AtomicI64,
    is_off: AtomicBool,
}

impl Health {
    pub(in crate::service) fn new(clock_skew_max: Duration) -> Self {
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
    /// Checks that changes can be made, by making one that no user sees. A result from a moment ago is reused.
    pub async fn try_change(&self) -> ProbeResult {
        let platform = self.clone();
        let look = async move {
            let now = platform.system().now().await?;
            platform.system().probe(platform.parts.health.instance, now).await
        };
        self.parts.health.change_look.tell(PROBE_EVERY, look).await
    }

    /// Checks that the database answers, by comparing the clock with its own.
    pub async fn try_database(&self) -> ProbeResult {
        let platform = self.clone();
        self.parts.health.clock_look.tell(Duration::ZERO, async move { platform.compare_clock().await }).await
    }

    /// Compares the clock with the database's, and logs when it starts or stops being wrong.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the database does not answer; what was found last stays.
    pub async fn compare_clock(&self) -> Result<()> {
        let (began, ours) = (Instant::now(), self.now());
        let theirs = self.system().now().await?;
        // The database has looked at its clock somewhere on the way.
        let way = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let (least, most) = (ours.0.saturating_sub(theirs.0), ours.0.saturating_add(way).saturating_sub(theirs.0));
        let off = if least > 0 { least } else { most.min(0) };
        let clock = &self.parts.health.clock;
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

    /// Returns `true` if the clock was right when it was last compared, and the seconds by which it was off; positive
    /// if ahead.
    pub fn clock(&self) -> (bool, i64) {
        let clock = &self.parts.health.clock;
        (!clock.is_off.load(Ordering::Relaxed), clock.off.load(Ordering::Relaxed) / 1_000_000)
    }

    /// Returns a digest of what is in memory, computed now or a moment ago.
    pub async fn memory(&self) -> Result<Memory> {
        let mut digested = self.parts.health.digested.lock().await;
        if let Some((at, memory)) = digested.as_ref()
            && at.elapsed() < DIGEST_EVERY
        {
            return Ok(memory.clone());
        }
        let memory = self.parts.policies.memory().await?;
        *digested = Some((Instant::now(), memory.clone()));
        Ok(memory)
    }
}
