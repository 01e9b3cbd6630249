//! The shadow check: a sample of the decisions is made again by casbin's own Enforcer, over the
//! rules of the very snapshot that answered, and the two must agree.
//!
//! It never delays an answer: a decision of the sample is put into a bounded queue without waiting,
//! or dropped. One worker takes it from there, for a small share of a core: casbin looks at every
//! rule for each request, and building an Enforcer costs many times that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::domain::key::{Action, Object};
use crate::engine::{Oracle, OracleError, Snapshot};
use crate::policy::rule::Subject;
use crate::service::runtime::metrics::ShadowMetrics;

/// Number of decisions that can wait. Each holds its snapshot in memory.
pub const QUEUE: usize = 64;
/// The most rules of a tenant whose decisions are made again: some 50 ms to build an Enforcer, and
/// 12 ms for each request.
const RULES_MAX: usize = 20_000;
/// Number of Enforcers that are kept.
const SNAPSHOTS_MAX: usize = 4;
/// The share of a core that the check may take: one part in so many.
const SHARE: u32 = 50;
/// The most time that the check can save up.
const SAVED_MAX: Duration = Duration::from_secs(1);

/// A decision as it was made.
#[derive(Debug)]
pub struct Sample {
    /// The rules that it was made from.
    pub snapshot: Arc<Snapshot>,
    /// The subject of the decision.
    pub subject: Subject,
    /// The object that it was asked about.
    pub object: Object,
    /// The action that it was asked for.
    pub action: Action,
    /// The answer.
    pub allowed: bool,
}

/// Takes the sample, and checks it.
pub struct Shadow {
    one_in: u64,
    decisions: AtomicU64,
    queue: mpsc::Sender<Sample>,
    waiting: Mutex<mpsc::Receiver<Sample>>,
    metrics: ShadowMetrics,
}

impl Shadow {
    /// Checks one decision in so many, none with 0.
    pub fn new(one_in: u32, metrics: ShadowMetrics) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self { one_in: one_in.into(), decisions: AtomicU64::new(0), queue, waiting: Mutex::new(waiting), metrics }
    }

    /// Returns whether the decision that is being made is one of the sample.
    pub(in crate::service) fn picks(&self) -> bool {
        self.one_in != 0 && scattered(self.decisions.fetch_add(1, Ordering::Relaxed)).is_multiple_of(self.one_in)
    }

    /// Puts a decision into the queue, or drops it: at once in any case.
    pub fn offer(&self, sample: Sample) {
        if sample.snapshot.len() > RULES_MAX || self.queue.try_send(sample).is_err() {
            self.metrics.dropped.inc();
        }
    }

    /// Checks what is offered until `shutdown`.
    pub async fn run(&self, model: String, shutdown: CancellationToken) {
        let mut waiting = self.waiting.lock().await;
        let mut oracles = Oracles { model: model.into(), kept: Vec::new() };
        let mut budget = Budget::new(Instant::now());
        while let Some(Some(sample)) = shutdown.run_until_cancelled(waiting.recv()).await {
            let began = Instant::now();
            if !budget.has_some(began) {
                self.metrics.dropped.inc();
                continue;
            }
            let model = Arc::clone(&oracles.model);
            let asked = tokio::task::spawn_blocking(move || {
                let answer = oracles.ask(&sample);
                (oracles, sample, answer)
            });
            oracles = match asked.await {
                Ok((oracles, sample, answer)) => {
                    self.compare(&sample, answer);
                    oracles
                }
                Err(error) => {
                    tracing::error!(%error, "the shadow check broke off");
                    self.metrics.failed.inc();
                    Oracles { model, kept: Vec::new() }
                }
            };
            budget.spend(began.elapsed());
        }
    }

    fn compare(&self, sample: &Sample, answer: Result<bool, OracleError>) {
        let Sample { snapshot, subject, object, action, allowed } = sample;
        match answer {
            Ok(answer) if answer == *allowed => {
                self.metrics.checked.inc();
            }
            Ok(answer) => {
                self.metrics.checked.inc();
                self.metrics.disagreed.inc();
                tracing::error!(
                    tenant = %snapshot.tenant(), revision = snapshot.revision(), %subject, %object, %action,
                    answered = allowed, casbin = answer, "casbin decides otherwise; report this"
                );
            }
            Err(error) => {
                self.metrics.failed.inc();
                tracing::warn!(tenant = %snapshot.tenant(), revision = snapshot.revision(), %error, "casbin gives no answer");
            }
        }
    }
}

/// Returns numbers in a row scattered evenly: a caller who repeats themselves must not have one and the same of their
/// requests checked for ever.
const fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

/// The Enforcers of the last snapshots.
struct Oracles {
    model: Arc<str>,
    /// The one used last comes last. A snapshot is known by its place in memory, where it is held.
    kept: Vec<(Arc<Snapshot>, Oracle)>,
}

impl Oracles {
    /// Returns Casbin's answer. It takes long, so it is asked on a thread of its own.
    fn ask(&mut self, sample: &Sample) -> Result<bool, OracleError> {
        let snapshot = &sample.snapshot;
        let found = self.kept.iter().position(|(known, _)| Arc::ptr_eq(known, snapshot));
        let (known, oracle) = if let Some(at) = found {
            self.kept.remove(at)
        } else {
            let oracle = Handle::current().block_on(Oracle::new(&self.model, snapshot.tenant(), snapshot.rules()))?;
            (Arc::clone(snapshot), oracle)
        };
        let answer = oracle.decide(&sample.subject, &sample.object, &sample.action);
        if self.kept.len() == SNAPSHOTS_MAX {
            self.kept.remove(0);
        }
        self.kept.push((known, oracle));
        answer
    }
}

/// The time that the check may take: it comes in evenly, and what is spent beyond it must come in
/// first before more is.
struct Budget {
    /// Time left, in nanoseconds; below zero in debt.
    left: i64,
    at: Instant,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self { left: nanos(SAVED_MAX), at: now }
    }

    fn has_some(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.at) / SHARE;
        self.left = self.left.saturating_add(nanos(earned)).min(nanos(SAVED_MAX));
        self.at = now;
        self.left > 0
    }

    fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(nanos(time));
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_in_again_at_its_share() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert!(budget.has_some(start));
        budget.spend(SAVED_MAX + Duration::from_millis(100));
        let due = Duration::from_millis(100) * SHARE;
        assert!(!budget.has_some(start + due));
        assert!(budget.has_some(start + due + Duration::from_millis(1)));
        // A day without a check saves no more than the most.
        let later = start + Duration::from_hours(24);
        assert!(budget.has_some(later));
        budget.spend(SAVED_MAX);
        assert!(!budget.has_some(later));
    }

    #[test]
    fn the_sample_is_one_in_so_many_and_follows_no_rhythm() {
        let shadow = Shadow::new(10, ShadowMetrics::default());
        let picked: Vec<usize> = (0..10_000).filter(|_| shadow.picks()).collect();
        assert!((900..1100).contains(&picked.len()), "{}", picked.len());
        for rhythm in [2, 5, 10, 64] {
            let met: std::collections::BTreeSet<usize> = picked.iter().map(|number| number % rhythm).collect();
            assert_eq!(met.len(), rhythm, "every {rhythm}th caller");
        }
        let none = Shadow::new(0, ShadowMetrics::default());
        let all = Shadow::new(1, ShadowMetrics::default());
        assert!((0..100).all(|_| all.picks() && !none.picks()));
    }
}
