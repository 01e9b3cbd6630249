//! The sweep over the tenants in memory: what no news told is found all the same, and no tenant that
//! is slow to read keeps it from the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::follow::within;
use super::{ANSWER_MAX, LOAD_MAX, PolicyCache, Tenant};
use crate::domain::key::TenantId;
use crate::error::{ErrorCode, Result};
use crate::policy::revision::Counters;
use crate::sync::{Applier, News};

/// Number of tenants that the sweep asks about at once.
const SWEEP_CHUNK: usize = 500;
/// Number of tenants that the sweep brings to where the database is, side by side.
const SIDE_BY_SIDE: usize = 4;
/// Longest wait of the sweep for one tenant. One that takes longer goes on beside it.
const QUICK: Duration = Duration::from_secs(1);
/// Number of tenants that can go on beside the sweep: each holds a connection to the database.
pub(super) const SLOW_MAX: usize = 2;

impl PolicyCache {
    async fn sweep(&self) -> Result<()> {
        let asked = Instant::now();
        let loaded = self.registry.loaded();
        for ids in loaded.chunks(SWEEP_CHUNK) {
            let stored = within(ANSWER_MAX, self.store.counters(ids)).await?;
            let stored: HashMap<TenantId, Counters> = stored.into_iter().collect();
            // Tenants are held a few at a time: what is held is not dropped.
            let compared = ids.iter().map(|id| self.compare(*id, stored.get(id).copied()));
            stream::iter(compared).for_each_concurrent(SIDE_BY_SIDE, |compared| compared).await;
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

    /// Compares what is in memory of a tenant with what is stored, and sets it right.
    pub(super) async fn compare(&self, id: TenantId, stored: Option<Counters>) {
        let Some(tenant) = self.registry.find(id).and_then(|slot| slot.tenant()) else { return };
        match stored {
            // Whoever brought it there may have done so before it was noted to be behind.
            Some(counters) if counters == tenant.policy().counters && !tenant.is_lost() => tenant.note_there(),
            Some(_) => {
                tenant.note_behind(self.started.elapsed());
                self.set_right_soon(tenant).await;
            }
            None => self.registry.forget(&tenant).await,
        }
    }

    /// Sets a tenant right, and waits for that for a moment. Longer goes on by itself, where there is a
    /// place for it; otherwise the next sweep begins it anew.
    async fn set_right_soon(&self, tenant: Arc<Tenant>) {
        // Somebody is at it already, perhaps since the sweep before.
        if tenant.applying.try_lock().is_err() {
            return;
        }
        let Some(me) = self.me.upgrade() else { return };
        let key = tenant.key.clone();
        let mut task = self.spawn(async move { me.set_right(&tenant).await });
        if timeout(QUICK, &mut task).await.is_ok() {
            return;
        }
        if let Ok(place) = Arc::clone(&self.slow).try_acquire_owned() {
            tracing::warn!(tenant = %key, "a tenant is slow to read; it is brought up to date beside the sweep of the others");
            self.spawn(async move {
                // However it ends, its place is free then.
                let _ = task.await;
                drop(place);
            });
        } else {
            tracing::warn!(tenant = %key, "a tenant is slow to read, as others are already; the next sweep tries again");
            task.abort();
        }
    }

    /// Brings a tenant to where the database is. One that cannot be brought there is dropped, so that it
    /// does not go on with what was taken away.
    async fn set_right(&self, tenant: &Tenant) {
        let applying = tenant.applying.lock().await;
        match self.catch_up(tenant, &applying, LOAD_MAX).await {
            Ok(()) => {}
            Err(error) if error.code == ErrorCode::Unavailable => {
                // Where the database is away, the store has said so, once.
                tracing::debug!(tenant = %tenant.key, %error, cause = error.source_text(), "a tenant cannot be brought up to date yet; the next sweep tries again");
            }
            Err(error) => {
                tracing::error!(tenant = %tenant.key, %error, cause = error.source_text(), "a tenant cannot be brought up to date; it is loaded anew on its next use");
                self.registry.forget(tenant).await;
            }
        }
    }

    /// Begins a task that ends with the instance.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<Option<()>> {
        self.tasks.spawn(self.stopped.clone().run_until_cancelled_owned(task))
    }

    /// Ends what goes on beside the sweep.
    pub async fn stop(&self) {
        self.stopped.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Applier for PolicyCache {
    async fn heard(&self, news: News) {
        let Some(tenant) = self.loaded(TenantId(news.tenant), news).filter(|tenant| !tenant.has(&news)) else { return };
        // After a fail-over all tenants have news at once, and others need connections too.
        let Ok(_place) = self.following.acquire().await else { return };
        if let Err(error) = self.hear(&tenant, &news).await {
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
