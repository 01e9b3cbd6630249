//! Changes of links. A host states what is linked; a user, or a host in a user's name, links and unlinks what that user
//! may, and nothing that is locked for them (R15).
//!
//! Links affect no decision: changing them makes an audit event, but neither a revision nor news.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::section_with;
use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object, ResourceKey, SectionKey, UserKey};
use crate::domain::link::{LinkDiff, LinkEdit, LinkList, check_room, check_size};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::rule::{BuiltIn, Subject};
use crate::service::Platform;
use crate::service::access::permit::{Permit, forbidden, is_admin_or_host, is_self, subject_of};
use crate::service::change::{ChangeContext, ChangeOptions, ChangeRequest, Outcome, check_reason, visited_from};
use crate::store::View;

/// Change of one list of an owner.
#[derive(Debug, Clone)]
pub struct LinksSet {
    /// List to change.
    pub list: LinkList,
    /// Change of the list.
    pub edit: LinkEdit,
    /// User in whose name the change is made; the caller if absent.
    pub subject: Option<UserKey>,
}

/// Change of a list, after the checks.
struct LinkChange {
    diff: LinkDiff,
    /// Items that are linked after the change, as far as the user who makes it can see them.
    linked: BTreeSet<ResourceKey>,
}

impl LinkChange {
    fn told(edit: &LinkEdit, stored: &BTreeSet<ResourceKey>) -> Result<Self> {
        let diff = edit.told(stored)?;
        Ok(Self { linked: diff.apply(stored), diff })
    }

    fn chosen(
        policy: &TenantPolicy,
        chooser: &Subject,
        set: &LinksSet,
        stored: &BTreeSet<ResourceKey>,
        hides: bool,
    ) -> Result<Self> {
        let items = Object::from(&set.list.items);
        if policy.is_unlicensed(&items, &Action::link()) {
            return Err(unlicensed(&items).at("itemSection"));
        }
        let free = policy.snapshot.reach(chooser, &items, &Action::link());
        let free = |item: &ResourceKey| free.holds(item.as_str());
        let diff = set.edit.chosen(stored, free, hides)?;
        let linked = diff.apply(stored).into_iter().filter(|item| !hides || free(item)).collect();
        Ok(Self { diff, linked })
    }
}

impl Platform {
    /// Changes the items that are linked in one list of an owner, and returns those that are linked now.
    ///
    /// # Errors
    /// `FORBIDDEN` without `edit` on the owner, `LINK_LOCKED` for an item that may not be linked, `NOT_FOUND` for
    /// an owner or an item that is not there, `UNLICENSED_MODULE` for users and admins while the owner or the items are
    /// not in the licence.
    pub async fn link_set(
        &self,
        caller: &Caller,
        set: LinksSet,
        options: ChangeOptions,
    ) -> Result<Outcome<BTreeSet<ResourceKey>>> {
        check_reason(options.reason.as_deref())?;
        let owner = set.list.object();
        let permit = match &set.subject {
            Some(user) if !is_self(caller, user) => Permit::LINKS_FOR_OTHERS,
            _ => Permit::RESOURCES_EDIT.or(owner.clone()),
        };
        // Names the owner's permission, the one of the two that a user can be given.
        let names_owner = set.subject.is_none() && !caller.is_visiting();
        let refused = |error: Error| match error.code {
            ErrorCode::Forbidden if names_owner => forbidden(owner.as_str(), &Action::edit()),
            _ => error,
        };
        if options.dry_run {
            let (policy, view) = self.read_view(caller, &permit).await.map_err(refused)?;
            let found = self.find_links(caller, &policy, &view, &set).await?;
            return Ok(Outcome { dry_run: true, ..Outcome::committed(found.linked, policy.counters.revision) });
        }
        let (tenant, mut tx) = self.begin(caller, permit.clone()).await.map_err(refused)?;
        let policy = tenant.policy();
        let LinkChange { diff, linked } = self.find_links(caller, &policy, &tx, &set).await?;
        let revision = tx.counters().revision;
        if diff.is_empty() {
            return Ok(Outcome::committed(linked, revision));
        }
        let changes = [(set.list, diff)];
        tx.write_links(&changes).await?;
        let intent =
            ChangeRequest::new(permit, "resource.setLinks", format_args!("resource:{owner}"), options).without_rights();
        let record = ChangeContext::new(caller, &intent, self.now());
        let [was, is] = links_for_audit(&changes).map(|links| Some(told(links, set.subject.as_ref())));
        tx.audit(&record.event(was, is, None)).await?;
        self.commit(tx, record, None, visited_from(caller)).await?;
        Ok(Outcome::committed(linked, revision))
    }

