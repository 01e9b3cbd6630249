//! The update of a tenant in memory to where the database is, from whatever source the news comes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::way::{Way, way};
use super::{ANSWER_MAX, FOLLOW_MAX, PolicyCache, Tenant, WAIT_MAX};
use crate::domain::key::TenantId;
use crate::error::{Error, Result};
use crate::policy::revision::Counters;
use crate::sync::News;

impl PolicyCache {
    /// Brings a tenant to where the database is, unless it is where the database was found: at `stored`.
    pub async fn advance(&self, tenant: &Tenant, stored: Counters) -> Result<()> {
        self.look_unless(tenant, || tenant.policy().counters == stored).await
    }

    /// Brings a tenant to where the database is, whatever is in memory.
    pub async fn refresh(&self, tenant: &Tenant) -> Result<()> {
        self.look_unless(tenant, || false).await
    }

    /// Brings a tenant to where the database is, unless it has what the news tell of. They may be forged.
    pub(super) async fn hear(&self, tenant: &Tenant, news: &News) -> Result<()> {
        self.look_unless(tenant, || tenant.has(news)).await
    }

    /// Brings a tenant to where the database is, unless it `is_there`. A task that comes while another one looks waits
    /// for the next look, and shares it with all that came meanwhile.
    async fn look_unless(&self, tenant: &Tenant, is_there: impl Fn() -> bool) -> Result<()> {
        if is_there() {
            return Ok(());
        }
        let came = tenant.tickets.begun();
        let applying = within(ANSWER_MAX, async { Ok(tenant.applying.lock().await) }).await?;
        if is_there() || tenant.tickets.has_ended_after(came) {
            return Ok(());
        }
        self.catch_up(tenant, &applying, ANSWER_MAX).await
    }

    /// Brings a tenant to where the database is, from the revision log or by loading it anew. `patience` is
    /// for the log.
    pub(super) async fn catch_up(
        &self,
        tenant: &Tenant,
        _applying: &MutexGuard<'_, ()>,
        patience: Duration,
    ) -> Result<()> {
        let current = Arc::clone(&tenant.policy());
        let look = tenant.tickets.begin();
        let read = self.store.counters_and_log(tenant.id, current.counters.revision, FOLLOW_MAX);
        match within(patience, read).await? {
            None => self.registry.forget(tenant).await,
            Some(ahead) => match way(&current, &ahead) {
                Way::Elsewhere => {
                    // Before anything is waited for: whoever waits can be cancelled.
                    if tenant.note_lost() {
                        self.held().count_replaced();
                        tracing::error!(
                            tenant = %tenant.key, held = ?current.counters, stored = ?ahead.counters,
                            "the database has lost changes that this instance had: the tenant is loaded anew, and its credentials are looked up anew"
                        );
                    }
                    self.load_instead(tenant).await?;
                }
                _ if tenant.is_lost() => self.load_instead(tenant).await?,
                Way::None => {}
                Way::Forward(next) => tenant.swap(next),
                Way::Far => self.load_anew(tenant).await?,
            },
        }
        tenant.tickets.end(look);
        tenant.note_there();
        Ok(())
    }

    /// Takes note of the counters that a look-up has found with a credential: what is remembered of it holds
    /// where the tenant in memory is there as well.
    pub(in crate::service) async fn found(&self, id: TenantId, stored: &Counters) {
        let Some(tenant) = self.registry.find(id).and_then(|slot| slot.tenant()) else { return };
        if stored.same_credentials(&tenant.policy().counters) {
            return;
        }
        // Where somebody is at it already, nobody waits: until then it is looked up again.
        if let Ok(applying) = tenant.applying.try_lock()
            && let Err(error) = self.catch_up(&tenant, &applying, ANSWER_MAX).await
        {
            tracing::debug!(tenant = %tenant.key, %error, "cannot catch up with a credential yet");
        }
    }

    /// Returns the moment that it is, for what is remembered of tenants beside them.
    pub(in crate::service) fn moment(&self) -> u64 {
        self.held().moments.now()
    }

    /// Loads a tenant anew whose history is lost. What is known to be wrong decides nothing more: where it
    /// cannot be loaded now, it is dropped.
    async fn load_instead(&self, tenant: &Tenant) -> Result<()> {
        if let Err(error) = self.load_anew(tenant).await {
            self.registry.forget(tenant).await;
            return Err(error);
        }
        Ok(())
    }

    /// Waits until a tenant whose history is lost was loaded anew. Where no task is at it any more, it is dropped: the
    /// next one that looks for it loads it.
    pub(super) async fn give_up_lost(&self, tenant: &Tenant) -> Result<()> {
        let _applying = within(WAIT_MAX, async { Ok(tenant.applying.lock().await) }).await?;
        if tenant.is_lost() {
            self.registry.forget(tenant).await;
        }
        Ok(())
    }

    async fn load_anew(&self, tenant: &Tenant) -> Result<()> {
        match self.read(tenant.id).await? {
            Some((_, next)) => tenant.replace(next),
            None => self.registry.forget(tenant).await,
        }
        Ok(())
    }
}

/// Returns the result of a read, or `UNAVAILABLE` if it takes longer than `limit`.
pub(super) async fn within<T>(limit: Duration, read: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, read).await.map_err(|_| Error::unavailable("the database does not answer: try again later"))?
}
