//! The demo tenant, made through the same use cases as every other. Its contents are in `demo/northwind.yaml`; this
//! module loads them.

mod file;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::group::GroupChange;
use crate::domain::key::{TenantKey, UserKey};
use crate::domain::profile::{ModuleSave, NewProfile};
use crate::domain::role::{RoleChange, RoleRef};
use crate::domain::user::{BaseRole, Telephony, UserChange, Username};
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::admin::user::{NewUser, UserUpdate};
use file::{Demo, Profile, User, email, rights};

const NORTHWIND: &str = include_str!("../demo/northwind.yaml");
/// The password of every demo user, known to everyone: the tenant is for looking around.
pub const PASSWORD: &str = "Demo-1234";
/// The reason of the demo's changes, as the history shows it.
const REASON: &str = "demo data";

/// Makes the tenant `demo`, unless it exists, and returns a text for the person who asked for it. An API key in the
/// text is shown this once.
pub async fn load(platform: &Platform) -> Result<String> {
    let demo: Demo = serde_saphyr::from_str(NORTHWIND).map_err(Error::internal)?;
    let operator = platform.system_caller(&TenantKey::parse(TenantKey::PLATFORM)?).await?;
    let reason = Some(REASON.to_owned());
    match platform.tenant_create(&operator, demo.tenant()?, reason.clone()).await {
        Ok(_) => {}
        Err(error) if error.code == ErrorCode::AlreadyExists => {
            return Ok(format!("the tenant `{}` is there already: nothing was changed\n", demo.key));
        }
        Err(error) => return Err(error),
    }
    let loader = Loader { platform, caller: platform.system_caller(&demo.key).await?, reason };
    for profile in &demo.profiles {
        loader.profile(profile).await?;
    }
    loader.roles_and_groups(&demo).await?;
    for user in &demo.users {
        loader.user(user).await?;
    }
    let mut resources = 0;
    for (section, batch) in demo.inventory()? {
        resources += batch.len();
        platform.resource_register(&loader.caller, &section, batch, Vec::new(), None, loader.reason.clone()).await?;
    }
    for profile in &demo.profiles {
        loader.modules(profile).await?;
    }
    loader.report(&demo, resources).await
}

/// The writer that puts the contents of the file into the tenant.
struct Loader<'a> {
    platform: &'a Platform,
    caller: Caller,
    reason: Option<String>,
}

impl Loader<'_> {
    async fn profile(&self, profile: &Profile) -> Result<()> {
        let new = NewProfile {
            id: Uuid::now_v7(),
            key: Some(profile.key.clone()),
            name: profile.name.clone(),
            description: profile.description.clone(),
            permission_type: profile.permission_type,
            mask_sensitive_data: profile.mask_sensitive_data,
        };
        self.platform.profile_create(&self.caller, new, self.reason.clone()).await.map(drop)
    }

    /// Saves the modules of a profile that was just made: each save moves its version up by one.
    async fn modules(&self, profile: &Profile) -> Result<()> {
        for ((key, module), version) in profile.modules.iter().zip(1..) {
            let sections: Vec<_> =
                module.sections.iter().map(|(name, section)| section.save(key, name)).collect::<Result<_>>()?;
            let save = ModuleSave {
                all: module.all,
                rights: rights(module.r#override),
                sections: (!sections.is_empty()).then_some(sections),
            };
            self.platform
                .profile_save_module(&self.caller, &profile.key, key.as_str(), version, save, self.reason.clone())
                .await?;
        }
        Ok(())
    }

    async fn roles_and_groups(&self, demo: &Demo) -> Result<()> {
        for role in &demo.roles {
            let change = RoleChange {
                name: None,
                description: Some(role.description.clone()),
                permissions: Some(role.permissions.clone()),
                grants: Some(role.grants.clone()),
            };
            self.platform
                .role_create(&self.caller, Some(role.key.clone()), role.name.clone(), change, self.reason.clone())
                .await?;
        }
        for group in &demo.groups {
            let change = GroupChange {
                name: None,
                roles: Some(group.roles.iter().map(|role| RoleRef::parse(role)).collect::<Result<_>>()?),
                permissions: Some(group.permissions.clone()),
            };
            let (key, name) = (Some(group.key.clone()), group.name.clone());
            self.platform.group_create(&self.caller, key, name, change, BTreeSet::new(), self.reason.clone()).await?;
        }
        Ok(())
    }

    async fn user(&self, user: &User) -> Result<()> {
        let new = NewUser {
            username: Username::parse(&user.username)?,
            full_name: user.name.clone(),
            email: Some(email(&user.username)?),
            password: user.signs_in.then(|| PASSWORD.into()),
            base_role: user.role,
            profile: user.profile.clone(),
            role: user.custom_role.clone(),
            groups: user.groups.clone(),
            extension: None,
            telephony: Telephony::default(),
        };
        let key = self.platform.user_create(&self.caller, new, self.reason.clone()).await?.value;
        if user.disabled {
            let access = UserChange { enabled: Some(false), ..UserChange::default() };
            let update = UserUpdate { access, ..UserUpdate::default() };
            self.platform.user_update(&self.caller, &key, 1, update, Some("left the company".to_owned())).await?;
        }
        Ok(())
    }

    /// Describes what was made, and how to sign in.
    async fn report(&self, demo: &Demo, resources: usize) -> Result<String> {
        let mut text = format!(
            "made the tenant `{}`, {}: {} users, {} profiles, {} custom roles, {} groups, {resources} resources\n\n",
            demo.key,
            demo.name,
            demo.users.len() + 1,
            demo.profiles.len() + 1,
            demo.roles.len(),
            demo.groups.len(),
        );
        let signing_in = demo.users.iter().filter(|user| user.signs_in);
        let people = signing_in.map(|user| (user.username.as_str(), &user.name, user.role));
        let admin = (demo.admin.username.as_str(), &demo.admin.name, BaseRole::Admin);
        writeln!(text, "sign in to `{}` with the password {PASSWORD} as", demo.key).map_err(Error::internal)?;
        for (username, name, role) in std::iter::once(admin).chain(people) {
            writeln!(text, "  {username:<6} {name}, {}", role.as_ref().to_uppercase()).map_err(Error::internal)?;
        }
        for service in demo.users.iter().filter(|user| user.role == BaseRole::Service) {
            let user = UserKey::parse(&service.username)?;
            let issued = self.platform.api_key_generate(&self.caller, Some(&user), None).await?;
            let token = issued.token.expose();
            writeln!(text, "\nthe API key of the host application `{user}`, shown this once:\n  {token}")
                .map_err(Error::internal)?;
        }
        Ok(text)
    }
}
