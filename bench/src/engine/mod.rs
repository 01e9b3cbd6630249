//! The engines: ours, the floors below it and the peers beside it, each over the same rules and with the same requests.
//! Whatever can be prepared for a request is prepared before it is timed.

pub(crate) mod cedar;
pub(crate) mod enforcer;
pub(crate) mod floor;
pub(crate) mod ours;
pub(crate) mod rego;

use bailiwick::domain::key::TenantKey;

use crate::result::Result;

/// An engine that decides.
pub(crate) trait Engine {
    /// Returns the engine's name in the report.
    fn name(&self) -> &'static str;

    /// Decides these of its requests, in order; returns the number of allowed ones. The loop is on the engine's side,
    /// so that a call of it is not part of the cost of a decision.
    fn run(&mut self, requests: &[usize]) -> Result<usize>;
}

/// Returns the domain of the rules, for the peers that need one.
pub(crate) fn domain() -> Result<TenantKey> {
    Ok(TenantKey::parse("acme")?)
}

/// Returns the literal beginnings that a rule on everything below can have: `a/b` and `a` for `a/b/c`.
pub(crate) fn above(object: &str) -> impl Iterator<Item = &str> {
    object.rmatch_indices('/').filter_map(|(slash, _)| object.get(..slash))
}
