//! Lists of items that are linked to an owner (R15): the queues of an agent, the integrations of a
//! trigger. The host keeps the links; here is who may choose, take away or only see which item.

use std::collections::BTreeSet;

use super::Platform;
use super::permit::{Permit, asked_about};
use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object, ResourceKey, SectionKey, UserKey};
use crate::domain::resource::Resource;
use crate::error::{Error, Result};
use crate::policy::reach::Reach;
use crate::store::Scope;
use crate::store::page::{Page, PageOf};

/// The most items that an owner can be said to be linked to.
pub const LINKED_MAX: usize = 1000;

/// What the list of items is for.
#[derive(Debug, Clone)]
pub enum Owner {
    /// For a resource that is being created in this section.
    New(SectionKey),
    /// For this resource of a section.
    Existing(SectionKey, ResourceKey),
}

impl Owner {
    const fn section(&self) -> &SectionKey {
        let (Self::New(section) | Self::Existing(section, _)) = self;
        section
    }
}

/// Which list of items is wanted, and for whom.
#[derive(Debug, Clone)]
pub struct ItemList {
    /// Who sees it; the caller when absent.
    pub subject: Option<UserKey>,
    /// What the items are linked to.
    pub owner: Owner,
    /// The section of the items.
    pub items: SectionKey,
    /// The items that are linked to the owner now, as the host says.
    pub linked: BTreeSet<ResourceKey>,
    /// A part of the key or the name of an item.
    pub search: Option<String>,
}

/// An item of a list.
#[derive(Debug, Clone)]
pub struct LinkableItem {
    /// The item.
    pub resource: Resource,
    /// Whether it is linked to the owner now.
    pub linked: bool,
    /// Whether it stays as it is: it is seen, and can neither be linked nor unlinked.
    pub locked: bool,
}

/// What somebody sees of a section's resources in a list of items.
struct Choice {
    scope: Scope,
    seen: Reach,
    /// What can be linked and unlinked.
    free: Reach,
}

impl Platform {
    /// A page of the items that the subject sees in the list, by key. Anyone may ask about
    /// themselves; asking about others needs `read` on `admin/decisions`.
    pub async fn linkable_items(&self, caller: &Caller, list: &ItemList, page: Page) -> Result<PageOf<LinkableItem>> {
        let Choice { scope, seen, free } = self.choice(caller, list).await?;
        let found = scope.resources_within(&list.items, &seen, list.search.as_deref(), &page).await?;
        found.try_map(|resource| {
            let (linked, locked) = (list.linked.contains(&resource.key), !free.holds(resource.key.as_str()));
            Ok(LinkableItem { resource, linked, locked })
        })
    }

    /// How many items the subject sees in the list.
    pub async fn count_linkable_items(&self, caller: &Caller, list: &ItemList) -> Result<u64> {
        let Choice { scope, seen, .. } = self.choice(caller, list).await?;
        scope.resources_within_count(&list.items, &seen, list.search.as_deref()).await
    }

    async fn choice(&self, caller: &Caller, list: &ItemList) -> Result<Choice> {
        let tenant = self.authorise_about(caller, Permit::DECISIONS_READ, list.subject.iter()).await?;
        let subject = asked_about(caller, list.subject.as_ref());
        self.check_links(list).map_err(|error| error.at("input"))?;
        // All answers of one policy, whatever changes meanwhile.
        let policy = tenant.policy();
        let items = Object::from(&list.items);
        let linkable = policy.snapshot.reach(&subject, &items, &Action::link());
        let may = |action: &Action, object: &Object| policy.allows(&subject, object, action);
        let nothing = Reach::nothing();
        // What is linked, a host knows. Anybody else would learn by naming it what there is, and
        // sees of what it says no more than it sees anyhow.
        let trusted = self.authorise(caller, Permit::DECISIONS_READ).await.is_ok();
        let readable = policy.snapshot.reach(&subject, &items, &Action::read());
        let own: BTreeSet<ResourceKey> =
            list.linked.iter().filter(|key| readable.holds(key.as_str())).cloned().collect();
        let (seen, free) = match &list.owner {
            Owner::New(section) if may(&Action::edit(), &section.into()) => (linkable.clone(), linkable),
            Owner::Existing(section, key) => {
                let owner = Object::resource(section, key);
                let seen = may(&Action::read(), &owner) && !policy.is_unlicensed(&items, &Action::link());
                let free = if may(&Action::edit(), &owner) { linkable.clone() } else { nothing.clone() };
                let told = if trusted { &list.linked } else { &own };
                (if seen { linkable.with(told) } else { nothing }, free)
            }
            Owner::New(_) => (nothing.clone(), nothing),
        };
        Ok(Choice { scope: self.store.scope(tenant.id), seen, free })
    }

    /// Checks that the catalogue knows a list of these items for this owner.
    fn check_links(&self, list: &ItemList) -> Result<()> {
        if list.linked.len() > LINKED_MAX {
            return Err(Error::bad_input(format!("at most {LINKED_MAX} linked items are allowed")).at("linked"));
        }
        let owner = list.owner.section();
        let section = self.catalogue.section(owner.as_str());
        let section = section.ok_or_else(|| Error::bad_input(format!("there is no section `{owner}`")).at("owner"))?;
        if section.links.contains(&list.items) {
            return Ok(());
        }
        let there_are: Vec<_> = section.links.iter().map(|link| format!("`{link}`")).collect();
        let there_are = if there_are.is_empty() { "none".to_owned() } else { there_are.join(", ") };
        let message = format!("`{owner}` has no list of `{}`; those there are: {there_are}", list.items);
        Err(Error::bad_input(message).at("itemSection"))
    }
}
