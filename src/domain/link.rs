//! Links between a resource, the owner, and the items in its lists (R15): the queues of an agent, the
//! sounds of an IVR. They change no decision, so they are no part of a tenant's state.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Catalogue, Section};
use super::key::{Object, ResourceKey, SectionKey};
use super::listed;
use super::tenant::TenantState;
use crate::error::{Error, ErrorCode, Result};

/// The most items that one list of an owner links.
pub const LINKED_MAX: usize = 1000;
/// The most lists that one registration tells.
pub const LISTS_MAX: usize = 200;
/// Links that one change can make and take out: it holds its tenant, and its audit event names each.
pub const CHANGED_MAX: usize = 10_000;
/// The most links that a tenant has.
pub const TENANT_LINKS_MAX: u64 = 1_000_000;

/// A list of items of an owner: the voice queues of the agent Tom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkList {
    /// The section of the owner.
    pub section: SectionKey,
    /// The owner.
    pub owner: ResourceKey,
    /// The section of the items.
    pub items: SectionKey,
}

impl LinkList {
    /// Returns the object of the owner.
    pub fn object(&self) -> Object {
        Object::resource(&self.section, &self.owner)
    }
}

/// The lists of one owner that are told, by the section of their items, each as a whole.
pub type ItemLists = BTreeMap<SectionKey, BTreeSet<ResourceKey>>;

/// A change of a list, as it is asked for.
#[derive(Debug, Clone)]
pub enum LinkEdit {
    /// The whole list from now on.
    Whole(BTreeSet<ResourceKey>),
    /// A part of it.
    Part {
        /// The items to link.
        add: BTreeSet<ResourceKey>,
        /// The items to unlink.
        remove: BTreeSet<ResourceKey>,
    },
}

/// The difference that a change makes in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkDiff {
    /// The items that come.
    pub linked: BTreeSet<ResourceKey>,
    /// The items that go.
    pub unlinked: BTreeSet<ResourceKey>,
}

impl LinkDiff {
    /// Returns `true` when nothing comes or goes.
    pub fn is_empty(&self) -> bool {
        self.linked.is_empty() && self.unlinked.is_empty()
    }

    /// Returns the list after the difference.
    pub fn apply(&self, stored: &BTreeSet<ResourceKey>) -> BTreeSet<ResourceKey> {
        &(stored - &self.unlinked) | &self.linked
    }
}

impl LinkEdit {
    /// Finds the difference to what is linked, as a host tells it: nothing is locked for it.
    ///
    /// # Errors
    /// `INVALID` when an item is to come and to go, or the list would be too long.
    pub fn told(&self, stored: &BTreeSet<ResourceKey>) -> Result<LinkDiff> {
        self.check(stored, self.difference(stored))
    }

    /// Finds the difference to what is linked, for a user who may link and unlink the items that are `free`. Where the
    /// list `hides` all others, linked ones among them stay as they are, and one that is named looks alike whether or
    /// not it is linked.
    ///
    /// # Errors
    /// `LINK_LOCKED` for an item that comes or goes and is not free, also for one that is not there: no user learns by
    /// naming an item what there is. `INVALID` as for a host.
    pub fn chosen(
        &self,
        stored: &BTreeSet<ResourceKey>,
        free: impl Fn(&ResourceKey) -> bool,
        hides: bool,
    ) -> Result<LinkDiff> {
        let seen = stored.iter().filter(|item| !hides || free(item)).cloned().collect();
        let diff = self.difference(&seen);
        for (items, part) in [(&diff.linked, self.field_of_linked()), (&diff.unlinked, self.field_of_unlinked())] {
            let locked: Vec<String> = items.iter().filter(|item| !free(item)).map(|item| format!("`{item}`")).collect();
            if !locked.is_empty() {
                return Err(link_locked(&locked).at(part));
            }
        }
        self.check(stored, diff)
    }

    /// Returns the input's field that names the items that come.
    pub const fn field_of_linked(&self) -> &'static str {
        match self {
            Self::Whole(_) => "items",
            Self::Part { .. } => "addItems",
        }
    }

    const fn field_of_unlinked(&self) -> &'static str {
        match self {
            Self::Whole(_) => "items",
            Self::Part { .. } => "removeItems",
        }
    }

    fn difference(&self, stored: &BTreeSet<ResourceKey>) -> LinkDiff {
        match self {
            Self::Whole(items) => LinkDiff { linked: items - stored, unlinked: stored - items },
            Self::Part { add, remove } => LinkDiff { linked: add - stored, unlinked: stored & remove },
        }
    }

    fn check(&self, stored: &BTreeSet<ResourceKey>, diff: LinkDiff) -> Result<LinkDiff> {
        if let Self::Part { add, remove } = self
            && let Some(both) = add.intersection(remove).next()
        {
            return Err(Error::invalid(format!("`{both}` cannot be linked and unlinked at once")).at("removeItems"));
        }
        if !diff.linked.is_empty() && diff.apply(stored).len() > LINKED_MAX {
            return Err(too_long().at(self.field_of_linked()));
        }
        Ok(diff)
    }
}

