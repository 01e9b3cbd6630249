//! Bailiwick's engine. This is the one place that knows how a snapshot is built and asked.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use ahash::RandomState;
use bailiwick::domain::key::TenantKey;
use bailiwick::engine::{MODEL, Plan, Snapshot};
use bailiwick::policy::rule::Rule;

use super::{Engine, domain};
use crate::result::Result;
use crate::world::Request;

/// The engine's name in the report.
pub(crate) const NAME: &str = "Bailiwick";

/// Lays out the rules of a tenant.
pub(crate) fn snapshot(tenant: &TenantKey, rules: &[Rule]) -> Result<Snapshot> {
    Ok(Snapshot::build(&Arc::new(Plan::from_model(MODEL)?), tenant, 1, rules))
}

fn decide(snapshot: &Snapshot, request: &Request) -> bool {
    snapshot.decide(&request.subject, &request.object, &request.action).allowed
}

/// One tenant.
pub(crate) struct Ours {
    snapshot: Snapshot,
    requests: Vec<Request>,
}

impl Ours {
    /// Lays out the rules.
    pub(crate) fn build(rules: &[Rule], requests: &[Request]) -> Result<Self> {
        Ok(Self { snapshot: snapshot(&domain()?, rules)?, requests: requests.to_vec() })
    }

    /// Returns `true` if the request at this place is allowed.
    pub(crate) fn decides(&self, at: usize) -> bool {
        self.requests.get(at).is_some_and(|request| decide(&self.snapshot, request))
    }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&mut self, requests: &[usize]) -> Result<usize> {
        let requests = requests.iter().filter_map(|at| self.requests.get(*at));
        Ok(requests.filter(|request| decide(&self.snapshot, black_box(request))).count())
    }
}

/// Many tenants, each found by its key.
pub(crate) struct Fleet {
    tenants: HashMap<TenantKey, Snapshot, RandomState>,
    requests: Vec<(TenantKey, Request)>,
}

impl Fleet {
    /// Takes tenants, and requests to any of them.
    pub(crate) fn new(tenants: Vec<Snapshot>, requests: Vec<(TenantKey, Request)>) -> Self {
        let tenants = tenants.into_iter().map(|snapshot| (snapshot.tenant().clone(), snapshot)).collect();
        Self { tenants, requests }
    }
}

impl Engine for Fleet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&mut self, requests: &[usize]) -> Result<usize> {
        let allowed = |(tenant, request): &&(TenantKey, Request)| {
            self.tenants.get(black_box(tenant)).is_some_and(|snapshot| decide(snapshot, request))
        };
        Ok(requests.iter().filter_map(|at| self.requests.get(*at)).filter(allowed).count())
    }
}
