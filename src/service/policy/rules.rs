//! The rules themselves: for auditors, for other Casbin programs, and as they change.

use std::collections::{BTreeSet, HashMap, VecDeque};

use data_encoding::HEXLOWER;
use futures_util::Stream;
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, TenantKey, UserKey};
use crate::error::{Error, Result};
use crate::policy::revision::Counters;
pub use crate::policy::rule::{Origin, OriginKind, Rule, RuleHash};
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::store::Scope;
pub use crate::store::audit::{Actor, ActorKind};
use crate::store::page::{Page, PageOf};
use crate::store::policy::FirstOrigins;
pub use crate::store::policy::{RuleFilter, RuleRow};
pub use crate::store::revision::RevisionHead;

/// Name of a cursor that stands at a rule of the past.
const RULE: &str = "rule";
/// The most origins of a rule that are listed: an agent can be a member of very many teams.
pub const ORIGINS_MAX: u32 = 10;
/// Number of revisions that a subscription reads at once.
const CATCH_UP: u64 = 100;

/// The origin of a rule, with the name that its thing has now.
#[derive(Debug, Clone)]
pub struct NamedOrigin {
    /// The origin.
    pub origin: Origin,
    /// The name of the thing.
    pub name: String,
}

/// The origins of a rule, as far as they are listed.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The first of its origins; [`ORIGINS_MAX`] are listed.
    pub first: Vec<NamedOrigin>,
    /// The number of all of them.
    pub count: u64,
}

impl NamedOrigin {
    /// Returns the part of the thing that the rule comes from, with its place in the catalogue: `Voice → Voice Queues,
    /// own permission read and delete`.
    pub fn about(&self, catalogue: &Catalogue) -> String {
        let Origin { kind, module, section, note, .. } = &self.origin;
        // The licence is of the module already.
        let module = module.as_deref().filter(|_| *kind != OriginKind::Licence);
        let place = module.and_then(|module| catalogue.place(module, section.as_deref()));
        let note = Some(note.clone()).filter(|note| !note.is_empty());
        place.into_iter().chain(note).collect::<Vec<_>>().join(", ")
    }

    /// Returns all of it in the words of administrators: `User profile Supervisors: Voice → Voice Queues, own
    /// permission read and delete`.
    pub fn text(&self, catalogue: &Catalogue) -> String {
        let kind = match self.origin.kind {
            OriginKind::Profile => "User profile",
            OriginKind::Role => "Custom role",
            OriginKind::Group => "Group",
            OriginKind::User => "User",
            OriginKind::Licence => "Licence of",
            OriginKind::BuiltIn => "Built-in role",
        };
        let about = self.about(catalogue);
        let about = if about.is_empty() { about } else { format!(": {about}") };
        format!("{kind} {}{about}", self.name)
    }
}

