//! The rules themselves: for auditors, for other Casbin programs, and as they change.

use std::sync::Arc;

use futures_util::Stream;

use super::Platform;
use super::permit::Permit;
use crate::auth::caller::Caller;
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::policy::rule::Rule;
use crate::store::page::{Page, PageOf};
use crate::store::policy::RevisionEntry;
pub use crate::store::policy::RuleRow;

/// How many revisions a subscription reads at once.
const CATCH_UP: u64 = 100;

/// A revision, with the tenant whose rules it lists.
#[derive(Debug, Clone)]
pub struct RevisionRow {
    /// What the log holds.
    pub entry: RevisionEntry,
    /// The domain of its rules.
    pub tenant: TenantKey,
}

impl Platform {
    /// The revision that is in force here.
    pub async fn policy_revision(&self, caller: &Caller) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let revision = tenant.policy().counters.revision;
        Ok(revision)
    }

    /// A page of the rules that are stored.
    pub async fn rules(
        &self,
        caller: &Caller,
        ptype: Option<&str>,
        search: Option<&str>,
        page: Page,
    ) -> Result<PageOf<RuleRow>> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        self.store.scope(tenant.id).rules(&tenant.key, ptype, search, &page).await
    }

    /// How many rules there are.
    pub async fn count_rules(&self, caller: &Caller, ptype: Option<&str>, search: Option<&str>) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        self.store.scope(tenant.id).count_rules(ptype, search).await
    }

    /// All rules in force here, as CSV in the form that Casbin's file adapters read.
    pub async fn policy_csv(&self, caller: &Caller) -> Result<String> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let policy = Arc::clone(&tenant.policy());
        let key = tenant.key.clone();
        tokio::task::spawn_blocking(move || csv(policy.snapshot.rules(), &key)).await.map_err(Error::internal)?
    }

    /// The revisions after `since`, then each new one once it is in force here. The right to see
    /// them is asked again at each.
    pub async fn policy_changes(
        self,
        caller: Caller,
        since: Option<u64>,
    ) -> Result<impl Stream<Item = Result<RevisionRow>> + use<>> {
        let tenant = self.authorise(&caller, Permit::RULES_READ).await?;
        let changes = tenant.changes();
        let last = since.unwrap_or(changes.borrow().revision);
        let state = (self, caller, changes, last, Vec::new().into_iter());
        Ok(futures_util::stream::try_unfold(state, |(platform, caller, mut changes, mut last, mut ready)| async move {
            loop {
                let next: Option<RevisionEntry> = ready.next();
                if let Some(entry) = next {
                    let tenant = platform.authorise(&caller, Permit::RULES_READ).await?;
                    last = entry.revision;
                    let row = RevisionRow { entry, tenant: tenant.key.clone() };
                    return Ok(Some((row, (platform, caller, changes, last, ready))));
                }
                // A tenant that is dropped from memory ends its subscriptions.
                let Ok(counters) = changes.wait_for(|counters| counters.revision > last).await.map(|seen| *seen) else {
                    return Ok(None);
                };
                let missing = counters.revision.saturating_sub(last).min(CATCH_UP);
                ready = platform.store.revisions_since(caller.tenant().id, last, missing).await?.into_iter();
                if ready.len() == 0 {
                    return Err(Error::bad_input(format!("revision {last} is no longer in the log")).at("since"));
                }
            }
        }))
    }
}

fn csv(rules: impl Iterator<Item = Rule>, tenant: &TenantKey) -> Result<String> {
    let mut text = String::new();
    for rule in rules {
        // No key holds a comma, a quote or a line break, so nothing needs quoting.
        text.push_str(rule.ptype());
        for value in rule.values(tenant) {
            text.push_str(", ");
            text.push_str(&value);
        }
        text.push('\n');
    }
    Ok(text)
}
