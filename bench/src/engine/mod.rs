//! Who is asked: ours, the floors below it and the peers beside it, each over the same rules and
//! with the same requests. What can be made ready for a request is made ready before it is timed.

pub(crate) mod cedar;
pub(crate) mod enforcer;
pub(crate) mod floor;
pub(crate) mod ours;
pub(crate) mod rego;

use bailiwick::domain::key::TenantKey;

use crate::result::Result;

/// One who decides.
pub(crate) trait Engine {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// Decides these of its requests, in order; gives how many were allowed. The loop is on the
    /// engine's side, so that a call of it is not a part of what a decision costs.
    fn run(&mut self, requests: &[usize]) -> Result<usize>;
}

/// The domain of the rules where a peer needs one.
pub(crate) fn domain() -> Result<TenantKey> {
    Ok(TenantKey::parse("acme")?)
}

/// The literal beginnings that a rule on everything below may have: `a/b` and `a` for `a/b/c`.
pub(crate) fn above(object: &str) -> impl Iterator<Item = &str> {
    object.rmatch_indices('/').filter_map(|(slash, _)| object.get(..slash))
}
