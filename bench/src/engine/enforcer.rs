//! casbin's own Enforcer, plain and with its cache.

use bailiwick::domain::key::TenantKey;
use bailiwick::engine::MODEL;
use bailiwick::policy::rule::Rule;
use casbin::{Adapter, CachedEnforcer, CoreApi, DefaultModel, Enforcer, MemoryAdapter};

use super::{Engine, domain};
use crate::result::Result;
use crate::world::Request;

/// The plain Enforcer's name in the report.
pub(crate) const NAME: &str = "casbin Enforcer";
/// The caching Enforcer's name in the report.
pub(crate) const CACHED: &str = "casbin CachedEnforcer";

type Line = [String; 4];

/// An Enforcer of either kind, with requests in its form.
pub(crate) struct Casbin<E> {
    enforcer: E,
    name: &'static str,
    requests: Vec<Line>,
}

async fn adapter(rules: &[Rule], tenant: &TenantKey) -> Result<MemoryAdapter> {
    let mut adapter = MemoryAdapter::default();
    for rule in rules {
        adapter.add_policy(rule.ptype(), rule.ptype(), rule.values(tenant)).await?;
    }
    Ok(adapter)
}

fn lines(requests: &[Request], tenant: &TenantKey) -> Vec<Line> {
    let line = |request: &Request| {
        [request.subject.to_string(), tenant.to_string(), request.object.to_string(), request.action.to_string()]
    };
    requests.iter().map(line).collect()
}

/// Builds the plain Enforcer.
pub(crate) async fn plain(rules: &[Rule], requests: &[Request]) -> Result<Casbin<Enforcer>> {
    let tenant = domain()?;
    let enforcer = Enforcer::new(DefaultModel::from_str(MODEL).await?, adapter(rules, &tenant).await?).await?;
    Ok(Casbin { enforcer, name: NAME, requests: lines(requests, &tenant) })
}

/// Builds the Enforcer that caches answers.
pub(crate) async fn cached(rules: &[Rule], requests: &[Request]) -> Result<Casbin<CachedEnforcer>> {
    let tenant = domain()?;
    let enforcer = CachedEnforcer::new(DefaultModel::from_str(MODEL).await?, adapter(rules, &tenant).await?).await?;
    Ok(Casbin { enforcer, name: CACHED, requests: lines(requests, &tenant) })
}

impl<E: CoreApi> Engine for Casbin<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, requests: &[usize]) -> Result<usize> {
        let mut allowed = 0;
        for [subject, domain, object, action] in requests.iter().filter_map(|at| self.requests.get(*at)) {
            allowed += usize::from(self.enforcer.enforce((subject, domain, object, action))?);
        }
        Ok(allowed)
    }
}
