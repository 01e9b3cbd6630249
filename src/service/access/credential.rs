//! Changes of users' own credentials. They lock the user and not the tenant, so that no change of the tenant holds them
//! up; their audit events wait until the tenant is locked.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::key::{TenantId, UserKey};
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::permit::{Permit, unauthenticated};
use crate::service::change::{ChangeContext, ChangeRequest};
use crate::store::UserTx;
use crate::store::session::SignInRow;
use crate::turns::Bounds;

/// Longest time that a request waits for its event to get its place in the audit log.
const PLACE_MAX: Duration = Duration::from_secs(1);
/// Waits before each new attempt to place the events, while another change has the tenant locked. After the last, the
/// next change of the tenant places them, or the regular pass over all tenants.
const PLACE_AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(20)];
/// Bounds of the tasks that place events: for each tenant one runs, and one waits that will see all events noted
/// meanwhile. With both there, another has nothing to do.
pub(in crate::service) const PLACINGS: Bounds =
    Bounds { together: 4, each: 1, waiting: 1024, waiting_each: 1, patience: Duration::from_mins(1) };

impl Platform {
    /// Locks the caller's user row to change their own credentials, if their session is still valid.
    pub(in crate::service) async fn begin_own(&self, caller: &Caller, session: Uuid) -> Result<(UserTx, SignInRow)> {
        let (tx, row) = self.oneself(caller).begin_credentials().await?;
        tx.credentials().check_session(session, self.now()).await?.ok_or_else(unauthenticated)?;
        Ok((tx, row))
    }

    /// Commits a change of the caller's own credentials, so that all instances look them up anew.
    pub(in crate::service) async fn commit_own(
        &self,
        caller: &Caller,
        tx: UserTx,
        action: &'static str,
        after: Option<Value>,
    ) -> Result<()> {
        let record = ChangeContext::new(caller, &account_intent(action, caller.user()), self.now());
        self.commit_credentials(caller.home().id, caller.user(), tx, record.event(None, after, None)).await
    }

    /// Places all events that wait for a tenant. The caller waits for at most [`PLACE_MAX`]; while another change has
    /// the tenant locked, placing goes on in the background.
    pub(in crate::service) async fn place_events(&self, tenant: TenantId) {
        let platform = self.clone();
        let placing = self.parts.tasks.spawn(async move {
            if platform.place_now(tenant).await.is_err() {
                // Not among the tasks that a shutdown waits for.
                tokio::spawn(platform.place_later(tenant));
            }
        });
        // The outcome is in the log.
        drop(timeout(PLACE_MAX, placing).await);
    }

    async fn place_now(&self, tenant: TenantId) -> Result<()> {
        let Ok(_turn) = self.parts.placings.take(tenant).await else { return Ok(()) };
        self.system().place_waiting(tenant).await
    }

    async fn place_later(self, tenant: TenantId) {
        for wait in PLACE_AGAIN {
            sleep(wait).await;
            if self.parts.tasks.is_closed() || self.place_now(tenant).await.is_ok() {
                return;
            }
        }
    }

    /// Places all events that wait for any tenant.
    pub(in crate::service) async fn place_all(&self) -> Result<()> {
        for tenant in self.system().tenants_with_waiting().await? {
            self.place_events(tenant).await;
        }
        Ok(())
    }
}

/// Returns the error for callers without a session: changing credentials needs one (R30).
pub(in crate::service) fn needs_session() -> Error {
    Error::new(ErrorCode::Forbidden, "an API key cannot change passwords or API keys: sign in")
}

/// Returns the intent of a change of a user's account, for the audit log.
pub(in crate::service) fn account_intent(action: &'static str, user: &UserKey) -> ChangeRequest {
    ChangeRequest::new(Permit::USERS_EDIT, action, format_args!("user:{user}"), None).without_rights()
}