impl TenantState {
    /// Checks the lists that a host tells of the resources of one section, in the order of the resources: the
    /// catalogue knows each list, and its items are there.
    ///
    /// # Errors
    /// `INVALID` for a list that there is not, that is too long, or too many of them; `NOT_FOUND` for an item.
    pub fn told_links(
        &self,
        catalogue: &Catalogue,
        section: &SectionKey,
        told: Vec<(ResourceKey, ItemLists)>,
    ) -> Result<Vec<(LinkList, LinkEdit)>> {
        if told.iter().map(|(_, lists)| lists.len()).sum::<usize>() > LISTS_MAX {
            let message = format!("at most {LISTS_MAX} lists of links are told at once");
            return Err(Error::invalid(message).at("resources"));
        }
        let mut checked = Vec::new();
        for (i, (owner, lists)) in told.into_iter().enumerate() {
            for (items, linked) in lists {
                let place = |error: Error| error.at("links").at(i.to_string()).at("resources");
                let list = LinkList { section: section.clone(), owner: owner.clone(), items };
                self.check_told(catalogue, &list, &linked).map_err(place)?;
                checked.push((list, LinkEdit::Whole(linked)));
            }
        }
        Ok(checked)
    }

    fn check_told(&self, catalogue: &Catalogue, list: &LinkList, linked: &BTreeSet<ResourceKey>) -> Result<()> {
        section_with(catalogue, &list.section, &list.items, |_| true)
            .map_err(|error| error.with_code(ErrorCode::Invalid))?;
        if linked.len() > LINKED_MAX {
            return Err(too_long());
        }
        let mut items = linked.iter().map(|item| Object::resource(&list.items, item));
        items
            .find(|item| !self.resources.contains_key(item))
            .map_or(Ok(()), |item| Err(Error::not_found("resource", item)))
    }
}

/// Refuses differences of more links than one change can have.
///
/// # Errors
/// `TOO_LARGE`.
pub fn check_size(changes: &[(LinkList, LinkDiff)]) -> Result<()> {
    let links: usize = changes.iter().map(|(_, diff)| diff.linked.len() + diff.unlinked.len()).sum();
    if links > CHANGED_MAX {
        let message =
            format!("a change links and unlinks at most {CHANGED_MAX} items, and this would be {links}: divide it");
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    Ok(())
}

/// Refuses differences after which a tenant that has so many links would have too many.
///
/// # Errors
/// `TOO_LARGE`.
pub fn check_room(count: u64, changes: &[(LinkList, LinkDiff)]) -> Result<()> {
    let sum = |part: fn(&LinkDiff) -> usize| changes.iter().map(|(_, diff)| part(diff) as u64).sum::<u64>();
    let (more, less) = (sum(|diff| diff.linked.len()), sum(|diff| diff.unlinked.len()));
    if more > less && count + more - less > TENANT_LINKS_MAX {
        let message = format!("a tenant has at most {TENANT_LINKS_MAX} links: this would be more");
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    Ok(())
}

/// Finds the section of owners, when the catalogue knows a list of these items for them and it is `shown`.
///
/// # Errors
/// `BAD_INPUT`, which names the lists that there are; those of items of modules that are not `shown` left out.
pub fn section_with<'a>(
    catalogue: &'a Catalogue,
    owner: &SectionKey,
    items: &SectionKey,
    shown: impl Fn(&SectionKey) -> bool,
) -> Result<&'a Section> {
    let section = catalogue.section(owner.as_str());
    let section = section.ok_or_else(|| Error::bad_input(format!("there is no section `{owner}`")).at("owner"))?;
    if section.links.contains(items) && shown(items) {
        return Ok(section);
    }
    let there_are: Vec<_> = section.links.iter().filter(|link| shown(link)).map(|link| format!("`{link}`")).collect();
    let there_are = if there_are.is_empty() { "none".to_owned() } else { there_are.join(", ") };
    let message = format!("`{owner}` has no list of `{items}`; those there are: {there_are}");
    Err(Error::bad_input(message).at("itemSection"))
}

fn too_long() -> Error {
    Error::invalid(format!("at most {LINKED_MAX} items can be linked in one list"))
}

