//! Resources.

use async_graphql::{ComplexObject, Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use uuid::Uuid;

use super::catalogue::Section;
use super::context::{caller, loaders};
use super::impact::Impact;
use super::input::{given, parse, parse_all, parse_opt};
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::payload::{if_seen, payload, unless_dry};
use super::role::list;
use super::scalar::{DateTime, int};
use super::user::User;
use crate::domain::key::{self, ResourceKey, SectionKey, UserKey};
use crate::domain::link::ItemLists;
use crate::domain::name::Name;
use crate::domain::resource::{self, NewResource};
use crate::error::{Error, ErrorCode, Result};
use crate::service::change::ChangeOptions;

/// A reference to an object that the host owns: the queue "Sales".
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct Resource {
    /// Opaque id for `node`.
    pub(super) id: ID,
    /// Id of the object at the host, with bytes other than `A-Za-z0-9._~@+-` percent-encoded.
    key: String,
    /// Name of the resource.
    name: String,
    /// Object in rules and decisions: `voice/queues/sales`.
    object: String,
    /// `true` if the resource belongs to every profile.
    protected: bool,
    /// Time at which the resource was registered.
    created_at: DateTime,
    #[graphql(skip)]
    section: SectionKey,
    #[graphql(skip)]
    created_by: Option<UserKey>,
}

impl Resource {
    pub(super) fn new(resource: resource::Resource) -> Self {
        Self {
            id: node_id(Kind::Resource, resource.id),
            key: resource.key.to_string(),
            name: resource.name.to_string(),
            object: resource.object().to_string(),
            protected: resource.protected,
            created_at: DateTime(resource.created_at),
            section: resource.section,
            created_by: resource.created_by,
        }
    }
}

#[ComplexObject]
impl Resource {
    /// Section of the resource.
    async fn section(&self, ctx: &Context<'_>) -> Result<Section> {
        Section::new(ctx, self.section.as_str())
    }

    /// User who created the resource, if the host named one and the user still exists.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        match &self.created_by {
            Some(key) => loaders(ctx)?.user(key).await,
            None => Ok(None),
        }
    }
}

connection!(ResourceConnection, ResourceEdge, Resource, "resources");

/// Registers resources of one section. Known ones take the new name, protection and members.
#[derive(InputObject)]
pub struct ResourceRegisterInput {
    /// Key of the section, such as `voice/queues`.
    section: String,
    /// Resources to register: 1 to 1000.
    resources: Vec<ResourceInput>,
    /// Key of the user who created the resources: their profile gets the new ones, where its list is manual.
    created_by: Option<String>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

/// A resource as the host describes it.
#[derive(InputObject)]
pub struct ResourceInput {
    /// Id of the object at the host: `A-Za-z0-9._~@+%-`, other bytes percent-encoded.
    key: String,
    /// Name of the resource.
    name: String,
    /// `true` if the resource belongs to every profile and cannot be removed.
    #[graphql(default)]
    protected: bool,
    /// Objects of the resources that the resource contains, such as a team's agents; absent keeps them, and null
    /// empties the list.
    members: MaybeUndefined<Vec<String>>,
    /// Items that are linked to the resource, list by list: each list replaces the former one, and a list that is
    /// absent stays; null is refused. Only admins and host applications can set them; at most 200 lists in a call.
    links: MaybeUndefined<Vec<ResourceLinksInput>>,
}

/// One list of the items that are linked to a resource.
#[derive(Clone, InputObject)]
pub struct ResourceLinksInput {
    /// Section of the items, such as `voice/queues`: one of the `links` of the resource's section.
    item_section: String,
    /// Keys of all the items: at most 1000.
    items: Vec<String>,
}

impl ResourceInput {
    fn new_resource(&self) -> Result<NewResource> {
        let members = list(self.members.clone());
        let members = members.map(|members| parse_all("members", &members, key::Object::parse));
        Ok(NewResource {
            id: Uuid::now_v7(),
            key: parse("key", &self.key, ResourceKey::parse)?,
            name: parse("name", &self.name, Name::parse)?,
            protected: self.protected,
            members: members.transpose().map_err(|error| error.with_code(ErrorCode::Invalid))?,
        })
    }

