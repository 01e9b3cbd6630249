//! What an instance knows of how it fares: whether changes can be made, whether its clock is right, and
//! what it holds in memory, as a digest.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use uuid::Uuid;

use super::Platform;
use super::tenants::Memory;
use crate::error::Result;

/// For how long what was found by trying a change is told again: each is a commit.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// For how long a digest is told again: each goes through the rules that have changed since.
const DIGEST_EVERY: Duration = Duration::from_secs(5);

/// What was found last.
pub(super) struct Health {
    /// By what the database knows this instance.
    instance: Uuid,
    probed: Mutex<Option<(Instant, Result<()>)>>,
    digested: Mutex<Option<(Instant, Memory)>>,
    clock: ClockWatch,
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
        Self { instance: Uuid::now_v7(), probed: Mutex::default(), digested: Mutex::default(), clock }
    }
}

impl Platform {
    /// Tries whether changes can be made: by one that nobody sees, or as it was found a moment ago.
    pub async fn try_change(&self) -> Result<()> {
        let mut probed = self.health.probed.lock().await;
        if let Some((at, found)) = probed.as_ref()
            && at.elapsed() < PROBE_EVERY
        {
            return found.clone();
        }
        let found = match self.store.now().await {
            Ok(now) => self.store.probe(self.health.instance, now).await,
            Err(error) => Err(error),
        };
        *probed = Some((Instant::now(), found.clone()));
        found
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