    /// Computes the effect of a change, and refuses what is not allowed.
    async fn find_links(
        &self,
        caller: &Caller,
        policy: &TenantPolicy,
        view: &View,
        set: &LinksSet,
    ) -> Result<LinkChange> {
        let LinksSet { list, edit, .. } = set;
        let chooser = chooser(caller, policy, set)?;
        let tells_all = chooser.is_none() && tells_unlicensed(caller, policy);
        let shown = |items: &SectionKey| (tells_all && *items == list.items) || !self.is_hidden(policy, items);
        let section = section_with(&self.parts.catalogue, &list.section, &list.items, shown);
        let section = section.map_err(|error| error.with_code(ErrorCode::Invalid))?;
        if chooser.is_none() && !tells_all {
            check_licensed(policy, list)?;
        }
        let missing = view.missing_resource(&list.section, &BTreeSet::from([list.owner.clone()])).await?.is_some();
        if missing {
            return Err(Error::not_found("resource", list.object()).at("owner"));
        }
        let stored = view.linked_items(&[list]).await?.remove(list).unwrap_or_default();
        let hides = section.hiding_links.contains(&list.items);
        let found = match &chooser {
            None => LinkChange::told(edit, &stored)?,
            Some(chooser) => LinkChange::chosen(policy, chooser, set, &stored, hides)?,
        };
        if let Some(item) = view.missing_resource(&list.items, &found.diff.linked).await? {
            let item = Object::resource(&list.items, item);
            return Err(Error::not_found("resource", item).at(edit.field_of_linked()));
        }
        check_links_fit(view, &[(list.clone(), found.diff.clone())]).await?;
        Ok(found)
    }
}

/// Returns the user whose choice the change is, who needs `edit` on the owner; `None` if a host or an admin states what
/// is linked.
fn chooser(caller: &Caller, policy: &TenantPolicy, set: &LinksSet) -> Result<Option<Subject>> {
    let (owner, tells) = (set.list.object(), is_admin_or_host(caller, policy));
    let refused = |subject: &Subject| !policy.allows(subject, &owner, &Action::edit());
    match &set.subject {
        None if tells => Ok(None),
        Some(user) if !is_self(caller, user) => {
            let subject = Subject::User(user.clone());
            if !tells {
                let message = "only admins and host applications change what is linked in the name of others";
                return Err(Error::new(ErrorCode::Forbidden, message));
            }
            if refused(&subject) {
                return Err(
                    forbidden(owner.as_str(), &Action::edit()).saying(format!("`{user}` may not edit `{owner}`"))
                );
            }
            Ok(Some(subject))
        }
        _ if refused(&subject_of(caller)) => Err(forbidden(owner.as_str(), &Action::edit())),
        _ => Ok(Some(subject_of(caller))),
    }
}

/// Returns `true` for those who tell what is linked also while a module is not in the licence (R46): host applications,
/// operators and the program itself, but not the tenant's admins (R2).
fn tells_unlicensed(caller: &Caller, policy: &TenantPolicy) -> bool {
    let is_host = || policy.snapshot.holds(&subject_of(caller), &Subject::Role(BuiltIn::Service));
    caller.is_system() || caller.is_visiting() || is_host()
}

/// Refuses a list whose owner or items are in a module without a licence.
fn check_licensed(policy: &TenantPolicy, list: &LinkList) -> Result<()> {
    for (object, action, field) in
        [(list.object(), Action::edit(), "owner"), (Object::from(&list.items), Action::link(), "itemSection")]
    {
        if policy.is_unlicensed(&object, &action) {
            return Err(unlicensed(&object).at(field));
        }
    }
    Ok(())
}

fn unlicensed(object: &Object) -> Error {
    Error::new(ErrorCode::UnlicensedModule, format!("`{}` is not in the licence", object.first()))
}

/// Returns the differences to the lists that a host states with their owners.
pub(in crate::service) async fn told_differences(
    view: &View,
    told: Vec<(LinkList, LinkEdit)>,
) -> Result<Vec<(LinkList, LinkDiff)>> {
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let mut stored = view.linked_items(&told.iter().map(|(list, _)| list).collect::<Vec<_>>()).await?;
    let mut changes = Vec::new();
    for (list, edit) in told {
        let diff = edit.told(&stored.remove(&list).unwrap_or_default())?;
        changes.extend((!diff.is_empty()).then_some((list, diff)));
    }
    check_links_fit(view, &changes).await?;
    Ok(changes)
}

/// Refuses more links than a change can have, and links that the tenant has no room for. The links are counted only if
/// some are added.
async fn check_links_fit(view: &View, changes: &[(LinkList, LinkDiff)]) -> Result<()> {
    check_size(changes)?;
    if changes.iter().all(|(_, diff)| diff.linked.is_empty()) {
        return Ok(());
    }
    check_room(view.links_count().await?, changes)
}

/// Returns the unlinked and the linked items, by owner and section, for the audit log.
pub(in crate::service) fn links_for_audit(changes: &[(LinkList, LinkDiff)]) -> [Option<Value>; 2] {
    let side = |part: fn(&LinkDiff) -> &BTreeSet<ResourceKey>| {
        let mut owners: BTreeMap<Object, BTreeMap<&str, &BTreeSet<ResourceKey>>> = BTreeMap::new();
        for (list, diff) in changes.iter().filter(|(_, diff)| !part(diff).is_empty()) {
            owners.entry(list.object()).or_default().insert(list.items.as_str(), part(diff));
        }
        (!owners.is_empty()).then(|| json!(owners))
    };
    [side(|diff| &diff.unlinked), side(|diff| &diff.linked)]
}

/// Returns one side of the audit event of links that a user changed, or a host in their name.
fn told(links: Option<Value>, subject: Option<&UserKey>) -> Value {
    let links = links.unwrap_or_else(|| json!({}));
    match subject {
        Some(subject) => json!({ "links": links, "subject": subject }),
        None => json!({ "links": links }),
    }
}
