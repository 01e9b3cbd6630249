//! The mutations of user profiles.

use async_graphql::{Context, Object};

use super::Profile;
use super::input::{
    ProfileAssignInput, ProfileCloneInput, ProfileCreateInput, ProfileDeleteInput, ProfileSaveModuleInput,
    ProfileUpdateInput, ProfilesImportLegacyInput,
};
use crate::domain::key::{ModuleKey, ProfileKey, UserKey};
use crate::domain::name::Name;
use crate::error::Result;
use crate::graphql::context::{caller, loaders};
use crate::graphql::impact::Impact;
use crate::graphql::input::{parse, parse_all, parse_opt};
use crate::graphql::payload::{if_seen, payload, unless_dry};
use crate::graphql::scalar::int;
use crate::service::change::ChangeOptions;

payload! {
    /// A new profile.
    ProfileCreatePayload {
        /// The profile.
        profile: Profile,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A changed profile.
    ProfileUpdatePayload {
        /// The profile as it is now.
        profile: Profile,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A profile with a saved module.
    ProfileSaveModulePayload {
        /// The profile as it is now.
        profile: Profile,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A copied profile.
    ProfileClonePayload {
        /// The copy.
        profile: Profile,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A deleted profile.
    ProfileDeletePayload {
        /// The key of the profile that is gone.
        key: String,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A profile with more users.
    ProfileAssignPayload {
        /// The profile, where the caller may see it.
        profile: Profile,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// The result of an import.
    ProfilesImportLegacyPayload {
        /// Profiles that the users hold now, in the order of first use, where the caller may see them.
        profiles: Vec<Profile> [at most 1000],
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

/// Mutations of user profiles.
#[derive(Default)]
pub struct ProfileMutation;

#[Object]
impl ProfileMutation {
    /// Makes a profile with every module and section disabled.
    async fn profile_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to make.")] mut input: ProfileCreateInput,
    ) -> Result<ProfileCreatePayload> {
        let (platform, caller) = caller(ctx)?;
        let made = async {
            let options = ChangeOptions { reason: input.reason.take(), dry_run: input.dry_run };
            let done = platform.profile_create(caller, input.new_profile()?, options).await?;
            Ok(ProfileCreatePayload {
                profile: unless_dry(&done, platform.profile_get_changed(caller, &done.value)).await.map(Profile::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ProfileCreatePayload::of(made.await)
    }

    /// Changes a profile's description, permission type or masking.
    async fn profile_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile and what changes.")] mut input: ProfileUpdateInput,
    ) -> Result<ProfileUpdatePayload> {
        let (platform, caller) = caller(ctx)?;
        let updated = async {
            let key = parse("key", &input.key, ProfileKey::parse)?;
            let (version, options) =
                (input.version, ChangeOptions { reason: input.reason.take(), dry_run: input.dry_run });
            let done = platform.profile_update(caller, &key, version, input.change()?, options).await?;
            Ok(ProfileUpdatePayload {
                profile: unless_dry(&done, platform.profile_get_changed(caller, &key)).await.map(Profile::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ProfileUpdatePayload::of(updated.await)
    }

    /// Saves one module of a profile as a whole: its override, sections and associations change
    /// together or not at all.
    async fn profile_save_module(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile, the module and what it is saved as.")] mut input: ProfileSaveModuleInput,
    ) -> Result<ProfileSaveModulePayload> {
        let (platform, caller) = caller(ctx)?;
        let saved = async {
            let key = parse("profile", &input.profile, ProfileKey::parse)?;
            let module = parse("module", &input.module, ModuleKey::parse)?;
            let (version, options) =
                (input.version, ChangeOptions { reason: input.reason.take(), dry_run: input.dry_run });
            let done =
                platform.profile_save_module(caller, &key, module.as_str(), version, input.save()?, options).await?;
            Ok(ProfileSaveModulePayload {
                profile: unless_dry(&done, platform.profile_get_changed(caller, &key)).await.map(Profile::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ProfileSaveModulePayload::of(saved.await)
    }

    /// Gives a profile to many users in one change. Only users of base role USER hold one.
    async fn profile_assign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile and the users that get it.")] input: ProfileAssignInput,
    ) -> Result<ProfileAssignPayload> {
        let (platform, caller) = caller(ctx)?;
        let assigned = async {
            let key = parse("profile", &input.profile, ProfileKey::parse)?;
            let users = parse_all("users", &input.users, UserKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.profile_assign(caller, &key, &users, options).await?;
            Ok(ProfileAssignPayload {
                profile: unless_dry(&done, async { if_seen(loaders(ctx)?.profile(&key).await) }).await,
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ProfileAssignPayload::of(assigned.await)
    }

    /// Makes profiles from the permissions that users had one by one, before there were profiles: users with the same
    /// permissions share one, named `profile_1`, `profile_2`, … in the order of first use. All in one change;
    /// repeating the import changes nothing.
    async fn profiles_import_legacy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users and what they were permitted.")] mut input: ProfilesImportLegacyInput,
    ) -> Result<ProfilesImportLegacyPayload> {
        let (platform, caller) = caller(ctx)?;
        let imported = async {
            let options = ChangeOptions { reason: input.reason.take(), dry_run: input.dry_run };
            let done = platform.profile_import_legacy(caller, &input.users()?, options).await?;
            Ok(ProfilesImportLegacyPayload {
                profiles: unless_dry(&done, async { if_seen(loaders(ctx)?.profiles(&done.value).await).map(Some) })
                    .await,
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ProfilesImportLegacyPayload::of(imported.await)
    }

    /// Copies a profile under a new name, without its users.
    async fn profile_clone(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to copy and the copy's name.")] input: ProfileCloneInput,
    ) -> Result<ProfileClonePayload> {
        let (platform, caller) = caller(ctx)?;
        let cloned = async {
            let key = parse("key", &input.key, ProfileKey::parse)?;
            let new_key = parse_opt("newKey", input.new_key.as_deref(), ProfileKey::parse)?;
            let new_name = parse("newName", &input.new_name, Name::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.profile_clone(caller, &key, new_key, new_name, options).await?;
            Ok(ProfileClonePayload {
                profile: unless_dry(&done, platform.profile_get_changed(caller, &done.value)).await.map(Profile::new),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ProfileClonePayload::of(cloned.await)
    }

    /// Deletes a profile that no user holds.
    async fn profile_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to delete.")] input: ProfileDeleteInput,
    ) -> Result<ProfileDeletePayload> {
        let (platform, caller) = caller(ctx)?;
        let deleted = async {
            let key = parse("key", &input.key, ProfileKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.profile_delete(caller, &key, options).await?;
            Ok(ProfileDeletePayload {
                key: (!done.dry_run).then(|| key.to_string()),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        ProfileDeletePayload::of(deleted.await)
    }
}
