//! Benchmark of the decisions of one tenant, compared with casbin's own Enforcer over the same rules.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::auth::caller::Caller;
use crate::domain::key::{Action, TenantKey, UserKey};
use crate::engine::oracle::Oracle;
use crate::engine::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::policy::rule::{Rule, Subject};
use crate::service::Platform;
use crate::service::policy::verify::{ENFORCED_MAX, Request, sample};

/// Number of rules that requests are made from.
const RULES: usize = 500;
/// Number of rounds in which all requests are decided; the median round counts.
const ROUNDS: usize = 200;
/// Number of requests that casbin's Enforcer decides: its time grows with the number of rules.
const ENFORCED: usize = 50;

/// Result of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Revision whose rules were measured.
    pub revision: u64,
    /// Number of rules.
    pub rules: usize,
    /// Number of different requests.
    pub requests: usize,
    /// Number of requests that are allowed.
    pub allowed: usize,
    /// Time of one decision in the median round.
    pub decision: Duration,
    /// Mean time of one decision by casbin's Enforcer; absent if there are too many rules for it.
    pub enforcer: Option<Duration>,
}

impl Platform {
    /// Measures the decisions of one tenant; `None` if there is no tenant with this key, or no rule to ask about.
    pub async fn benchmark(&self, caller: &Caller, tenant: &TenantKey) -> Result<Option<Measured>> {
        let operator = self.authorise_operator(caller, &Action::read()).await?;
        let Some((row, _)) = operator.tenant_by_key(tenant).await? else { return Ok(None) };
        let Some(policy) = self.parts.policies.look_at(row.id, row.counters).await? else { return Ok(None) };
        let rules: Vec<Rule> = policy.snapshot.rules().collect();
        let users: Vec<&UserKey> = rules.iter().filter_map(member).collect();
        let requests = sample(&rules, &users, RULES)?;
        if requests.is_empty() {
            return Ok(None);
        }
        let oracle = match rules.len() {
            0..=ENFORCED_MAX => Some(Oracle::new(&self.parts.model, tenant, &rules).await.map_err(Error::internal)?),
            _ => None,
        };
        let revision = policy.counters.revision;
        let measured = tokio::task::spawn_blocking(move || -> Result<Measured> {
            let allowed = round(&policy.snapshot, &requests);
            let enforcer = oracle.map(|oracle| enforced(&oracle, &requests)).transpose()?;
            let decision = median_round(&policy.snapshot, &requests);
            Ok(Measured { revision, rules: rules.len(), requests: requests.len(), allowed, decision, enforcer })
        });
        measured.await.map_err(Error::internal)?.map(Some)
    }
}

/// Returns the user that a membership belongs to.
fn member(rule: &Rule) -> Option<&UserKey> {
    match rule {
        Rule::Membership { member: Subject::User(user), .. } => Some(user),
        _ => None,
    }
}

/// Decides all requests once, and returns how many are allowed.
fn round(snapshot: &Snapshot, requests: &[Request]) -> usize {
    let decided = requests.iter().map(|(subject, object, action)| snapshot.decide(subject, object, action));
    decided.filter(|decision| decision.allowed).count()
}

/// Returns the time of one decision in the median round.
fn median_round(snapshot: &Snapshot, requests: &[Request]) -> Duration {
    let mut rounds: Vec<Duration> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        black_box(round(snapshot, black_box(requests)));
        rounds.push(begun.elapsed());
    }
    rounds.sort_unstable();
    rounds.get(ROUNDS / 2).map_or(Duration::ZERO, |median| mean(*median, requests.len()))
}

/// Returns the mean time of one decision by casbin's Enforcer, over a spread sample of the requests.
fn enforced(oracle: &Oracle, requests: &[Request]) -> Result<Duration> {
    let some = requests.iter().step_by(requests.len().div_ceil(ENFORCED));
    let count = some.len();
    let begun = Instant::now();
    for (subject, object, action) in some {
        black_box(oracle.decide(subject, object, action).map_err(Error::internal)?);
    }
    Ok(mean(begun.elapsed(), count))
}

fn mean(whole: Duration, parts: usize) -> Duration {
    whole / u32::try_from(parts).unwrap_or(u32::MAX).max(1)
}
