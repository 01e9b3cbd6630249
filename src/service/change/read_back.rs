//! Changes whose commit the database has not confirmed.
//!
//! The answer to a commit can get lost. The change is then looked up by its id: at once, and in the background while
//! the database is away, so that a stored change comes into force here and reaches the other instances as soon as its
//! outcome is known.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::commit::{Made, What};
use super::context::actor;
use crate::auth::caller::Caller;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::store::audit::AuditEvent;

/// First and longest wait before a change is looked up again; the wait doubles each time.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// Longest time in which a commit can still be under way: a change that is not stored after it never will be.
const SETTLED: Duration = Duration::from_mins(5);

impl Platform {
    /// Returns whether an unconfirmed change is stored, once that is final: while the database may still be committing
    /// it, its lock cannot be taken. `None` while the outcome is unknown, such as for a tenant that is being created:
    /// there is no row to lock yet.
    pub(super) async fn is_stored(&self, made: &Made) -> Result<Option<bool>> {
        let is_taken = match &made.what {
            What::Tenant(_) => self.system().wait_for_tenant(made.tenant).await?,
            What::Credentials(user) => self.system().wait_for_user(made.tenant, user).await?,
        };
        let is_stored = self.system().change_committed(made.change).await?;
        Ok((is_stored || is_taken).then_some(is_stored))
    }

    /// Looks the change up until its outcome is known, or until this instance stops.
    pub(super) fn find_out(&self, made: Made) {
        let (platform, tenant, change) = (self.clone(), made.tenant, made.change);
        // Not tracked as a task that a shutdown waits for: other instances find a stored change by themselves.
        tokio::spawn(async move {
            let ([mut wait, longest], began) = (WAITS, Instant::now());
            while !platform.parts.tasks.is_closed() {
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

    /// Returns the audit event of a change in the caller's tenant: their own change, or, with `read` on `admin/audit`,
    /// any change. `None` if no such change is stored, and none will be.
    pub async fn change_get_stored(&self, caller: &Caller, change: Uuid) -> Result<Option<AuditEvent>> {
        self.tenant_of(caller).await?;
        let member = self.member(caller);
        let mut found = member.event_of_change(change).await?;
        if found.is_none() && self.may_be_on_its_way(change) {
            // A transaction that locks the tenant after the change sees it; for the caller's own credentials, one that
            // locks the caller.
            member.wait_for_changes().await?;
            found = member.event_of_change(change).await?;
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

    /// Returns `true` if a change with this id is so recent that it may not be stored yet. For any other the tenant is
    /// not locked, because that holds up its changes.
    fn may_be_on_its_way(&self, change: Uuid) -> bool {
        let Some(begun) = change.get_timestamp() else { return false };
        let begun = Duration::new(begun.to_unix().0, 0).as_micros();
        let now = u128::try_from(self.now().0).unwrap_or_default();
        begun.abs_diff(now) <= SETTLED.as_micros()
    }
}

/// Returns the error for a change whose outcome is not known yet.
pub(super) fn unknown(cause: Error, change: Uuid) -> Error {
    let words = "the database went away while this was being stored: `change(id:)` tells whether it is, once the database is back";
    cause.saying(words).of_unknown_outcome(change)
}

/// Returns what was read back after a change, or `None` if that failed: a failed read does not undo the change.
pub fn read_back<T>(found: Result<Option<T>>) -> Option<T> {
    found.unwrap_or_else(|error| {
        tracing::warn!(%error, cause = error.source_text(), "a change was made, and what it changed cannot be read");
        None
    })
}
