//! Changing what is linked to a resource.

use async_graphql::{Context, InputObject, Object};

use super::owner;
use crate::domain::key::{ResourceKey, SectionKey, UserKey};
use crate::domain::link::{LinkEdit, LinkList};
use crate::error::{Error, ErrorCode, Result};
use crate::graphql::context::caller;
use crate::graphql::input::{parse, parse_all, parse_opt};
use crate::graphql::payload::payload;
use crate::graphql::scalar::int;
use crate::service::ask::link::LinksSet;
use crate::service::change::ChangeOptions;

/// Changes the items that are linked to a resource in one list.
#[derive(InputObject)]
pub struct ResourceLinksSetInput {
    /// The object of the resource, such as `staff/agents/tom`.
    owner: String,
    /// The section of the items, such as `voice/queues`: one of the `links` of the owner's section.
    item_section: String,
    /// Keys of all the items of the list, at most 1000. Cannot be combined with items to add or to remove. Items that
    /// the list hides from its user stay linked.
    items: Option<Vec<String>>,
    /// The keys of items to link.
    add_items: Option<Vec<String>>,
    /// The keys of items to unlink.
    remove_items: Option<Vec<String>>,
    /// The key of the user in whose name a host application or an admin changes them: then they can link and
    /// unlink what that user can, and no more.
    subject: Option<String>,
    /// Reason for the change, kept in the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal, or what would be linked.
    #[graphql(default)]
    dry_run: bool,
}

impl ResourceLinksSetInput {
    fn set(&self) -> Result<LinksSet> {
        let (section, owner) =
            parse("owner", &self.owner, owner).map_err(|error| error.with_code(ErrorCode::Invalid))?;
        Ok(LinksSet {
            list: LinkList { section, owner, items: parse("itemSection", &self.item_section, SectionKey::parse)? },
            edit: self.edit()?,
            subject: parse_opt("subject", self.subject.as_deref(), UserKey::parse)?,
        })
    }

    fn edit(&self) -> Result<LinkEdit> {
        let keys =
            |field: &str, list: Option<&[String]>| parse_all(field, list.unwrap_or_default(), ResourceKey::parse);
        let (add, remove) = (self.add_items.as_deref(), self.remove_items.as_deref());
        match &self.items {
            Some(_) if add.is_some() || remove.is_some() => {
                Err(Error::invalid("the whole list does not go with items to add or to remove").at("items"))
            }
            Some(items) => Ok(LinkEdit::Whole(keys("items", Some(items))?)),
            None => Ok(LinkEdit::Part { add: keys("addItems", add)?, remove: keys("removeItems", remove)? }),
        }
    }
}

payload! {
    /// The items that are linked to a resource in one list.
    ResourceLinksSetPayload {
        /// The keys of the items that are linked now, or would be after a dry run, without those that the list
        /// hides from the one in whose name it was changed.
        linked: Vec<String> [at most 1000],
        /// Policy revision of the tenant. Links change no decision, so it stays.
        revision: i32,
    }
}

/// Mutations of links.
#[derive(Default)]
pub struct LinkMutation;

#[Object]
impl LinkMutation {
    /// Changes the items that are linked to a resource. A host application or an admin sets what is linked; other
    /// callers need `edit` on the owner, and link and unlink the items that are associated with them.
    async fn resource_links_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The list, and what changes in it.")] input: ResourceLinksSetInput,
    ) -> Result<ResourceLinksSetPayload> {
        let (platform, caller) = caller(ctx)?;
        let set = async {
            let options = ChangeOptions { reason: input.reason.clone(), dry_run: input.dry_run };
            let done = platform.link_set(caller, input.set()?, options).await?;
            Ok(ResourceLinksSetPayload {
                linked: Some(done.value.iter().map(ToString::to_string).collect()),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        ResourceLinksSetPayload::of(set.await)
    }
}