fn link_locked(items: &[String]) -> Error {
    let named = listed(&items.iter().map(String::as_str).collect::<Vec<_>>());
    let are = if items.len() == 1 { "is" } else { "are" };
    let message = format!("{named} {are} not associated, and can neither be linked nor unlinked");
    let mut error = Error::new(ErrorCode::LinkLocked, message);
    error.count = Some(items.len() as u64);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> BTreeSet<ResourceKey> {
        text.split_whitespace().map(|key| ResourceKey::parse(key).unwrap()).collect()
    }

    fn whole(items: &str) -> LinkEdit {
        LinkEdit::Whole(keys(items))
    }

    fn part(add: &str, remove: &str) -> LinkEdit {
        LinkEdit::Part { add: keys(add), remove: keys(remove) }
    }

    fn diff(linked: &str, unlinked: &str) -> LinkDiff {
        LinkDiff { linked: keys(linked), unlinked: keys(unlinked) }
    }

    #[test]
    fn r15_a_user_links_and_unlinks_what_is_free_and_leaves_what_is_locked() {
        let stored = keys("sales test1");
        let free = |item: &ResourceKey| item.as_str().starts_with("test");
        for (edit, found) in [
            (whole("sales test1 test2"), Ok(diff("test2", ""))),
            (whole("sales"), Ok(diff("", "test1"))),
            (whole("test1"), Err("items")),
            (whole("sales test1 support"), Err("items")),
            (part("test2", "test1"), Ok(diff("test2", "test1"))),
            (part("sales", "support"), Ok(diff("", ""))),
            (part("support", ""), Err("addItems")),
            (part("", "sales"), Err("removeItems")),
            (part("nowhere", ""), Err("addItems")),
        ] {
            let is = edit.chosen(&stored, free, false);
            let is = is.map_err(|error| {
                assert_eq!((error.code, error.count), (ErrorCode::LinkLocked, Some(1)));
                error.field.join(".")
            });
            assert_eq!(is, found.map_err(str::to_owned), "{edit:?}");
        }
    }

    #[test]
    fn r15_in_a_list_that_hides_what_is_linked_there_stays_and_nobody_learns_of_it() {
        let free = |item: &ResourceKey| item.as_str().starts_with("test");
        for (edit, found) in [
            (whole("test2"), Ok(("test2", ""))),
            (whole(""), Ok(("", ""))),
            (whole("hidden"), Err(())),
            (part("hidden", ""), Err(())),
            (part("", "hidden"), Ok(("", ""))),
        ] {
            for stored in ["", "hidden"] {
                let is = edit.chosen(&keys(stored), free, true).map_err(|_| ());
                assert_eq!(is, found.map(|(linked, unlinked)| diff(linked, unlinked)), "{edit:?} {stored}");
            }
        }
        assert_eq!(whole("").chosen(&keys("hidden test1"), free, true).unwrap(), diff("", "test1"));
    }

    #[test]
    fn a_list_has_its_bound_and_no_item_comes_and_goes_at_once() {
        let many: Vec<String> = (0..LINKED_MAX).map(|n| n.to_string()).collect();
        let stored = keys(&many.join(" "));
        assert_eq!(part("x", "").told(&stored).unwrap_err().field, ["addItems"]);
        assert_eq!(part("x", "7").told(&stored).unwrap(), diff("x", "7"));
        assert_eq!(whole(&format!("{} x", many.join(" "))).told(&keys("")).unwrap_err().field, ["items"]);
        assert_eq!(part("x", "x").told(&keys("")).unwrap_err().code, ErrorCode::Invalid);
    }

    #[test]
    fn a_change_of_more_links_than_one_holds_is_refused_whichever_way_they_go() {
        let section = SectionKey::parse("voice/queues").unwrap();
        let owner = ResourceKey::parse("sales").unwrap();
        let list = LinkList { section: section.clone(), owner, items: section };
        let many: Vec<String> = (0..CHANGED_MAX).map(|n| n.to_string()).collect();
        let many = many.join(" ");
        assert!(check_size(&[(list.clone(), diff(&many, ""))]).is_ok());
        for changes in [vec![diff("", &many), diff("x", "")], vec![diff(&many, "x")]] {
            let changes: Vec<_> = changes.into_iter().map(|diff| (list.clone(), diff)).collect();
            assert_eq!(check_size(&changes).unwrap_err().code, ErrorCode::TooLarge);
        }
    }

    #[test]
    fn a_tenant_that_is_full_of_links_takes_no_more_and_lets_go() {
        let section = SectionKey::parse("voice/queues").unwrap();
        let owner = ResourceKey::parse("sales").unwrap();
        let list = LinkList { section: section.clone(), owner, items: section };
        let room = |linked, unlinked| check_room(TENANT_LINKS_MAX, &[(list.clone(), diff(linked, unlinked))]);
        assert_eq!(room("x", "").unwrap_err().code, ErrorCode::TooLarge);
        assert_eq!(room("x y", "z").unwrap_err().code, ErrorCode::TooLarge);
        assert!(room("x", "z").is_ok() && room("", "z").is_ok());
        assert!(check_room(TENANT_LINKS_MAX - 1, &[(list, diff("x", ""))]).is_ok());
    }
}
