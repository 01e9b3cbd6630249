//! The tenants that this instance has in memory, and the one applier of each: whoever brings
//! news of a tenant (an own commit, a message, the sweep, a first load) comes through here.

mod registry;
mod tenant;
#[cfg(test)]
mod tests;
mod way;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::MutexGuard;
use tokio::time::timeout;

pub use self::registry::Limits;
use self::registry::Registry;
pub use self::tenant::{Held, Tenant};
use self::way::{Way, way};

use crate::domain::key::{TenantId, TenantKey};
use crate::engine::plan::Plan;
use crate::engine::snapshot::Snapshot;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::diff::{RuleDiff, StatePatch};
use crate::policy::revision::Counters;
use crate::store::Store;
use crate::sync::{Applier, News};

/// How many revisions behind an instance follows one by one; further behind, it loads the whole
/// tenant anew.
const FOLLOW_MAX: u64 = 256;
/// How many tenants the sweep asks about at once.
const SWEEP_CHUNK: usize = 500;
/// How long the database may take to say what is new, before it counts as away.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long it may take to hand over a whole tenant.
const LOAD_MAX: Duration = Duration::from_mins(2);
/// How long a decision waits for a revision that it must not be older than.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// A change of this instance's own, as it has just been committed.
pub struct OwnChange {
    /// The counters before it.
    pub before: Counters,
    /// The counters after it.
    pub counters: Counters,
    /// What it changed in the rules and in the state, when it made a revision.
    pub policy: Option<(RuleDiff, StatePatch)>,
}

/// All tenants in memory.
pub struct Tenants {
    store: Store,
    plan: Arc<Plan>,
    registry: Registry,
    started: Instant,
    /// Milliseconds from `started` to the last time that the database confirmed what is here.
    confirmed: AtomicU64,
}

impl Tenants {
    /// None yet: tenants are loaded on first use, and above `limits` the least used are dropped.
    pub fn new(store: Store, plan: Arc<Plan>, limits: Limits) -> Self {
        Self { store, plan, registry: Registry::new(limits), started: Instant::now(), confirmed: AtomicU64::new(0) }
    }

    /// How much is in memory.
    pub fn held(&self) -> &Arc<Held> {
        self.registry.held()
    }

