//! Custom roles (R35 to R38).

use std::collections::{BTreeSet, HashMap};

use strum::VariantArray as _;
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::key::PermissionKey;
use crate::domain::key::RoleKey;
use crate::domain::letters;
use crate::domain::name::Name;
use crate::domain::role::{BuiltIn, CustomRole, RoleChange, RoleRef};
use crate::error::Result;
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::change::{ChangeOptions, ChangeRequest, Outcome};
use crate::store::page::{Page, PageOf};

/// A role as lists show it: a built-in one or a custom one. Its grants are asked for apart.
#[derive(Debug, Clone)]
pub struct RoleRow {
    /// Internal id.
    pub id: Uuid,
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// The purpose of the role, in words.
    pub description: String,
    /// `true` if administrators made it.
    pub custom: bool,
    /// The permissions that are on.
    pub permissions: BTreeSet<PermissionKey>,
    /// Version, which grows with each change.
    pub version: i32,
    /// Mark of a role that the caller has just changed: its grants are shown without another right.
    pub(in crate::service) changed: bool,
}

impl From<CustomRole> for RoleRow {
    fn from(role: CustomRole) -> Self {
        Self {
            id: role.id,
            key: role.key.to_string(),
            name: role.name.to_string(),
            description: role.description,
            custom: true,
            permissions: role.permissions,
            version: role.version,
            changed: false,
        }
    }
}