impl Platform {
    /// Returns the revision that is in force here.
    pub async fn policy_revision(&self, caller: &Caller) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let revision = tenant.policy().counters.revision;
        Ok(revision)
    }

    /// Returns the digest of what is in memory here to decide from, in hexadecimal digits: of the rules, the settings,
    /// the disabled users, and the changes that made it so. Other instances that hold the same have the same digest.
    pub async fn policy_digest(&self, caller: &Caller) -> Result<String> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?.into_tenant();
        self.search(tenant.id, move || HEXLOWER.encode(&tenant.digest())).await
    }

    /// Returns a page of the rules that are stored.
    pub async fn rule_list(&self, caller: &Caller, filter: &RuleFilter, page: Page) -> Result<PageOf<RuleRow>> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        tenant.scope().rules(filter, &page).await
    }

    /// Returns a page of the rules as they were at a revision, in their order.
    pub async fn rule_list_at(
        &self,
        caller: &Caller,
        revision: u64,
        filter: &RuleFilter,
        page: Page,
    ) -> Result<PageOf<Rule>> {
        let policy = self.policy_at(caller, revision).await?;
        let part = page.part(RULE, |line| Some(line.to_owned()))?;
        let (filter, sought, key) = (filter.clone(), page.sought(), caller.tenant().key.clone());
        let found = self
            .search(caller.tenant().id, move || {
                let rules = policy
                    .snapshot
                    .rules()
                    .filter(|rule| filter.holds(rule, &key))
                    .map(|rule| (line(&rule, &key), rule));
                // The place is sought by the order of the list, which is not that of its lines.
                let mut rules = rules.peekable();
                if let Some(after) = &part.after {
                    while rules.next_if(|(line, _)| line != after).is_some() {}
                    rules.next();
                }
                rules.take(sought).collect::<Vec<_>>()
            })
            .await?;
        page.of_part(RULE, found, |(line, _)| line.clone()).try_map(|(_, rule)| Ok(rule))
    }

    /// Counts the rules of the filter at a revision.
    pub async fn rule_count_at(&self, caller: &Caller, revision: u64, filter: &RuleFilter) -> Result<u64> {
        let policy = self.policy_at(caller, revision).await?;
        let (filter, key) = (filter.clone(), caller.tenant().key.clone());
        let count = move || policy.snapshot.rules().filter(|rule| filter.holds(rule, &key)).count() as u64;
        self.search(caller.tenant().id, count).await
    }

    /// Counts the rules of the filter that are stored.
    pub async fn rule_count(&self, caller: &Caller, filter: &RuleFilter) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        tenant.scope().rules_count(filter).await
    }

    /// Finds where these rules come from, with the names that those things have now. Callers can ask about
    /// rules that they hold.
    pub async fn rule_origins(&self, caller: &Caller, rules: &[Rule]) -> Result<HashMap<RuleHash, Origins>> {
        let holders = rules.iter().map(|rule| rule.subject().clone());
        let tenant = self.authorise_holder(caller, Permit::RULES_READ, holders).await?;
        let scope = tenant.scope();
        let hashes: Vec<RuleHash> = rules.iter().map(Rule::hash).collect();
        let origins = scope.origins(&hashes, ORIGINS_MAX).await?;
        let names = self.origin_names(&scope, origins.values().flat_map(|origins| &origins.first)).await?;
        let named = |origin: Origin| {
            let name = names.get(&(origin.kind, origin.key.clone())).cloned().unwrap_or_else(|| origin.key.clone());
            NamedOrigin { origin, name }
        };
        let named = |FirstOrigins { first, count }| Origins { first: first.into_iter().map(named).collect(), count };
        Ok(origins.into_iter().map(|(rule, origins)| (rule, named(origins))).collect())
    }

    /// Returns the names of all things that these origins name: one query for each kind.
    async fn origin_names<'a>(
        &self,
        scope: &Scope,
        origins: impl Iterator<Item = &'a Origin>,
    ) -> Result<HashMap<(OriginKind, String), String>> {
        let mut keys: HashMap<OriginKind, BTreeSet<&str>> = HashMap::new();
        for origin in origins {
            keys.entry(origin.kind).or_default().insert(&origin.key);
        }
        let mut names = HashMap::new();
        for (kind, keys) in keys {
            let found = self.names_of(scope, kind, &keys).await?;
            names.extend(found.into_iter().map(|(key, name)| ((kind, key), name)));
        }
        Ok(names)
    }

    async fn names_of(&self, scope: &Scope, kind: OriginKind, keys: &BTreeSet<&str>) -> Result<Vec<(String, String)>> {
        fn parsed<K>(keys: &BTreeSet<&str>, parse: fn(&str) -> Result<K>) -> Result<Vec<K>> {
            keys.iter().map(|key| parse(key)).collect()
        }
        Ok(match kind {
            OriginKind::Profile => {
                let found = scope.profiles_by_keys(&parsed(keys, ProfileKey::parse)?).await?;
                found.into_iter().map(|one| (one.key.to_string(), one.name.to_string())).collect()
            }
            OriginKind::Role => {
                let found = scope.roles_by_keys(&parsed(keys, RoleKey::parse)?).await?;
                found.into_iter().map(|one| (one.key.to_string(), one.name.to_string())).collect()
            }
            OriginKind::Group => {
                let found = scope.groups_by_keys(&parsed(keys, GroupKey::parse)?).await?;
                found.into_iter().map(|one| (one.key.to_string(), one.name.to_string())).collect()
            }
            OriginKind::User => {
                let found = scope.users_by_keys(&parsed(keys, UserKey::parse)?).await?;
                found.into_iter().map(|one| (one.user.key.to_string(), one.full_name)).collect()
            }
            OriginKind::Licence => {
                let modules = keys.iter().filter_map(|key| self.parts.catalogue.module(key));
                modules.map(|module| (module.key.to_string(), module.name.clone())).collect()
            }
            OriginKind::BuiltIn => Vec::new(),
        })
    }

    /// Streams the revisions after `since`, then each new one once it is in force here. The right to see them is asked
    /// again at each.
    pub async fn policy_changes(
        self,
        caller: Caller,
        since: Option<u64>,
    ) -> Result<impl Stream<Item = Result<RevisionHead>> + use<>> {
        let tenant = self.authorise(&caller, Permit::RULES_READ).await?;
        let changes = tenant.changes();
        if since.is_some_and(|since| since > changes.borrow().revision) {
            self.parts.policies.refresh(&tenant).await?;
        }
        let here = *changes.borrow();
        let last = match since.filter(|since| *since != here.revision) {
            None => Told { revision: here.revision, change: here.policy_change },
            Some(since) => {
                let change = tenant.scope().change_of(since).await?;
                Told { revision: since, change: change.unwrap_or_default() }
            }
        };
        let state = (self, caller, changes, last, Vec::new().into_iter());
        Ok(futures_util::stream::try_unfold(state, |(platform, caller, mut changes, mut last, mut ready)| async move {
            loop {
                let next: Option<RevisionHead> = ready.next();
                if let Some(head) = next {
                    platform.authorise(&caller, Permit::RULES_READ).await?;
                    last = Told { revision: head.revision, change: head.change_id };
                    return Ok(Some((head, (platform, caller, changes, last, ready))));
                }
                // A tenant that is dropped from memory ends its subscriptions.
                let Ok(counters) = changes.wait_for(|counters| last.is_before(counters)).await.map(|seen| *seen) else {
                    return Ok(None);
                };
                let tenant = platform.authorise(&caller, Permit::RULES_READ).await?;
                ready = after(&tenant.scope(), last, counters.revision).await?.into_iter();
            }
        }))
    }
}

