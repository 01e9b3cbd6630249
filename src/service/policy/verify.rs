//! Comparison of a tenant's rules with what its state compiles to, wherever they are held (R44): in the database, in
//! the snapshot that decides here, and by casbin's own Enforcer.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use data_encoding::HEXLOWER;

use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object, ObjectPattern, TenantKey, UserKey};
use crate::domain::tenant::TenantState;
use crate::engine::oracle::Oracle;
use crate::engine::snapshot::Snapshot;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::COMPILER_VERSION;
use crate::policy::compile::{Compiled, compile};
use crate::policy::rule::{Origin, Rule, RuleHash, Subject};
use crate::service::Platform;
use crate::service::policy::rules::line;
use crate::service::runtime::policy_cache::digest;
use crate::store::tenant::TenantRow;
use crate::store::verify::{StoredPolicy, StoredRule};

/// Number of reads of a tenant that moves on while it is read, before the verification gives up.
const ATTEMPTS: usize = 5;
/// Number of rules on which casbin's Enforcer is asked whether it decides alike: on each by the rule's own subject, and
/// by a user.
const SAMPLE: usize = 25;
/// The most rules that the Enforcer is asked over: it scans all of them for each request.
pub(in crate::service) const ENFORCED_MAX: usize = 100_000;

/// The findings of the verification of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The tenant.
    pub tenant: TenantKey,
    /// The revision that was verified.
    pub revision: u64,
    /// Number of rules that its state compiles to.
    pub rules: usize,
    /// Number of requests that casbin's Enforcer was asked.
    pub requests: usize,
    /// The differences from what should be; empty where there is none.
    pub differences: Vec<Difference>,
}

/// One thing that is not as the tenant's state makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place where it was found.
    pub place: Place,
    /// The way in which it differs.
    pub kind: Kind,
    /// The difference itself: a rule as Casbin writes it, or words.
    pub what: String,
}

/// A place where rules are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr)]
#[strum(serialize_all = "lowercase")]
pub enum Place {
    /// The table of rules.
    #[strum(serialize = "stored rules")]
    Stored,
    /// The table of where rules come from.
    Origins,
    /// The snapshot that decides here.
    Snapshot,
    /// The answers of casbin's Enforcer over the snapshot's rules.
    #[strum(serialize = "decisions")]
    Enforcer,
    /// The memory of an instance that serves.
    Memory,
}

/// A way in which something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// It should be there.
    Missing,
    /// It should not be there.
    Extra,
    /// It should be another.
    Wrong,
}

impl Platform {
    /// Verifies one tenant; `None` when there is none of this key. What is stored is read as of one
    /// moment, and a tenant that changes meanwhile is read again, so that no change looks like a
    /// difference.
    pub async fn verify(&self, caller: &Caller, tenant: &TenantKey) -> Result<Option<Report>> {
        let operator = self.authorise_operator(caller, &Action::read()).await?;
        let Some((TenantRow { id, .. }, scope)) = operator.tenant_by_key(tenant).await? else { return Ok(None) };
        for _ in 0..ATTEMPTS {
            let Some(stored) = scope.stored_policy().await? else { return Ok(None) };
            let compiled = compile(&self.parts.catalogue, &stored.state)?;
            let mut report = Report::new(&stored, &compiled);
            match self.parts.policies.look_at(id, stored.tenant.counters).await {
                Ok(None) => return Ok(None),
                Ok(Some(policy)) if !policy.counters.same_policy(&stored.tenant.counters) => continue,
                Ok(Some(policy)) => {
                    report.compare_snapshot(&policy, &stored.state, &compiled);
                    self.ask_casbin(&mut report, policy, &stored.state).await?;
                }
                // What is stored cannot be loaded: so this tenant is served by nobody.
                Err(error) if error.code == ErrorCode::Internal => {
                    let cause = error.source_text().unwrap_or(error.message);
                    report.add(Place::Snapshot, Kind::Wrong, format!("it cannot be loaded: {cause}"));
                }
                Err(error) => return Err(error),
            }
            return Ok(Some(report));
        }
        Err(Error::unavailable("the tenant changes faster than it can be verified: try again later"))
    }

