//! Digests of what instances hold in memory, in a few bytes: two that hold the same have the same.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{PolicyCache, Tenant};
use crate::domain::key::UserKey;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::rule::RuleHash;

/// A digest.
pub(super) type Digest = [u8; 32];

/// The amount and digest of what an instance holds in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Number of tenants in memory.
    pub tenants: usize,
    /// The digest of all of them, in hexadecimal digits.
    pub digest: String,
}

impl PolicyCache {
    /// Returns what is in memory. It goes through the rules of what has changed since the last time.
    pub async fn memory(&self) -> Result<Memory> {
        let ids = self.registry.loaded();
        let loaded = ids.into_iter().filter_map(|id| self.registry.find(id)?.tenant());
        let mut loaded: Vec<Arc<Tenant>> = loaded.collect();
        loaded.sort_unstable_by_key(|tenant| tenant.id.0);
        let digested = tokio::task::spawn_blocking(move || {
            let mut all = Sha256::new();
            for tenant in &loaded {
                // Nobody who has only the digest can try out which tenants there are: ids are random.
                all.update(tenant.id.0);
                all.update(tenant.digest());
            }
            Memory { tenants: loaded.len(), digest: HEXLOWER.encode(&all.finalize()) }
        });
        digested.await.map_err(Error::internal)
    }
}

/// Returns the digest that tells a policy from every other: of its rules in no order, its settings, its disabled users,
/// and the changes that made it so.
pub(in crate::service) fn digest(policy: &TenantPolicy) -> Digest {
    let mut rules: Vec<RuleHash> = policy.snapshot.rules().map(|rule| rule.hash()).collect();
    rules.sort_unstable();
    let mut disabled: Vec<&UserKey> = policy.disabled.iter().collect();
    disabled.sort_unstable();
    let (counters, settings) = (&policy.counters, &policy.settings);
    let mut all = Sha256::new();
    for number in [counters.revision, counters.credential_epoch, rules.len() as u64, disabled.len() as u64] {
        all.update(number.to_be_bytes());
    }
    for change in [counters.policy_change, counters.credential_change] {
        all.update(change);
    }
    all.update([u8::from(settings.security_suite)]);
    for number in [settings.masked_characters, settings.session_hours] {
        all.update(number.to_be_bytes());
    }
    for RuleHash(rule) in &rules {
        all.update(rule);
    }
    for user in disabled {
        // No key holds it.
        all.update(user.as_str());
        all.update([0]);
    }
    all.finalize().into()
}
