//! Lists of items that can be linked to a resource.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use super::context::caller;
use super::input::{parse, parse_all, parse_opt};
use super::page::{connection, page};
use super::resource::Resource;
use crate::domain::key::{self, ResourceKey, SectionKey, UserKey};
use crate::error::{Error, ErrorCode, Result};
use crate::service::ask::link::{self, ItemList, Owner};

pub mod mutation;

pub use mutation::LinkMutation;

/// A list of items: its user, its owner, and its section.
#[derive(InputObject)]
pub struct LinkableItemsInput {
    /// The key of the user who sees the list; the caller when absent.
    subject: Option<String>,
    /// Owner of the list: an object such as `staff/agents/tom` on EDIT, and the owner's section on CREATE.
    owner: String,
    /// The section of the items, such as `voice/queues`: one of the `links` of the owner's section.
    item_section: String,
    /// Mode of the list: the owner is being created or edited.
    mode: LinkMode,
    /// The keys of items that the host knows to be linked beside those that are stored: at most 1000. They
    /// count for admins and host applications that ask for another user.
    #[graphql(default)]
    linked: Vec<String>,
    /// A part of the key or the name of an item.
    search: Option<String>,
}

/// The state of a list's owner: being created or being edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum LinkMode {
    /// The owner is being created: the list shows only items that can be chosen.
    Create,
    /// The owner is being edited: the list also shows items that are already linked.
    Edit,
}

impl LinkableItemsInput {
    fn list(&self) -> Result<ItemList> {
        Ok(ItemList {
            subject: parse_opt("subject", self.subject.as_deref(), UserKey::parse)?,
            owner: parse("owner", &self.owner, |text| self.owner(text))?,
            items: parse("itemSection", &self.item_section, SectionKey::parse)?,
            claimed: parse_all("linked", &self.linked, ResourceKey::parse)?,
            search: self.search.clone(),
        })
    }

    fn owner(&self, text: &str) -> Result<Owner> {
        if self.mode == LinkMode::Create {
            return SectionKey::parse(text).map(Owner::New);
        }
        owner(text).map(|(section, key)| Owner::Existing(section, key))
    }
}

/// Reads the owner of a list.
pub(super) fn owner(text: &str) -> Result<(SectionKey, ResourceKey)> {
    let wrong = || Error::invalid("the owner of what is linked is a resource, such as `staff/agents/tom`");
    key::Object::parse(text)?.as_resource().ok_or_else(wrong)
}

/// An item of a list.
#[derive(SimpleObject)]
pub struct LinkableItem {
    /// Resource that can be linked.
    resource: Resource,
    /// `true` while the item is linked to the owner.
    linked: bool,
    /// `true` if the item can only be seen: neither linked nor unlinked.
    locked: bool,
}

impl LinkableItem {
    fn new(item: link::LinkableItem) -> Self {
        Self { resource: Resource::new(item.resource), linked: item.linked, locked: item.locked }
    }
}

connection!(LinkableItemConnection, LinkableItemEdge, LinkableItem, "items that can be linked");

/// Queries of lists of items.
#[derive(Default)]
pub struct LinkQuery;

#[Object]
impl LinkQuery {
    /// Returns the items that a user can link to a resource, or sees linked to it, by key. Callers may ask
    /// about themselves; asking about others needs `read` on `admin/decisions`.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    async fn linkable_items(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The list of items.")] input: LinkableItemsInput,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<LinkableItemConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let list = input.list().map_err(|error| error.with_code(ErrorCode::BadInput).at("input"))?;
        let found = platform.link_list(caller, &list, wanted).await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let list = list.clone();
            Box::pin(async move { platform.link_count(&caller, &list).await }) as _
        };
        Ok(LinkableItemConnection::new(found, LinkableItem::new, Box::new(count)))
    }
}