impl Platform {
    /// Makes a custom role.
    pub async fn role_create(
        &self,
        caller: &Caller,
        key: Option<RoleKey>,
        name: Name,
        change: RoleChange,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<RoleKey>> {
        let intent = ChangeRequest::new(Permit::ROLES_EDIT, "role.create", format_args!("role:{name}"), options);
        self.change(caller, intent, |draft| {
            let key = draft.state.create_role(draft.catalogue, Uuid::now_v7(), key, name, change)?;
            draft.target = Some(format!("role:{key}"));
            Ok(key)
        })
        .await
    }

    /// Changes a custom role, for all who hold it at once.
    pub async fn role_update(
        &self,
        caller: &Caller,
        key: &RoleKey,
        version: i32,
        change: RoleChange,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(Permit::ROLES_EDIT, "role.update", format_args!("role:{key}"), options);
        self.change(caller, intent, |draft| draft.state.update_role(draft.catalogue, key.as_str(), version, change))
            .await
    }

    /// Deletes a custom role that no user and no group holds.
    pub async fn role_delete(
        &self,
        caller: &Caller,
        key: &RoleKey,
        options: impl Into<ChangeOptions> + Send,
    ) -> Result<Outcome<()>> {
        let intent = ChangeRequest::new(Permit::ROLES_DELETE, "role.delete", format_args!("role:{key}"), options);
        self.change(caller, intent, |draft| draft.state.delete_role(key.as_str()).map(drop)).await
    }

    /// Returns a page of the roles: the built-in ones, then the custom ones by name.
    pub async fn role_list(
        &self,
        caller: &Caller,
        search: Option<&str>,
        custom: Option<bool>,
        page: Page,
    ) -> Result<PageOf<RoleRow>> {
        let tenant = self.authorise(caller, Permit::ROLES_READ).await?;
        let heads = if custom == Some(true) { Vec::new() } else { self.built_in_roles(search) };
        let names: Vec<String> = heads.iter().map(|role| role.key.clone()).collect();
        let heads = names.iter().map(String::as_str).zip(heads).collect();
        let scope = tenant.scope();
        let rest = |page: Page| async move {
            match custom {
                Some(false) => Ok(PageOf::empty()),
                _ => scope.roles(search, &page).await?.try_map(|role| Ok(role.into())),
            }
        };
        page.with_heads(heads, rest).await
    }

    /// Counts the roles.
    pub async fn role_count(&self, caller: &Caller, search: Option<&str>, custom: Option<bool>) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::ROLES_READ).await?;
        let built_in = if custom == Some(true) { 0 } else { self.built_in_roles(search).len() as u64 };
        let made = if custom == Some(false) { 0 } else { tenant.scope().roles_count(search).await? };
        Ok(built_in + made)
    }

    /// Returns the role of this key.
    pub async fn role_get(&self, caller: &Caller, key: &str) -> Result<Option<RoleRow>> {
        let tenant = self.authorise(caller, Permit::ROLES_READ).await?;
        if let Ok(role) = key.parse() {
            return Ok(Some(self.built_in_role(role)));
        }
        let Ok(key) = RoleKey::parse(key) else { return Ok(None) };
        Ok(tenant.scope().roles_by_keys(&[key]).await?.pop().map(Into::into))
    }

    /// Returns a custom role that the caller has just changed, without asking again whether they may see it.
    pub async fn role_get_changed(&self, caller: &Caller, key: &RoleKey) -> Result<Option<RoleRow>> {
        let found = self.after_change(caller).roles_by_keys(std::slice::from_ref(key)).await?.pop();
        Ok(found.map(|role| RoleRow { changed: true, ..role.into() }))
    }

    /// Returns the roles that groups or users name, in no order. Callers can see those that they hold.
    pub async fn role_list_by_refs(&self, caller: &Caller, refs: &[RoleRef]) -> Result<Vec<RoleRow>> {
        let wanted = refs.iter().map(|role| match role {
            RoleRef::Manager => Subject::Role(BuiltIn::Manager),
            RoleRef::Custom(key) => Subject::Custom(key.clone()),
        });
        let tenant = self.authorise_holder(caller, Permit::ROLES_READ, wanted).await?;
        let mut found = Vec::new();
        let mut custom = Vec::new();
        for role in refs {
            match role {
                RoleRef::Manager => found.push(self.built_in_role(BuiltIn::Manager)),
                RoleRef::Custom(key) => custom.push(key.clone()),
            }
        }
        if !custom.is_empty() {
            found.extend(tenant.scope().roles_by_keys(&custom).await?.into_iter().map(Into::into));
        }
        Ok(found)
    }

    /// Counts the users who hold each of these custom roles themselves; a role without any is absent.
    pub async fn role_users(&self, caller: &Caller, keys: &[RoleKey]) -> Result<HashMap<RoleKey, u64>> {
        let tenant = self.authorise(caller, Permit::ROLES_READ).await?;
        tenant.scope().role_user_counts(keys).await
    }

    /// Counts the users, enabled or disabled, of a built-in role: those who have it as base role and nothing instead of
    /// it, and all users for `member`.
    pub async fn role_built_in_users(&self, caller: &Caller, key: &str) -> Result<u64> {
        use crate::domain::user::BaseRole;
        let tenant = self.authorise(caller, Permit::ROLES_READ).await?;
        let scope = tenant.scope();
        let of = |base_role: Option<BaseRole>| crate::store::user::UserFilter { base_role, ..Default::default() };
        let base_role = match key.parse() {
            Ok(BuiltIn::Admin) => Some(BaseRole::Admin),
            Ok(BuiltIn::Manager) => return scope.plain_managers_count().await,
            Ok(BuiltIn::Agent) => Some(BaseRole::Agent),
            Ok(BuiltIn::Service) => Some(BaseRole::Service),
            Ok(BuiltIn::Member) => None,
            Err(_) => return Ok(0),
        };
        scope.users_count(&of(base_role)).await
    }

    fn built_in_roles(&self, search: Option<&str>) -> Vec<RoleRow> {
        let text = search.unwrap_or_default().trim();
        let wanted = letters::searched(text);
        // As in the store: what holds nothing to look for finds nothing.
        let is_in = |name: &str| !wanted.is_empty() && letters::searched(name).contains(&wanted);
        let all = BuiltIn::VARIANTS.iter().map(|role| self.built_in_role(*role));
        all.filter(|role| text.is_empty() || is_in(&role.key) || is_in(&role.name)).collect()
    }

    fn built_in_role(&self, role: BuiltIn) -> RoleRow {
        let (number, name, description) = match role {
            BuiltIn::Admin => (1, "Admin", "Everything that is licensed."),
            BuiltIn::Manager => (2, "Manager", "All permissions of the catalogue."),
            BuiltIn::Agent => (3, "Agent", "Nothing of its own."),
            BuiltIn::Service => (4, "Service", "A host application: decides for others and registers resources."),
            BuiltIn::Member => (5, "Member", "What every user has that is not disabled."),
        };
        let all = self.parts.catalogue.permissions().iter().map(|permission| permission.key.clone());
        RoleRow {
            id: Uuid::from_u128(number),
            key: role.as_ref().to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            custom: false,
            permissions: all.filter(|_| role == BuiltIn::Manager).collect(),
            version: 1,
            changed: false,
        }
    }

    /// Returns the role of this internal id.
    pub async fn role_get_by_id(&self, caller: &Caller, id: Uuid) -> Result<Option<RoleRow>> {
        let tenant = self.authorise(caller, Permit::ROLES_READ).await?;
        let built_in = BuiltIn::VARIANTS.iter().map(|role| self.built_in_role(*role)).find(|role| role.id == id);
        match built_in {
            Some(role) => Ok(Some(role)),
            None => Ok(tenant.scope().role_by_id(id).await?.map(Into::into)),
        }
    }
}
