//! A change that is only tried. It goes the way of [`change`](crate::service::change) as far as the tenant would be written:
//! with all checks and refusals, at one moment of the tenant, and without keeping others waiting. The result tells
//! which users would gain and lose what.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::auth::caller::Caller;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{Object, UserKey};
use crate::domain::tenant::TenantState;
use crate::engine::impact::Objects;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::impact::Impact;
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::admin::agent::VisibleUsers;
use crate::service::ask::search::catalogued;
use crate::service::change::{Apply, ChangeRequest, Outcome, PreparedChange};
use crate::store::View;
use crate::store::user::UserRow;

/// Number of looks at a tenant that moves on meanwhile, before the dry run gives up.
const LOOKS: usize = 16;

impl Platform {
    /// Tries a change, and writes nothing.
    pub(super) async fn dry_run(
        &self,
        caller: &Caller,
        intent: &ChangeRequest,
        apply: Apply<'_>,
    ) -> Result<Outcome<()>> {
        let (policy, view) = self.read_view(caller, &intent.permit).await?;
        let drafted = match self.draft(caller, &policy, &view, intent, apply).await {
            Ok(drafted) => drafted,
            Err(error) => {
                drop(view);
                return Err(self.explain_conflict(caller, &intent.target, error).await);
            }
        };
        view.check_accounts(&drafted.new_accounts, &drafted.accounts).await?;
        drop(view);
        let (impact, users) = self.impact_of(caller, &policy, &drafted).await?.unzip();
        let (revision, users) = (policy.counters.revision, users.unwrap_or_default());
        Ok(Outcome { value: (), revision, dry_run: true, impact, users })
    }

    /// Returns the tenant as it is stored at one moment, with the policy of that moment, by which the caller may do
    /// this.
    pub(in crate::service) async fn read_view(
        &self,
        caller: &Caller,
        permit: &Permit,
    ) -> Result<(Arc<TenantPolicy>, View)> {
        for _ in 0..LOOKS {
            let tenant = self.authorise(caller, permit.clone()).await?;
            let policy = Arc::clone(&tenant.policy());
            let view = tenant.view().await?;
            let stored = view.counters();
            if stored == policy.counters {
                return Ok((policy, view));
            }
            drop(view);
            self.parts.policies.advance(&tenant, stored).await?;
        }
        Err(Error::unavailable("this tenant changes too fast to be looked at: try again later"))
    }

    /// Returns the access that users would gain and lose, of those whom the caller may see, with the users that are
    /// named; `None` for callers who may not see rules, or no user.
    async fn impact_of(
        &self,
        caller: &Caller,
        policy: &Arc<TenantPolicy>,
        drafted: &PreparedChange,
    ) -> Result<Option<(Impact, HashMap<UserKey, UserRow>)>> {
        let visible = match self.authorise(caller, Permit::RULES_READ).await {
            Ok(_) => self.visible_users(caller).await,
            Err(error) => Err(error),
        };
        let visible = match visible {
            Err(error) if error.code == ErrorCode::Forbidden => return Ok(None),
            visible => visible?,
        };
        let mut made = drafted.users_made();
        let told = told(&self.parts.catalogue, [drafted.before(), &drafted.after])?;
        let (policy, rules) = (Arc::clone(policy), drafted.diff.rules());
        let new: HashSet<UserKey> = made.keys().cloned().collect();
        let (impact, visible) = self
            .search(caller.tenant().id, move || {
                let before = &policy.snapshot;
                let after = before.after(before.revision(), &rules);
                let objects = Objects::new(told, before);
                let seen = |user: &UserKey| new.contains(user) || visible.contains_in(&policy, user);
                (before.impact(&after, &rules, &objects, seen, Impact::LISTED_MAX), visible)
            })
            .await?;
        let mut users = rows_of(&visible, &impact).await?;
        let listed: BTreeSet<UserKey> = named(&impact).cloned().collect();
        made.retain(|user, _| listed.contains(user));
        users.extend(made);
        Ok(Some((impact, users)))
    }
}

/// Returns the objects that a tenant can be asked about: those of the catalogue and the resources.
pub(in crate::service) fn told<'s>(
    catalogue: &Catalogue,
    states: impl IntoIterator<Item = &'s TenantState>,
) -> Result<BTreeSet<Object>> {
    let (named, _) = catalogued(catalogue, None)?;
    let resources = states.into_iter().flat_map(|state| state.resources.keys()).cloned();
    Ok(named.into_iter().chain(resources).collect())
}

/// Returns the users that an impact names.
fn named(impact: &Impact) -> impl Iterator<Item = &UserKey> {
    impact.gained.iter().chain(&impact.lost).map(|change| &change.user)
}

pub(in crate::service) async fn rows_of(visible: &VisibleUsers, impact: &Impact) -> Result<HashMap<UserKey, UserRow>> {
    let keys: BTreeSet<&UserKey> = named(impact).collect();
    let keys: Vec<UserKey> = keys.into_iter().cloned().collect();
    let rows = visible.scope.users_by_keys(&keys).await?;
    Ok(rows.into_iter().map(|row| (row.user.key.clone(), row)).collect())
}

impl PreparedChange {
    /// Returns the users that are new, as they would be. An extension that is not given by hand is given out when the
    /// user is made.
    fn users_made(&self) -> HashMap<UserKey, UserRow> {
        let made = self.new_accounts.iter().filter_map(|(key, account)| {
            let row = UserRow {
                user: self.after.users.get(key)?.clone(),
                username: account.username.clone(),
                full_name: account.full_name.to_string(),
                email: account.email.as_ref().map(|email| email.as_str().to_owned()),
                has_password: account.password_hash.is_some(),
                extension: account.extension.clone().unwrap_or_default(),
                telephony: account.telephony.clone(),
                created_at: account.created_at,
                last_password_reset_at: None,
            };
            Some((key.clone(), row))
        });
        made.collect()
    }
}
