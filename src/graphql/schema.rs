//! The schema as a whole.

use async_graphql::{Context, ID, MergedObject, MergedSubscription, Object};

use super::audit::{AuditEvent, AuditQuery};
use super::catalogue::Catalogue;
use super::context::caller;
use super::decision::DecisionQuery;
use super::explain::ExplainQuery;
use super::group::{Group, GroupMutation, GroupQuery};
use super::history::{HistoryMutation, HistoryQuery, PolicySubscription};
use super::import::ImportMutation;
use super::link::{LinkMutation, LinkQuery};
use super::mask::MaskQuery;
use super::menu::ViewerQuery;
use super::node::{Kind, Node, parse_id};
use super::password::PasswordMutation;
use super::policy::PolicyQuery;
use super::profile::{Profile, ProfileMutation, ProfileQuery};
use super::pseudonym::PseudonymQuery;
use super::resource::{Resource, ResourceMutation, ResourceQuery};
use super::role::{Role, RoleMutation, RoleQuery};
use super::search::SearchQuery;
use super::session::SessionMutation;
use super::tenant::{Tenant, TenantMutation, TenantQuery};
use super::user::avatar::AvatarMutation;
use super::user::change::UserMutation;
use super::user::transfer::TransferMutation;
use super::user::{User, UserQuery};
use crate::domain::key::TenantId;
use crate::error::Result;
use crate::service::Platform;

/// The query that finds things by their opaque id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Returns the thing of this opaque id; null if the caller's tenant has none.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The opaque id.")] id: ID) -> Result<Option<Node>> {
        let (platform, caller) = caller(ctx)?;
        let Some((kind, id)) = parse_id(&id) else { return Ok(None) };
        Ok(match kind {
            Kind::Tenant => {
                platform.tenant_get_row(caller, TenantId(id)).await?.map(|row| Node::Tenant(Tenant::new(row)))
            }
            Kind::User => {
                let tenant = caller.tenant().id;
                platform.user_get_by_id(caller, id).await?.map(|row| Node::User(User::new(tenant, row)))
            }
            Kind::Profile => platform.profile_get_by_id(caller, id).await?.map(|row| Node::Profile(Profile::new(row))),
            Kind::Role => platform.role_get_by_id(caller, id).await?.map(|row| Node::Role(Role::new(row))),
            Kind::Group => platform.group_get_by_id(caller, id).await?.map(|group| Node::Group(Group::new(group))),
            Kind::AuditEvent => {
                platform.audit_get_by_id(caller, id).await?.map(|one| Node::AuditEvent(AuditEvent::new(one)))
            }
            Kind::Resource => {
                platform.resource_get_by_id(caller, id).await?.map(|one| Node::Resource(Resource::new(one)))
            }
        })
    }

    /// Returns everything that can be granted, as the caller's tenant sees it.
    async fn catalogue(&self, ctx: &Context<'_>) -> Result<Catalogue> {
        let (platform, caller) = caller(ctx)?;
        Ok(Catalogue::new(platform, platform.listed_modules(caller).await?))
    }
}

/// Decisions and all that inspects them: a part of its own, since each part of one list nests
/// what the compiler has to look through.
#[derive(Default, MergedObject)]
pub struct InspectionQuery(
    DecisionQuery,
    ExplainQuery,
    SearchQuery,
    MaskQuery,
    PseudonymQuery,
    PolicyQuery,
    HistoryQuery,
    AuditQuery,
);

/// Questions. They change nothing.
#[derive(Default, MergedObject)]
pub struct Query(
    NodeQuery,
    ViewerQuery,
    TenantQuery,
    UserQuery,
    ProfileQuery,
    GroupQuery,
    RoleQuery,
    ResourceQuery,
    LinkQuery,
    InspectionQuery,
);

/// Changes. Each is made as a whole or not at all.
#[derive(Default, MergedObject)]
pub struct Mutation(
    SessionMutation,
    PasswordMutation,
    TenantMutation,
    UserMutation,
    AvatarMutation,
    TransferMutation,
    ProfileMutation,
    RoleMutation,
    GroupMutation,
    ImportMutation,
    ResourceMutation,
    LinkMutation,
    HistoryMutation,
);

/// News, as they come in force here.
#[derive(Default, MergedSubscription)]
pub struct Subscription(PolicySubscription);

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Returns a builder of the schema over this platform; the transport adds its limits.
pub fn build(platform: Platform) -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default()).data(platform)
}

/// Returns the schema in its definition language, as `graphql/schema.graphql` holds it.
pub fn sdl() -> String {
    let schema = Schema::build(Query::default(), Mutation::default(), Subscription::default()).finish();
    schema
        .sdl_with_options(async_graphql::SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items())
}
