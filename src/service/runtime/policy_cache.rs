//! The tenants that this instance has in memory, and the one applier of each: all news of a tenant (an own commit, a
//! message, the sweep, a first load) comes through here.

mod digest;
mod follow;
mod registry;
mod sweep;
mod tenant;
#[cfg(test)]
mod tests;
mod way;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::digest::Memory;
pub(in crate::service) use self::digest::digest;
use self::follow::within;
pub use self::registry::Limits;
use self::registry::Registry;
pub use self::tenant::{Held, Tenant};

use crate::domain::key::{TenantId, TenantKey};
use crate::engine::plan::Plan;
use crate::engine::snapshot::Snapshot;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::diff::{RuleDiff, StatePatch};
use crate::policy::revision::Counters;
use crate::store::Store;
use crate::sync::News;

/// Number of revisions behind that an instance follows one by one; further behind, it loads the whole tenant anew.
const FOLLOW_MAX: u64 = 256;
/// Longest time for the database to say what is new, before it counts as away.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Longest time for the database to hand over a whole tenant.
const LOAD_MAX: Duration = Duration::from_mins(2);
/// Longest wait of a decision for a revision that it must not be older than.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// A change of this instance's own, as it has just been committed.
pub struct OwnChange {
    /// The counters before it.
    pub before: Counters,
    /// The counters after it.
    pub counters: Counters,
    /// The change of the rules and of the state, if it made a revision.
    pub policy: Option<(RuleDiff, StatePatch)>,
}

/// All tenants in memory.
pub struct PolicyCache {
    store: Store,
    plan: Arc<Plan>,
    registry: Registry,
    started: Instant,
    /// Tasks that run beside the sweep, until `stopped`.
    tasks: TaskTracker,
    stopped: CancellationToken,
    slow: Arc<Semaphore>,
    /// Places for the tasks that follow news: each holds a connection to the database.
    following: Semaphore,
    /// A reference to itself, for the tasks.
    me: Weak<Self>,
    /// Milliseconds from `started` to the last time that the database confirmed what is here.
    confirmed: AtomicU64,
}

impl PolicyCache {
    /// Returns an instance without tenants: they are loaded on first use, and above `limits` the least used are
    /// dropped.
    pub fn new(store: Store, plan: Arc<Plan>, limits: Limits) -> Arc<Self> {
        let following = Semaphore::new(store.share());
        Arc::new_cyclic(|me| Self {
            store,
            plan,
            registry: Registry::new(limits),
            started: Instant::now(),
            tasks: TaskTracker::new(),
            stopped: CancellationToken::new(),
            slow: Arc::new(Semaphore::new(sweep::SLOW_MAX)),
            following,
            me: me.clone(),
            confirmed: AtomicU64::new(0),
        })
    }

    /// Returns the amounts that are in memory.
    pub fn held(&self) -> &Arc<Held> {
        self.registry.held()
    }

    /// Returns the tenant of this id if it is in memory. Reads nothing.
    pub fn in_memory(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.registry.find(id)?.tenant()
    }

    /// Returns the tenant of this id, loaded if it is not in memory. Concurrent first uses load once, and fail
    /// together. One whose history is lost is not given out.
    pub async fn get(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        loop {
            let slot = self.registry.slot(id);
            if let Some(tenant) = slot.tenant() {
                if !tenant.is_lost() {
                    return Ok(Some(self.registry.used(tenant)));
                }
                self.give_up_lost(&tenant).await?;
                continue;
            }
            let turn = within(LOAD_MAX, async { Ok(slot.turn.lock().await) }).await?;
            if let Some(error) = slot.failure() {
                return Err(error);
            }
            if slot.is_closed() || slot.tenant().is_some() {
                continue;
            }
            let tenant = match self.load(id).await {
                Ok(Some(tenant)) => tenant,
                none_or_failed => {
                    self.registry.give_up(id, &slot, none_or_failed.as_ref().err());
                    return none_or_failed;
                }
            };
            self.registry.put(&slot, &tenant);
            drop(turn);
            self.registry.make_room();
            // News may have come between the read and now.
            if let Some(news) = slot.take_heard() {
                self.hear(&tenant, &news).await?;
            }
            return Ok(Some(tenant));
        }
    }

    /// Returns the tenant of this key.
    pub async fn get_by_key(&self, key: &TenantKey) -> Result<Option<Arc<Tenant>>> {
        if let Some(id) = self.registry.id_of(key)
            && let Some(tenant) = self.get(id).await?
        {
            return Ok(Some(tenant));
        }
        match self.store.tenant_by_key(key).await? {
            Some(row) => self.get(row.id).await,
            None => Ok(None),
        }
    }

    async fn load(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        let loaded = self.read(id).await?;
        Ok(loaded.map(|(key, policy)| Arc::new(Tenant::new(id, key, policy, Arc::clone(self.held())))))
    }