/// The last revision that a subscriber knows of.
#[derive(Clone, Copy)]
struct Told {
    revision: u64,
    /// The change that made it; nil where that is not known.
    change: Uuid,
}

impl Told {
    /// Returns whether there is something to tell: more, or something else in its place.
    fn is_before(&self, here: &Counters) -> bool {
        let is_known = !self.change.is_nil() && !here.policy_change.is_nil();
        let is_replaced = here.revision < self.revision || here.policy_change != self.change;
        here.revision > self.revision || is_known && is_replaced
    }
}

/// Returns the revisions after the one that a subscriber knows, up to `newest`.
async fn after(scope: &Scope, last: Told, newest: u64) -> Result<Vec<RevisionHead>> {
    let missing = newest.saturating_sub(last.revision).clamp(1, CATCH_UP);
    // With the known one, which tells whether the log is of the same history.
    let mut found = VecDeque::from(scope.revisions_from(last.revision, missing + 1).await?);
    let known = found.pop_front_if(|head| head.revision == last.revision);
    let is_same = last.change.is_nil() || known.is_none_or(|known| known.change_id == last.change);
    if is_same && found.front().is_some_and(|next| next.revision == last.revision + 1) {
        return Ok(found.into());
    }
    let gone = format!("revision {} is no longer in the log: read the rules anew", last.revision);
    Err(Error::bad_input(gone).at("since"))
}

/// Returns a rule as it is stored, in the words of Casbin's files.
pub(in crate::service) fn line(rule: &Rule, tenant: &TenantKey) -> String {
    let mut text = rule.ptype().to_owned();
    for value in rule.values(tenant) {
        text.push_str(", ");
        text.push_str(&value);
    }
    text
}
