//! Menus and homes of users (R22, R23), read from the snapshot of their tenant.

use std::collections::HashMap;

use crate::auth::caller::Caller;
use crate::domain::catalogue::{Module, Section};
use crate::domain::key::{Action, Object, SectionKey};
use crate::domain::resource::Resource;
use crate::engine::tenant::TenantPolicy;
use crate::error::Result;
pub use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::subject_of;

/// Maximum number of resources of one section that are checked for menus: a user who can see only few of them may miss
/// those that come late.
const LOOKED_AT: u64 = 1000;
/// Maximum number of resources of one section that are entries of a menu.
pub const ENTRIES_MAX: usize = 100;

/// Module of a user's menu.
#[derive(Debug)]
pub struct MenuModule {
    /// Key of the module.
    pub key: String,
    /// Name of the module.
    pub name: String,
    /// Sections of the module that the user can see, in the catalogue's order.
    pub sections: Vec<MenuSection>,
}

/// Section of a user's menu.
#[derive(Debug)]
pub struct MenuSection {
    /// Key of the section, including that of its module.
    pub key: String,
    /// Name of the section.
    pub name: String,
    /// `true` if the section supports editing, and the user can create and change there.
    pub can_edit: bool,
    /// `true` if the section supports deletion, and the user can delete there.
    pub can_delete: bool,
    /// Resources that are entries of the menu.
    pub entries: Vec<Resource>,
}

/// First page that a user sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// The General dashboard.
    GeneralDashboard,
    /// No page.
    Empty,
}

/// Resources that can be menu entries, by section.
pub type Entries = HashMap<SectionKey, Vec<Resource>>;

impl Platform {
    /// Returns the resources that can be entries in the menus of the caller's tenant.
    pub async fn menu_entries(&self, caller: &Caller) -> Result<Entries> {
        let member = self.member(caller);
        let mut entries = Entries::new();
        for section in self.parts.catalogue.modules().iter().flat_map(|module| &module.sections).filter(|it| it.entries)
        {
            entries.insert(section.key.clone(), member.entries(&section.key, LOOKED_AT).await?);
        }
        Ok(entries)
    }

    /// Returns the caller's menu.
    pub async fn menu_get(&self, caller: &Caller, entries: &Entries) -> Result<Vec<MenuModule>> {
        self.menu_of(caller, &subject_of(caller), entries).await
    }

    /// Returns the caller's home.
    pub async fn home_get(&self, caller: &Caller) -> Result<Home> {
        self.home_of(caller, &subject_of(caller)).await
    }

    /// Returns the menu of a subject of the caller's tenant, in the catalogue's order (R23).
    pub async fn menu_of(&self, caller: &Caller, subject: &Subject, entries: &Entries) -> Result<Vec<MenuModule>> {
        let tenant = self.tenant_of(caller).await?;
        let policy = tenant.policy();
        let mut menu = Vec::new();
        for module in self.parts.catalogue.modules() {
            let shown = self.shown_under(module).filter(|section| self.is_shown(&policy, subject, section));
            let sections: Vec<_> = shown.map(|section| menu_section(&policy, subject, section, entries)).collect();
            if !sections.is_empty() {
                menu.push(MenuModule { key: module.key.to_string(), name: module.name.clone(), sections });
            }
        }
        Ok(menu)
    }

    /// Returns the sections that appear under a module: its own, except those that appear elsewhere, and the sections
    /// of other modules that say so (R22).
    fn shown_under<'a>(&'a self, module: &'a Module) -> impl Iterator<Item = &'a Section> {
        let own = module.sections.iter().filter(|section| section.shown_under.is_none());
        let others = self.parts.catalogue.modules().iter().flat_map(|other| &other.sections);
        own.chain(others.filter(|section| section.shown_under.as_ref() == Some(&module.key)))
    }

    /// Returns `true` if the section is in the subject's menu: if `show` is allowed or, in the platform's own module,
    /// which no profile covers, `read`. Downloads are no pages (R21).
    fn is_shown(&self, policy: &TenantPolicy, subject: &Subject, section: &Section) -> bool {
        let is_own = self.parts.catalogue.module(section.key.module()).is_some_and(|module| module.platform);
        let action = if is_own { Action::read() } else { Action::show() };
        !section.download && policy.allows(subject, &(&section.key).into(), &action)
    }

    /// Returns the home of a subject of the caller's tenant (R22).
    pub async fn home_of(&self, caller: &Caller, subject: &Subject) -> Result<Home> {
        let tenant = self.tenant_of(caller).await?;
        let general = Object::parse("dashboards/general/general")?;
        let sees = tenant.policy().allows(subject, &general, &Action::read());
        Ok(if sees { Home::GeneralDashboard } else { Home::Empty })
    }
}

fn menu_section(policy: &TenantPolicy, subject: &Subject, section: &Section, entries: &Entries) -> MenuSection {
    let object = Object::from(&section.key);
    let sees = |entry: &&Resource| policy.allows(subject, &entry.object(), &Action::read());
    MenuSection {
        key: section.key.to_string(),
        name: section.name.clone(),
        can_edit: section.rights.edit && policy.allows(subject, &object, &Action::edit()),
        can_delete: section.rights.delete && policy.allows(subject, &object, &Action::delete()),
        entries: entries.get(&section.key).into_iter().flatten().filter(sees).take(ENTRIES_MAX).cloned().collect(),
    }
}
