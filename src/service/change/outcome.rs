//! Changes of which the database has not said what became of them.
//!
//! The answer to a commit can get lost. The change is then looked up by its id: at once, and while the
//! database is away in the background, so that a change that is stored comes into force here and
//! reaches the others as soon as that is known.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::commit::{Made, What};
use super::record::actor;
use crate::auth::caller::Caller;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::permit::Permit;
use crate::store::audit::AuditEvent;

/// How long to wait before a change is looked up again: longer each time, from the first to the last.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// How long a change may be on its way at the most: none has come after it that was not there by then.
const SETTLED: Duration = Duration::from_mins(5);

impl Platform {
    /// Tells whether a change is stored whose commit was not answered, once that is for good: while the
    /// database may still be at it, what it has taken cannot be taken. `None` while nobody can tell, as of a
    /// tenant that is being made: it is not there to be taken.
    pub(super) async fn is_stored(&self, made: &Made) -> Result<Option<bool>> {
        let is_taken = match &made.what {
            What::Tenant(_) => self.store.begin(made.tenant).await?.is_some(),
            What::Credentials(user) => self.store.begin_user(made.tenant, user).await?.is_some(),
        };
        let is_stored = self.store.change_committed(made.change).await?;
        Ok((is_stored || is_taken).then_some(is_stored))
    }

    /// Looks a change up until it is known what became of it, or until this instance stops.
    pub(super) fn find_out(&self, made: Made) {
        let (platform, tenant, change) = (self.clone(), made.tenant, made.change);
        // Not among the tasks that a shutdown waits for: others find a stored change by themselves.
        tokio::spawn(async move {
            let ([mut wait, longest], began) = (WAITS, Instant::now());
            while !platform.tasks.is_closed() {
                sleep(wait).await;
                match platform.is_stored(&made).await {
                    Ok(Some(true)) => {
                        tracing::warn!(%change, tenant = %tenant.0, "a change whose outcome was not known is stored");
                        return platform.spread(&made).await;
                    }
                    Ok(found) if found.is_some() || began.elapsed() > SETTLED => {
                        return tracing::warn!(%change, tenant = %tenant.0, "a change whose outcome was not known is not stored");
                    }
                    Ok(_) | Err(_) => wait = (wait * 2).min(longest),
                }
            }
        });
    }

    /// The event of a change of the caller's tenant: one of their own, and with `read` on `admin/audit`
    /// anybody's. `None` when no such change is stored, and none will be.
    pub async fn stored_change(&self, caller: &Caller, change: Uuid) -> Result<Option<AuditEvent>> {
        let tenant = self.tenant_of(caller).await?.id;
        let scope = self.store.scope(tenant);
        let mut found = scope.event_of_change(change).await?;
        if found.is_none() && self.may_be_on_its_way(change) {
            // Whoever has the tenant after it sees it, or the caller, of their own credentials.
            drop(self.store.begin(tenant).await?);
            drop(self.store.begin_user(caller.home().id, caller.user()).await?);
            found = scope.event_of_change(change).await?;
        }
        let me = actor(caller);
        let is_own = |event: &AuditEvent| (event.actor.kind, &event.actor.key) == (me.kind, &me.key);
        if found.as_ref().is_none_or(is_own) {
            return Ok(found);
        }
        match self.authorise(caller, Permit::AUDIT_READ).await {
            Ok(_) => Ok(found),
            // Others' changes look like those that are not there.
            Err(error) if error.code == ErrorCode::Forbidden => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns whether a change of this id may have begun so lately that it is not stored yet: for no other
    /// the tenant is taken, which its changes wait for.
    fn may_be_on_its_way(&self, change: Uuid) -> bool {
        let Some(begun) = change.get_timestamp() else { return false };
        let begun = Duration::new(begun.to_unix().0, 0).as_micros();
        let now = u128::try_from(self.now().0).unwrap_or_default();
        begun.abs_diff(now) <= SETTLED.as_micros()
    }
}

/// The error for who asked for a change of which nobody can tell yet whether it is stored.
pub(super) fn unknown(cause: Error, change: Uuid) -> Error {
    let words = "the database went away while this was being stored: `change(id:)` tells whether it is, once the database is back";
    cause.saying(words).of_unknown_outcome(change)
}

/// What was read of a thing after its change was made. That it cannot be read does not unmake the change.
pub fn read_back<T>(found: Result<Option<T>>) -> Option<T> {
    found.unwrap_or_else(|error| {
        tracing::warn!(%error, cause = error.source_text(), "a change was made, and what it changed cannot be read");
        None
    })
}
