//! The caller, and the parts of the product that they see.

use async_graphql::{Context, Description, Enum, Object, SimpleObject};

use super::context::{caller, loaders};
use super::input::parse;
use super::page::page;
use super::resource::Resource;
use super::search::{self, AccessConnection, AccessFilter};
use super::tenant::Tenant;
use super::user::User;
use crate::domain::key::{self, Action};
use crate::error::Result;
use crate::service::ask::menu;

/// The caller.
#[derive(Description)]
pub struct Viewer;

#[Object(use_type_description)]
impl Viewer {
    /// Account of the caller.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        let (platform, caller) = caller(ctx)?;
        Ok(User::new(caller.home().id, platform.user_get_own(caller).await?))
    }

    /// Tenant that the caller acts in.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Tenant> {
        let (platform, caller) = caller(ctx)?;
        platform.tenant_get_own(caller).await.map(Tenant::new)
    }

    /// Modules and sections that the caller sees, in the catalogue's order: the sections that are shown to them, and
    /// of the administration those that they may read. Downloads are not in it.
    #[graphql(complexity = "super::cost::modules(child_complexity)")]
    async fn menu(&self, ctx: &Context<'_>) -> Result<Vec<MenuModule>> {
        let (platform, caller) = caller(ctx)?;
        Ok(platform
            .menu_get(caller, &*loaders(ctx)?.menu_entries().await?)
            .await?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// First page that the caller sees.
    async fn home(&self, ctx: &Context<'_>) -> Result<Home> {
        let (platform, caller) = caller(ctx)?;
        platform.home_get(caller).await.map(Into::into)
    }

    /// `true` if the caller may do this action on this object.
    async fn can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Action, such as `edit`.")] action: String,
        #[graphql(desc = "Object, such as `voice/queues/sales`.")] object: String,
    ) -> Result<bool> {
        let (platform, caller) = caller(ctx)?;
        let action = parse("action", &action, Action::parse)?;
        let object = parse("object", &object, key::Object::parse)?;
        platform.can(caller, &action, &object).await
    }

    /// Every object and action that the caller may do, as `whatCan` lists them.
    #[graphql(complexity = "super::page::page_cost(first, None, child_complexity)")]
    async fn what_can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this module of the catalogue, or `data` for the data views.")] module: Option<String>,
        #[graphql(desc = "Filter of the access; all when absent.")] filter: Option<AccessFilter>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
    ) -> Result<AccessConnection> {
        let wanted = page(first, after.as_deref(), None, None)?;
        search::what_can(ctx, search::wanted(None, module.as_deref(), filter)?, wanted).await
    }
}

/// A module in a menu.
#[derive(SimpleObject)]
pub struct MenuModule {
    /// Key of the module.
    key: String,
    /// Name of the module.
    name: String,
    /// Sections of the module that are shown.
    #[graphql(complexity = "super::cost::sections(child_complexity)")]
    sections: Vec<MenuSection>,
}

/// A section in a menu.
#[derive(SimpleObject)]
pub struct MenuSection {
    /// Key of the section with its module's.
    key: String,
    /// Name of the section.
    name: String,
    /// `true` if the section has the right to edit, and the user may create and change.
    can_edit: bool,
    /// `true` if the section has the right to delete, and the user may delete.
    can_delete: bool,
    /// Resources of the section that are entries of the menu: dashboards, script projects.
    #[graphql(complexity = "super::cost::entries(child_complexity)")]
    entries: Vec<Resource>,
}

impl From<menu::MenuModule> for MenuModule {
    fn from(module: menu::MenuModule) -> Self {
        let sections = module.sections.into_iter().map(|section| MenuSection {
            key: section.key,
            name: section.name,
            can_edit: section.can_edit,
            can_delete: section.can_delete,
            entries: section.entries.into_iter().map(Resource::new).collect(),
        });
        Self { key: module.key, name: module.name, sections: sections.collect() }
    }
}

/// The first page that a user sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "menu::Home")]
pub enum Home {
    /// The General dashboard.
    GeneralDashboard,
    /// An empty page.
    Empty,
}

/// The query of the caller themselves.
#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Returns the caller, and what they see.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        caller(ctx).map(|_| Viewer)
    }
}