    fn item_lists(&self) -> Result<ItemLists> {
        let mut lists = ItemLists::new();
        let given = given("links", self.links.clone())?;
        for (i, list) in given.into_iter().flatten().enumerate() {
            let place = |error: Error| error.at(i.to_string()).at("links");
            let section = parse("itemSection", &list.item_section, SectionKey::parse).map_err(place)?;
            let items = parse_all("items", &list.items, ResourceKey::parse).map_err(place)?;
            if lists.insert(section, items).is_some() {
                let message = format!("the list of `{}` is told twice", list.item_section);
                return Err(place(Error::invalid(message).at("itemSection")));
            }
        }
        Ok(lists)
    }
}

/// Removes resources of one section.
#[derive(InputObject)]
pub struct ResourceRemoveInput {
    /// Key of the section.
    section: String,
    /// Keys of the resources: 1 to 1000.
    keys: Vec<String>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

payload! {
    /// Registered resources.
    ResourceRegisterPayload {
        /// Resources that were registered, by key.
        resources: Vec<Resource> [at most 1000],
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// Removed resources.
    ResourceRemovePayload {
        /// Keys of the resources that were removed.
        keys: Vec<String> [at most 1000],
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

/// Queries of resources.
#[derive(Default)]
pub struct ResourceQuery;

#[Object]
impl ResourceQuery {
    /// Returns the resources of a section, by key; none of a section that the tenant does not see.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "a connection has four")]
    async fn resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The section, such as `voice/queues`.")] section: String,
        #[graphql(desc = "Part of the key or the name.")] search: Option<String>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<ResourceConnection> {
        let (platform, caller) = caller(ctx)?;
        let section = parse("section", &section, SectionKey::parse)?;
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let found = platform.resource_list(caller, &section, search.as_deref(), wanted).await?;
        let count = move |platform: crate::service::Platform, caller: crate::auth::caller::Caller| {
            let (section, search) = (section.clone(), search.clone());
            Box::pin(async move { platform.resource_count(&caller, &section, search.as_deref()).await }) as _
        };
        Ok(ResourceConnection::new(found, Resource::new, Box::new(count)))
    }
}

/// Mutations of resources.
#[derive(Default)]
pub struct ResourceMutation;

#[Object]
impl ResourceMutation {
    /// Registers resources that the host describes. Works while the module is unlicensed.
    async fn resource_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The resources to register.")] input: ResourceRegisterInput,
    ) -> Result<ResourceRegisterPayload> {
        let (platform, caller) = caller(ctx)?;
        let registered = async {
            let section = parse("section", &input.section, SectionKey::parse)?;
            let place = |(i, resource): (usize, &ResourceInput)| {
                resource.new_resource().map_err(|error| error.at(i.to_string()).at("resources"))
            };
            let resources = input.resources.iter().enumerate().map(place).collect::<Result<Vec<_>>>()?;
            let objects: Vec<_> = resources.iter().map(|new| key::Object::resource(&section, &new.key)).collect();
            let place = |(i, resource): (usize, &ResourceInput)| {
                resource.item_lists().map_err(|error| error.at(i.to_string()).at("resources"))
            };
            let links = input.resources.iter().enumerate().map(place).collect::<Result<Vec<_>>>()?;
            let created_by = parse_opt("createdBy", input.created_by.as_deref(), UserKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done =
                platform.resource_register(caller, &section, resources, links, created_by.as_ref(), options).await?;
            let found = async { if_seen(platform.resource_registered(caller, &objects).await).map(Some) };
            let resources = unless_dry(&done, found).await;
            Ok(ResourceRegisterPayload {
                resources: resources.map(|found| found.into_iter().map(Resource::new).collect()),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ResourceRegisterPayload::of(registered.await)
    }

    /// Removes resources with their associations and exact grants. One that is registered later
    /// under the same key inherits nothing.
    async fn resource_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The resources to remove.")] input: ResourceRemoveInput,
    ) -> Result<ResourceRemovePayload> {
        let (platform, caller) = caller(ctx)?;
        let removed = async {
            let section = parse("section", &input.section, SectionKey::parse)?;
            let keys = parse_all("keys", &input.keys, ResourceKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.resource_remove(caller, &section, &keys, options).await?;
            Ok(ResourceRemovePayload {
                keys: (!done.dry_run).then(|| keys.into_iter().map(|key| key.to_string()).collect()),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ResourceRemovePayload::of(removed.await)
    }
}
