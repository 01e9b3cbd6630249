//! A tenant's policy for other Casbin programs: the whole policy, and the part of it that one user's browser may have.

use std::sync::Arc;

use futures_util::Stream;
use serde_json::json;

use crate::auth::caller::Caller;
use crate::domain::key::{TenantId, UserKey};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::COMPILER_VERSION;
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::ask::search::blocking;
use crate::turns::Turn;

/// Size in bytes at which a chunk of text ends; its last line may exceed it.
const CHUNK: usize = 64 * 1024;
/// Maximum size in bytes of a whole policy as one text.
pub const TEXT_MAX: usize = 4 * 1024 * 1024;

/// Whole policy at one revision, for a Casbin program. It holds one of the few export places until it is dropped.
pub struct PolicyExport {
    tenant: TenantId,
    policy: Arc<TenantPolicy>,
    place: Turn<TenantId>,
}

/// Rules that decide one user's requests.
pub struct UserRules {
    /// Revision of the rules.
    pub revision: u64,
    /// JSON for `casbin.js`: the model's text as `m`, and the lines as `p`, with role links among the rules.
    pub data: String,
    /// Place among the few concurrent exports, held while the rules are being sent.
    pub place: Turn<TenantId>,
}

impl Platform {
    /// Returns the text of the Casbin model that the rules are matched with.
    pub async fn casbin_model(&self, caller: &Caller) -> Result<&str> {
        self.authorise(caller, Permit::RULES_READ).await?;
        Ok(&self.parts.model)
    }

    /// Exports all rules in force on this instance. `RATE_LIMITED` while too many exports of the tenant are under way.
    pub async fn policy_export(&self, caller: &Caller) -> Result<PolicyExport> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let place = self.export_place(tenant.id).await?;
        Ok(PolicyExport { tenant: tenant.id, policy: Arc::clone(&tenant.policy()), place })
    }

    /// Exports all rules that were in force at a revision.
    pub async fn policy_export_at(&self, caller: &Caller, revision: u64) -> Result<PolicyExport> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let place = self.export_place(tenant.id).await?;
        Ok(PolicyExport { tenant: tenant.id, policy: self.policy_at(caller, revision).await?, place })
    }

    /// Returns the rules that decide this user's requests: the roles they hold, and the rules of those. Users can ask
    /// about themselves; asking about others needs `read` on `admin/rules`. A disabled user has none; `None` if there
    /// is no such user. `RATE_LIMITED` while too many exports of the tenant are under way.
    pub async fn casbin_rules(&self, caller: &Caller, user: &str) -> Result<Option<UserRules>> {
        let Ok(user) = UserKey::parse(user) else {
            self.authorise(caller, Permit::RULES_READ).await?;
            return Ok(None);
        };
        let tenant = self.authorise_about(caller, Permit::RULES_READ, std::iter::once(&user)).await?;
        let policy = Arc::clone(&tenant.policy());
        let subject = Subject::User(user.clone());
        if !policy.snapshot.knows(&subject) && !policy.disabled.contains(&user) {
            return Ok(None);
        }
        let (model, place) = (self.parts.model.clone(), self.user_rules_place(tenant.id).await?);
        // A user can hold many thousands of rules, and ask again and again.
        let made = blocking(move || {
            let rules = policy.snapshot.rules_of(&subject);
            let lines: Vec<_> = rules.iter().filter_map(|rule| policy.snapshot.line(rule)).collect();
            let data = json!({ "m": model, "p": lines }).to_string();
            UserRules { revision: policy.counters.revision, data, place }
        });
        made.await.map(Some)
    }
}

impl PolicyExport {
    /// Returns the revision of the policy.
    pub fn revision(&self) -> u64 {
        self.policy.counters.revision
    }

    /// Returns a tag that differs from that of every other text: of another tenant, change or compiler.
    pub fn tag(&self) -> String {
        let change = self.policy.counters.policy_change.simple();
        format!("{}-{}-{change}-{COMPILER_VERSION}", self.tenant.0.simple(), self.revision())
    }

    /// Returns the rules in the format of Casbin's file adapters, one per line, as one text.
    ///
    /// # Errors
    /// `TOO_LARGE` above [`TEXT_MAX`].
    pub async fn text(self) -> Result<String> {
        let text = move || {
            let _held = self.place;
            whole(Chunks(self.policy.snapshot.lines()))
        };
        tokio::task::spawn_blocking(text).await.map_err(Error::internal)?
    }

    /// Streams the rules as chunks of the same text, each made on demand: however large the policy is, at most one
    /// chunk of its text is in memory.
    pub async fn stream(self) -> Result<impl Stream<Item = String> + Send + 'static> {
        let Self { policy, place, .. } = self;
        let ordered = tokio::task::spawn_blocking(move || (policy.snapshot.lines(), place)).await;
        let (lines, place) = ordered.map_err(Error::internal)?;
        let chunks = Chunks(lines);
        // The place is released with the last chunk.
        Ok(futures_util::stream::iter(chunks.inspect(move |_| {
            let _ = &place;
        })))
    }
}

/// Joins chunks, up to [`TEXT_MAX`].
fn whole(pieces: impl Iterator<Item = String>) -> Result<String> {
    let mut whole = String::new();
    for piece in pieces {
        if whole.len() + piece.len() > TEXT_MAX {
            let words = "`GET /casbin/policy.csv` and `bailiwick policy export` give it whole";
            let mebibytes = TEXT_MAX / (1024 * 1024);
            let message = format!("as one text this policy is larger than {mebibytes} MiB: {words}");
            return Err(Error::new(ErrorCode::TooLarge, message));
        }
        whole.push_str(&piece);
    }
    Ok(whole)
}

/// Lines as chunks of a CSV. No key contains a comma, a quote or a line break, so nothing needs quoting.
struct Chunks<L>(L);

impl<L: Iterator<Item = Vec<String>>> Iterator for Chunks<L> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut text = String::new();
        for line in self.0.by_ref() {
            text.push_str(&line.join(", "));
            text.push('\n');
            if text.len() >= CHUNK {
                break;
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_one_text_up_to_a_bound_and_refused_above_it() {
        let lines = |count: usize| std::iter::repeat_n(vec!["p".repeat(1023)], count);
        assert_eq!(whole(Chunks(lines(4096))).unwrap().len(), TEXT_MAX);
        let refused = whole(Chunks(lines(4097))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::TooLarge);
        assert!(refused.message.contains("4 MiB") && refused.message.contains("/casbin/policy.csv"), "{refused}");
    }
}
