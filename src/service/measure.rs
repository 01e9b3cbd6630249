//! How long decisions of one tenant take here, beside casbin's own Enforcer over the same rules.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Platform;
use super::verify::{ENFORCED_MAX, Request, sample};
use crate::auth::caller::Caller;
use crate::domain::key::{Action, TenantKey, UserKey};
use crate::engine::oracle::Oracle;
use crate::engine::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::policy::rule::{Rule, Subject};

/// On how many rules requests are made of.
const RULES: usize = 500;
/// How often they are all decided; the median round counts.
const ROUNDS: usize = 200;
/// How many requests casbin's Enforcer is asked: it takes time by the number of rules.
const ENFORCED: usize = 50;

/// How long decisions take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The revision whose rules were asked.
    pub revision: u64,
    /// How many rules there are.
    pub rules: usize,
    /// How many different requests were made.
    pub requests: usize,
    /// How many of them are allowed.
    pub allowed: usize,
    /// One decision: the median of all rounds.
    pub decision: Duration,
    /// The same by casbin's Enforcer: the mean; absent where the rules are too many for it.
    pub enforcer: Option<Duration>,
}

impl Platform {
    /// Measures one tenant; `None` when there is none of this key, or no rule to ask about.
    pub async fn measure(&self, caller: &Caller, tenant: &TenantKey) -> Result<Option<Measured>> {
        self.check_platform(caller, "tenants", &Action::read()).await?;
        let Some(row) = self.store.tenant_by_key(tenant).await? else { return Ok(None) };
        let Some(policy) = self.tenants.look_at(row.id, row.counters).await? else { return Ok(None) };
        let rules: Vec<Rule> = policy.snapshot.rules().collect();
        let users: Vec<&UserKey> = rules.iter().filter_map(member).collect();
        let requests = sample(&rules, &users, RULES)?;
        if requests.is_empty() {
            return Ok(None);
        }
        let oracle = match rules.len() {
            0..=ENFORCED_MAX => Some(Oracle::new(&self.model, tenant, &rules).await.map_err(Error::internal)?),
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

/// The user that a link is of.
fn member(rule: &Rule) -> Option<&UserKey> {
    match rule {
        Rule::Membership { member: Subject::User(user), .. } => Some(user),
        _ => None,
    }
}

/// Decides all requests once; gives how many are allowed.
fn round(snapshot: &Snapshot, requests: &[Request]) -> usize {
    let decided = requests.iter().map(|(subject, object, action)| snapshot.decide(subject, object, action));
    decided.filter(|decision| decision.allowed).count()
}

/// How long one decision takes in the median of the rounds.
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

/// How long one decision of casbin's Enforcer takes, over requests spread over all of them.
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