    /// Returns the digest that every instance has in memory which holds what is stored of a tenant; `None`
    /// when there is none of this key.
    pub async fn stored_digest(&self, caller: &Caller, tenant: &TenantKey) -> Result<Option<String>> {
        let operator = self.authorise_operator(caller, &Action::read()).await?;
        let Some((row, _)) = operator.tenant_by_key(tenant).await? else { return Ok(None) };
        let Some(policy) = self.parts.policies.look_at(row.id, row.counters).await? else { return Ok(None) };
        tokio::task::spawn_blocking(move || Some(HEXLOWER.encode(&digest(&policy)))).await.map_err(Error::internal)
    }

    /// Holds the snapshot's decisions against those of casbin's Enforcer over the same rules.
    async fn ask_casbin(&self, report: &mut Report, policy: Arc<TenantPolicy>, state: &TenantState) -> Result<()> {
        if policy.snapshot.len() > ENFORCED_MAX {
            return Ok(());
        }
        let rules: Vec<Rule> = policy.snapshot.rules().collect();
        let oracle = Oracle::new(&self.parts.model, &state.key, &rules).await.map_err(Error::internal)?;
        let users: Vec<_> = state.users.keys().collect();
        let requests = sample(&rules, &users, SAMPLE)?;
        report.requests = requests.len();
        let compared = tokio::task::spawn_blocking(move || disagreements(&policy.snapshot, &oracle, &requests)).await;
        for what in compared.map_err(Error::internal)?? {
            report.add(Place::Enforcer, Kind::Wrong, what);
        }
        Ok(())
    }
}

impl Report {
    /// Compares what is stored with what the state compiles to.
    fn new(stored: &StoredPolicy, compiled: &Compiled) -> Self {
        let StoredPolicy { tenant, rules, origins, .. } = stored;
        let mut report = Self {
            tenant: tenant.key.clone(),
            revision: tenant.counters.revision,
            rules: compiled.len(),
            requests: 0,
            differences: Vec::new(),
        };
        if tenant.compiler_version != COMPILER_VERSION {
            let what = format!(
                "compiled by version {} of the compiler, and this program's is {COMPILER_VERSION}",
                tenant.compiler_version
            );
            report.add(Place::Stored, Kind::Wrong, what);
        }
        report.compare_rules(rules, compiled);
        report.compare_origins(origins, compiled);
        report
    }

    fn add(&mut self, place: Place, kind: Kind, what: String) {
        self.differences.push(Difference { place, kind, what });
    }

    fn compare_rules(&mut self, rules: &[StoredRule], compiled: &Compiled) {
        let expected = lines(compiled.keys(), &self.tenant);
        let mut found: HashSet<String> = HashSet::with_capacity(rules.len());
        for rule in rules {
            let text = rule.line.join(", ");
            match expected.get(&text) {
                Some(hash) if found.insert(text.clone()) => {
                    if hash.0.as_slice() != rule.hash {
                        self.add(Place::Stored, Kind::Wrong, format!("the digest of {text}"));
                    }
                }
                _ => self.add(Place::Stored, Kind::Extra, text),
            }
        }
        for text in expected.into_keys().filter(|text| !found.contains(text)) {
            self.add(Place::Stored, Kind::Missing, text);
        }
    }

    fn compare_origins(&mut self, origins: &BTreeMap<RuleHash, BTreeSet<Origin>>, compiled: &Compiled) {
        let none = BTreeSet::new();
        let mut left: BTreeMap<RuleHash, &BTreeSet<Origin>> = origins.iter().map(|(hash, all)| (*hash, all)).collect();
        for (rule, expected) in compiled {
            let found = left.remove(&rule.hash()).unwrap_or(&none);
            let named = |origin: &Origin| {
                format!("{} {}, {}, of {}", origin.kind.as_ref(), origin.key, origin.note, line(rule, &self.tenant))
            };
            let missing: Vec<_> = expected.difference(found).map(named).collect();
            let extra: Vec<_> = found.difference(expected).map(named).collect();
            let differing = missing.into_iter().map(|what| (Kind::Missing, what));
            for (kind, what) in differing.chain(extra.into_iter().map(|what| (Kind::Extra, what))) {
                self.add(Place::Origins, kind, what);
            }
        }
        for origin in left.into_values().flatten() {
            let what = format!("{} {}, {}, of no rule", origin.kind.as_ref(), origin.key, origin.note);
            self.add(Place::Origins, Kind::Extra, what);
        }
    }