    /// Returns the policy by which this instance decides, where the database was at `stored` or since: of a tenant that
    /// is not in memory, what a first use would load. It is not kept for that.
    pub async fn look_at(&self, id: TenantId, stored: Counters) -> Result<Option<Arc<TenantPolicy>>> {
        if let Some(tenant) = self.registry.find(id).and_then(|slot| slot.tenant()) {
            self.advance(&tenant, stored).await?;
            if !tenant.is_lost() {
                return Ok(Some(Arc::clone(&tenant.policy())));
            }
        }
        Ok(self.read(id).await?.map(|(_, policy)| Arc::new(policy)))
    }

    /// Returns the plan by which rules are matched.
    pub(in crate::service) const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Reads a whole tenant: counters and rules in one transaction.
    async fn read(&self, id: TenantId) -> Result<Option<(TenantKey, TenantPolicy)>> {
        let Some(loaded) = within(LOAD_MAX, self.store.load_policy(id)).await? else { return Ok(None) };
        let snapshot = Snapshot::build(&self.plan, &loaded.key, loaded.counters.revision, loaded.rules.iter());
        let policy = TenantPolicy {
            counters: loaded.counters,
            snapshot: Arc::new(snapshot),
            settings: loaded.settings,
            disabled: Arc::new(loaded.disabled.into_iter().collect::<HashSet<_>>()),
        };
        Ok(Some((loaded.key, policy)))
    }

    /// Applies a change that this instance has committed itself. What is not in memory needs
    /// nothing; what is further behind catches up.
    pub async fn apply_own(&self, id: TenantId, change: &OwnChange) -> Result<()> {
        let Some(tenant) = self.surely_loaded(id, news_of(id, change.counters)).await else { return Ok(()) };
        {
            let _applying = tenant.applying.lock().await;
            let current = Arc::clone(&tenant.policy());
            if current.counters == change.before && change.counters != change.before {
                tenant.swap(match &change.policy {
                    Some((rules, patch)) => current.after(change.counters, std::iter::once((rules, patch))),
                    None => TenantPolicy { counters: change.counters, ..TenantPolicy::clone(&current) },
                });
                // The sweep may have found the change stored before it was applied here.
                tenant.note_there();
            }
        }
        self.advance(&tenant, change.counters).await
    }

    /// Waits until the tenant is at `revision`, by its number; `UNAVAILABLE` when that cannot be had in
    /// time.
    pub async fn wait_for(&self, tenant: &Tenant, revision: u64) -> Result<()> {
        if tenant.policy().counters.revision >= revision {
            return Ok(());
        }
        let mut changes = tenant.changes();
        let arrive = async {
            self.refresh(tenant).await?;
            changes.wait_for(|counters| counters.revision >= revision).await.map(drop).map_err(Error::internal)
        };
        timeout(WAIT_MAX, arrive)
            .await
            .map_err(|_| Error::unavailable(format!("revision {revision} is not here yet")).at("atLeastRevision"))?
    }

    /// Returns the time since the database last confirmed what is in memory.
    pub fn age(&self) -> Duration {
        let now = self.started.elapsed();
        now.saturating_sub(Duration::from_millis(self.confirmed.load(Ordering::Relaxed)))
    }

    /// Returns how long ago what is in memory of a tenant is known to have been what is stored.
    pub fn age_of(&self, tenant: &Tenant) -> Duration {
        let behind = tenant.behind_since().map(|since| self.started.elapsed().saturating_sub(since));
        self.age().max(behind.unwrap_or_default())
    }

    fn confirm(&self, at: Instant) {
        let millis = u64::try_from(at.duration_since(self.started).as_millis()).unwrap_or(u64::MAX);
        self.confirmed.fetch_max(millis, Ordering::Relaxed);
    }

    /// Remembers the news and gives the tenant, if it is in memory.
    fn loaded(&self, id: TenantId, news: News) -> Option<Arc<Tenant>> {
        let slot = self.registry.find(id)?;
        slot.hear(news);
        slot.tenant()
    }

    /// Remembers the news and gives the tenant, where the answer must hold: a tenant is out of its place for a moment
    /// while it is looked whether it can be dropped, and its place is taken while it is loaded.
    async fn surely_loaded(&self, id: TenantId, news: News) -> Option<Arc<Tenant>> {
        if let Some(tenant) = self.loaded(id, news) {
            return Some(tenant);
        }
        let slot = self.registry.find(id)?;
        let _turn = slot.turn.lock().await;
        slot.tenant()
    }
}

/// Returns the news of a tenant that is at these counters.
pub(in crate::service) const fn news_of(tenant: TenantId, counters: Counters) -> News {
    let Counters { revision, credential_epoch, policy_change, credential_change } = counters;
    News {
        tenant: tenant.0,
        revision,
        credential_epoch,
        policy_change: Some(policy_change),
        credential_change: Some(credential_change),
    }
}