    /// The tenant of this id, loaded if it is not in memory. Concurrent first uses load once.
    pub async fn get(&self, id: TenantId) -> Result<Option<Arc<Tenant>>> {
        loop {
            let slot = self.registry.slot(id);
            if let Some(tenant) = slot.tenant() {
                return Ok(Some(self.registry.used(tenant)));
            }
            let turn = slot.turn.lock().await;
            if slot.is_closed() || slot.tenant().is_some() {
                continue;
            }
            let tenant = match self.load(id).await {
                Ok(Some(tenant)) => tenant,
                none_or_failed => {
                    self.registry.close(id, &slot);
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

    /// The tenant of this key.
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

    /// The policy by which this instance decides, where the database was at `stored` or since: of a tenant
    /// that is not in memory, what a first use would load. It is not kept for that.
    pub async fn look_at(&self, id: TenantId, stored: Counters) -> Result<Option<Arc<TenantPolicy>>> {
        if let Some(tenant) = self.registry.find(id).and_then(|slot| slot.tenant()) {
            self.advance(&tenant, stored).await?;
            return Ok(Some(Arc::clone(&tenant.policy())));
        }
        Ok(self.read(id).await?.map(|(_, policy)| Arc::new(policy)))
    }

    /// How rules are matched.
    pub(super) const fn plan(&self) -> &Arc<Plan> {
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

    /// Brings a tenant to where the database is, unless it is where the database was found: at `stored`.
    pub async fn advance(&self, tenant: &Tenant, stored: Counters) -> Result<()> {
        self.look_unless(tenant, || tenant.policy().counters == stored).await
    }

    /// Brings a tenant to where the database is, whatever is in memory.
    pub async fn refresh(&self, tenant: &Tenant) -> Result<()> {
        self.look_unless(tenant, || false).await
    }

    /// Brings a tenant to where the database is, unless it has what the news tell of. They may be forged.
    async fn hear(&self, tenant: &Tenant, news: &News) -> Result<()> {
        self.look_unless(tenant, || tenant.has(news)).await
    }

    /// Brings a tenant to where the database is, unless it `is_there`. Who comes while another one looks
    /// waits for the next look, and has it in common with all who came meanwhile.
    async fn look_unless(&self, tenant: &Tenant, is_there: impl Fn() -> bool) -> Result<()> {
        if is_there() {
            return Ok(());
        }
        let came = tenant.looks.begun();
        let applying = tenant.applying.lock().await;
        if is_there() || tenant.looks.has_ended_after(came) {
            return Ok(());
        }
        self.catch_up(tenant, &applying).await
    }

    /// Brings a tenant to where the database is, from the revision log or by loading it anew.
    async fn catch_up(&self, tenant: &Tenant, _applying: &MutexGuard<'_, ()>) -> Result<()> {
        let current = Arc::clone(&tenant.policy());
        let look = tenant.looks.begin();
        let read = self.store.counters_and_log(tenant.id, current.counters.revision, FOLLOW_MAX);
        match within(ANSWER_MAX, read).await? {
            None => self.registry.forget(tenant).await,
            Some(ahead) => match way(&current, &ahead) {
                Way::None => {}
                Way::Forward(next) => tenant.swap(next),
                Way::Far => self.load_anew(tenant).await?,
                Way::Elsewhere => {
                    self.held().count_replaced();
                    tracing::error!(
                        tenant = %tenant.key, held = ?current.counters, stored = ?ahead.counters,
                        "the database has lost changes that this instance had: the tenant is loaded anew, and its credentials are looked up anew"
                    );
                    if let Err(error) = self.load_anew(tenant).await {
                        // What is known to be wrong decides nothing more.
                        self.registry.forget(tenant).await;
                        return Err(error);
                    }
                }
            },
        }
        tenant.looks.end(look);
        Ok(())
    }

    /// Takes note of the counters that a look-up has found with a credential: what is remembered of it holds
    /// where the tenant in memory is there as well.
    pub(super) async fn found(&self, id: TenantId, stored: &Counters) {
        let Some(tenant) = self.registry.find(id).and_then(|slot| slot.tenant()) else { return };
        if stored.same_credentials(&tenant.policy().counters) {
            return;
        }
        // Where somebody is at it already, nobody waits: until then it is looked up again.
        if let Ok(applying) = tenant.applying.try_lock()
            && let Err(error) = self.catch_up(&tenant, &applying).await
        {
            tracing::debug!(tenant = %tenant.key, %error, "cannot catch up with a credential yet");
        }
    }

    /// Returns the moment that it is, for what is remembered of tenants beside them.
    pub(super) fn moment(&self) -> u64 {
        self.held().moments.now()
    }

    async fn load_anew(&self, tenant: &Tenant) -> Result<()> {
        match self.read(tenant.id).await? {
            Some((_, next)) => tenant.replace(next),
            None => self.registry.forget(tenant).await,
        }
        Ok(())
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

    /// How long ago the database last confirmed what is in memory.
    pub fn age(&self) -> Duration {
        let now = self.started.elapsed();
        now.saturating_sub(Duration::from_millis(self.confirmed.load(Ordering::Relaxed)))
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

    /// The same, where the answer must hold: a tenant is out of its place for a moment while it is
    /// looked whether it can be dropped, and its place is taken while it is loaded.
    async fn surely_loaded(&self, id: TenantId, news: News) -> Option<Arc<Tenant>> {
        if let Some(tenant) = self.loaded(id, news) {
            return Some(tenant);
        }
        let slot = self.registry.find(id)?;
        let _turn = slot.turn.lock().await;
        slot.tenant()
    }

    /// Brings a tenant to where the database is. One that cannot be brought there is dropped, so
    /// that it neither goes on with what was taken away nor keeps the sweep from the others.
    async fn set_right(&self, tenant: &Tenant) -> Result<()> {
        let applying = tenant.applying.lock().await;
        match self.catch_up(tenant, &applying).await {
            Err(error) if error.code != ErrorCode::Unavailable => {
                tracing::error!(tenant = %tenant.key, %error, cause = error.source_text(), "a tenant cannot be brought up to date; it is loaded anew on its next use");
                self.registry.forget(tenant).await;
                Ok(())
            }
            result => result,
        }
    }

    async fn sweep(&self) -> Result<()> {
        let asked = Instant::now();
        let loaded = self.registry.loaded();
        for ids in loaded.chunks(SWEEP_CHUNK) {
            let stored = within(ANSWER_MAX, self.store.counters(ids)).await?;
            let stored: HashMap<TenantId, Counters> = stored.into_iter().collect();
            // Tenants are held one at a time: what is held is not dropped.
            for id in ids {
                let Some(tenant) = self.registry.find(*id).and_then(|slot| slot.tenant()) else { continue };
                match stored.get(id) {
                    Some(counters) if *counters == tenant.policy().counters => {}
                    Some(_) => self.set_right(&tenant).await?,
                    None => self.registry.forget(&tenant).await,
                }
            }
        }
        // What was in use when others came may be idle by now, and changes may have added rules.
        self.registry.make_room();
        self.registry.tidy();
        if loaded.is_empty() {
            self.store.ping().await?;
        }
        self.confirm(asked);
        Ok(())
    }
}

impl Applier for Tenants {
    async fn heard(&self, news: News) {
        if let Some(tenant) = self.loaded(TenantId(news.tenant), news)
            && let Err(error) = self.hear(&tenant, &news).await
        {
            tracing::warn!(tenant = %tenant.key, %error, cause = error.source_text(), "cannot catch up yet; the sweep tries again");
        }
    }

    async fn check_all(&self) {
        let Err(error) = self.sweep().await else { return };
        let cause = error.source_text();
        if error.code == ErrorCode::Unavailable {
            // The store has said so, once.
            tracing::debug!(%error, cause, "cannot compare with the database; decisions go on from memory");
        } else {
            tracing::warn!(%error, cause, "cannot compare with the database; decisions go on from memory");
        }
    }
}

/// What a read gives within its time.
async fn within<T>(limit: Duration, read: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, read).await.map_err(|_| Error::unavailable("the database does not answer: try again later"))?
}

/// The news of a tenant that is at these counters.
pub(super) const fn news_of(tenant: TenantId, counters: Counters) -> News {
    let Counters { revision, credential_epoch, policy_change, credential_change } = counters;
    News {
        tenant: tenant.0,
        revision,
        credential_epoch,
        policy_change: Some(policy_change),
        credential_change: Some(credential_change),
    }
}
