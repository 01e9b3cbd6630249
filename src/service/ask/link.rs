//! Lists of items that are linked to an owner (R15): the queues of an agent, the integrations of a trigger. This module
//! decides who can link, unlink or only see an item; `set` changes the links.

use std::collections::BTreeSet;

use crate::auth::caller::Caller;
use crate::domain::catalogue::Section;
use crate::domain::key::{Action, Object, ResourceKey, SectionKey, UserKey};
pub use crate::domain::link::LINKED_MAX;
use crate::domain::link::{LinkList, section_with};
use crate::domain::resource::Resource;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::reach::Reach;
use crate::service::Platform;
use crate::service::access::permit::{Permit, asked_about, is_admin_or_host, is_self};
use crate::store::Scope;
use crate::store::page::{Page, PageOf};

mod set;

pub use set::LinksSet;
pub(in crate::service) use set::{links_for_audit, told_differences};

/// Owner that a list of items is for.
#[derive(Debug, Clone)]
pub enum Owner {
    /// A resource that is being created in this section.
    New(SectionKey),
    /// This resource of a section.
    Existing(SectionKey, ResourceKey),
}

impl Owner {
    const fn section(&self) -> &SectionKey {
        let (Self::New(section) | Self::Existing(section, _)) = self;
        section
    }
}

/// Request for a list of items.
#[derive(Debug, Clone)]
pub struct ItemList {
    /// User whose view of the list is requested; the caller if absent.
    pub subject: Option<UserKey>,
    /// Owner that the items are linked to.
    pub owner: Owner,
    /// Section of the items.
    pub items: SectionKey,
    /// Additional items that are linked to the owner, as the caller claims.
    pub claimed: BTreeSet<ResourceKey>,
    /// Text that the key or the name of an item contains.
    pub search: Option<String>,
}

/// Item of a list.
#[derive(Debug, Clone)]
pub struct LinkableItem {
    /// Resource that the item stands for.
    pub resource: Resource,
    /// `true` if the item is linked to the owner now.
    pub linked: bool,
    /// `true` if the subject can see the item, but neither link nor unlink it.
    pub locked: bool,
}

/// Resources of a section that the subject of a list of items can see and choose.
struct Choice {
    scope: Scope,
    seen: Reach,
    /// Items that the subject can link and unlink.
    free: Reach,
    linked: BTreeSet<ResourceKey>,
}

impl Platform {
    /// Returns a page of the items that the subject can see in the list, ordered by key. Users can ask about
    /// themselves; asking about others needs `read` on `admin/decisions`.
    pub async fn link_list(&self, caller: &Caller, list: &ItemList, page: Page) -> Result<PageOf<LinkableItem>> {
        let Choice { scope, seen, free, linked } = self.choice(caller, list).await?;
        let found = scope.resources_within(&list.items, &seen, list.search.as_deref(), &page).await?;
        found.try_map(|resource| {
            let (linked, locked) = (linked.contains(&resource.key), !free.holds(resource.key.as_str()));
            Ok(LinkableItem { resource, linked, locked })
        })
    }

    /// Counts the items that the subject can see in the list.
    pub async fn link_count(&self, caller: &Caller, list: &ItemList) -> Result<u64> {
        let Choice { scope, seen, .. } = self.choice(caller, list).await?;
        scope.resources_within_count(&list.items, &seen, list.search.as_deref()).await
    }

    async fn choice(&self, caller: &Caller, list: &ItemList) -> Result<Choice> {
        let tenant = self.authorise_about(caller, Permit::DECISIONS_READ, list.subject.iter()).await?;
        let subject = asked_about(caller, list.subject.as_ref());
        // All answers come from one policy, even if it changes meanwhile.
        let policy = tenant.policy();
        let section = self.check_list(&policy, list).map_err(|error| error.at("input"))?;
        let scope = tenant.scope();
        let items = Object::from(&list.items);
        let linkable = policy.snapshot.reach(&subject, &items, &Action::link());
        let may = |action: &Action, object: &Object| policy.allows(&subject, object, action);
        let nothing = Reach::nothing();
        let mut linked = claimed(caller, &policy, list);
        let (seen, free) = match &list.owner {
            Owner::New(section) if may(&Action::edit(), &section.into()) => (linkable.clone(), linkable),
            Owner::New(_) => (nothing.clone(), nothing),
            Owner::Existing(owner_section, key) => {
                let links = LinkList { section: owner_section.clone(), owner: key.clone(), items: list.items.clone() };
                linked.extend(scope.linked_items(&links).await?);
                let owner = links.object();
                let seen = may(&Action::read(), &owner) && !policy.is_unlicensed(&items, &Action::link());
                let free = if may(&Action::edit(), &owner) { linkable.clone() } else { nothing.clone() };
                let hides = section.hiding_links.contains(&list.items);
                (
                    if !seen {
                        nothing
                    } else if hides {
                        linkable
                    } else {
                        linkable.with(&linked)
                    },
                    free,
                )
            }
        };
        Ok(Choice { scope, seen, free, linked })
    }

    /// Returns the owner's section; refuses a list that the catalogue does not define for it.
    fn check_list(&self, policy: &TenantPolicy, list: &ItemList) -> Result<&Section> {
        if list.claimed.len() > LINKED_MAX {
            return Err(Error::bad_input(format!("at most {LINKED_MAX} linked items are allowed")).at("linked"));
        }
        section_with(&self.parts.catalogue, list.owner.section(), &list.items, |items| !self.is_hidden(policy, items))
    }
}

/// Returns the claimed links that count. A host knows the links of its users, and asks for them; other callers could
/// find out by claims which items exist.
fn claimed(caller: &Caller, policy: &TenantPolicy, list: &ItemList) -> BTreeSet<ResourceKey> {
    let asks_for_other = list.subject.as_ref().is_some_and(|subject| !is_self(caller, subject));
    let counts = asks_for_other && is_admin_or_host(caller, policy);
    if counts { list.claimed.clone() } else { BTreeSet::new() }
}