    fn compare_snapshot(&mut self, policy: &TenantPolicy, state: &TenantState, compiled: &Compiled) {
        let held: BTreeSet<Rule> = policy.snapshot.rules().collect();
        for rule in compiled.keys().filter(|rule| !held.contains(rule)) {
            self.add(Place::Snapshot, Kind::Missing, line(rule, &state.key));
        }
        for rule in held.iter().filter(|rule| !compiled.contains_key(rule)) {
            self.add(Place::Snapshot, Kind::Extra, line(rule, &state.key));
        }
        if policy.settings != state.settings {
            self.add(Place::Snapshot, Kind::Wrong, "the settings".to_owned());
        }
        let disabled = state.users.values().filter(|user| !user.enabled).map(|user| &user.key);
        if !policy.disabled.iter().collect::<BTreeSet<_>>().into_iter().eq(disabled) {
            self.add(Place::Snapshot, Kind::Wrong, "who is disabled".to_owned());
        }
    }
}

/// Returns the rules as Casbin writes them, with their digests.
fn lines<'a>(rules: impl Iterator<Item = &'a Rule>, tenant: &TenantKey) -> BTreeMap<String, RuleHash> {
    rules.map(|rule| (line(rule, tenant), rule.hash())).collect()
}

/// A request, as both engines take it.
pub(in crate::service) type Request = (Subject, Object, Action);

/// Requests on what so many of the rules are about, spread over all of them: by the rule's own
/// subject, and by users spread in the same way.
pub(in crate::service) fn sample(rules: &[Rule], users: &[&UserKey], count: usize) -> Result<Vec<Request>> {
    let permissions: Vec<_> = rules.iter().filter(|rule| matches!(rule, Rule::Permission { .. })).collect();
    let count = count.min(permissions.len());
    let mut requests = Vec::with_capacity(2 * count);
    for n in 0..count {
        let Some(Rule::Permission { subject, object, action, .. }) = permissions.get(n * permissions.len() / count)
        else {
            continue;
        };
        let object = within(object)?;
        let action = Action::parse(action.as_str()).unwrap_or_else(|_| Action::read());
        let user = users.get(n * users.len() / count).map(|user| Subject::User((*user).clone()));
        requests.extend(user.map(|user| (user, object.clone(), action.clone())));
        requests.push((subject.clone(), object, action));
    }
    Ok(requests)
}

/// Returns an object that the pattern is about.
fn within(pattern: &ObjectPattern) -> Result<Object> {
    match pattern.prefix() {
        Some(prefix) => Object::parse(&format!("{prefix}one")),
        None => Object::parse(pattern.as_str()),
    }
}

/// Returns the requests that the snapshot decides otherwise than casbin's Enforcer, in words.
fn disagreements(snapshot: &Snapshot, oracle: &Oracle, requests: &[Request]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (subject, object, action) in requests {
        let ours = snapshot.decide(subject, object, action).allowed;
        let casbins = oracle.decide(subject, object, action).map_err(Error::internal)?;
        if ours != casbins {
            let word = |allowed: bool| if allowed { "allows" } else { "denies" };
            found.push(format!(
                "{subject}, {object}, {action}: the engine {} and casbin {} it",
                word(ours),
                word(casbins)
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::ActionPattern;
    use crate::engine::MODEL;
    use crate::engine::plan::Plan;

    fn rule(object: &str) -> Rule {
        let user = Subject::User(UserKey::parse("dana").unwrap());
        Rule::allow(user, ObjectPattern::parse(object).unwrap(), ActionPattern::parse("read").unwrap())
    }

    #[tokio::test]
    async fn r44_an_engine_that_decides_otherwise_than_casbin_is_named() {
        let tenant = TenantKey::parse("acme").unwrap();
        let rules = [rule("voice/queues"), rule("chat/*")];
        let requests = sample(&rules, &[], SAMPLE).unwrap();
        assert_eq!(requests.len(), 2);
        let plan = Arc::new(Plan::from_model(MODEL).unwrap());
        let oracle = Oracle::new(MODEL, &tenant, &rules).await.unwrap();
        let sound = Snapshot::build(&plan, &tenant, 1, &rules);
        assert_eq!(disagreements(&sound, &oracle, &requests).unwrap(), [""; 0]);
        let broken = Snapshot::build(&plan, &tenant, 1, rules.iter().take(1));
        assert_eq!(
            disagreements(&broken, &oracle, &requests).unwrap(),
            ["user:dana, chat/one, read: the engine denies and casbin allows it"]
        );
    }
}
