//! Creating, changing and deleting one user.

use async_graphql::{Context, InputObject, MaybeUndefined, Object};

use super::telephony::TelephonyInput;
use super::{BaseRole, User};
use crate::domain::Change;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, UserKey};
use crate::domain::name::Name;
use crate::domain::user::{Email, Telephony, UserChange, Username};
use crate::error::Result;
use crate::graphql::context::caller;
use crate::graphql::impact::Impact;
use crate::graphql::input::{change, given, parse, parse_all, parse_opt};
use crate::graphql::payload::{payload, unless_dry};
use crate::graphql::role::list;
use crate::graphql::scalar::int;
use crate::service::change::Terms;
use crate::service::user::{NewUser, UserUpdate};

/// Creates a user.
#[derive(InputObject)]
pub struct UserCreateInput {
    /// The name to sign in with: ASCII letters, digits, `.` and `_`; it never changes.
    username: String,
    /// The person's name.
    full_name: String,
    /// The email address, unique in the tenant.
    email: String,
    /// The password; without one nobody can sign in until one is set.
    password: Option<String>,
    /// What the user is.
    base_role: BaseRole,
    /// The profile's key, for a USER.
    profile: Option<String>,
    /// The custom role's key, for a MANAGER.
    custom_role: Option<String>,
    /// The keys of its groups.
    groups: Option<Vec<String>>,
    /// The extension; the next free number when absent.
    extension: Option<String>,
    /// How its telephone talks.
    telephony: Option<TelephonyInput>,
    /// Why; it stands in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

impl UserCreateInput {
    pub(super) fn new_user(self) -> Result<NewUser> {
        let groups = self.groups.unwrap_or_default();
        let telephony = self.telephony.map(TelephonyInput::change).transpose()?;
        Ok(NewUser {
            username: parse("username", &self.username, Username::parse)?,
            full_name: parse("fullName", &self.full_name, Name::parse)?,
            email: Some(parse("email", &self.email, Email::parse)?),
            password: self.password.map(Into::into),
            base_role: self.base_role.into(),
            profile: parse_opt("profile", self.profile.as_deref(), ProfileKey::parse)?,
            role: parse_opt("customRole", self.custom_role.as_deref(), RoleKey::parse)?,
            groups: parse_all("groups", &groups, GroupKey::parse)?,
            extension: self.extension,
            telephony: Telephony::default().with(telephony.unwrap_or_default()),
        })
    }
}

/// Changes a user. What is absent stays; null empties, and is refused where a user always has a value.
#[derive(InputObject)]
pub struct UserUpdateInput {
    /// Its key.
    key: String,
    /// The version that is changed.
    version: i32,
    /// Another name; null is refused.
    full_name: MaybeUndefined<String>,
    /// Another email address.
    email: MaybeUndefined<String>,
    /// Enabled or disabled; null is refused.
    enabled: MaybeUndefined<bool>,
    /// Another base role: who leaves USER loses the profile, who leaves MANAGER the custom role.
    /// Null is refused.
    base_role: MaybeUndefined<BaseRole>,
    /// The profile's key.
    profile: MaybeUndefined<String>,
    /// The custom role's key.
    custom_role: MaybeUndefined<String>,
    /// The keys of all its groups.
    groups: MaybeUndefined<Vec<String>>,
    /// Another extension; null is the next free number.
    extension: MaybeUndefined<String>,
    /// How its telephone talks; null is as by default.
    telephony: MaybeUndefined<TelephonyInput>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

impl UserUpdateInput {
    fn update(self) -> Result<UserUpdate> {
        let groups = list(self.groups);
        let access = UserChange {
            enabled: given("enabled", self.enabled)?,
            base_role: given("baseRole", self.base_role)?.map(Into::into),
            profile: change(self.profile, |key| parse("profile", &key, ProfileKey::parse))?,
            role: change(self.custom_role, |key| parse("customRole", &key, RoleKey::parse))?,
            groups: groups.map(|groups| parse_all("groups", &groups, GroupKey::parse)).transpose()?,
        };
        let telephony = match self.telephony {
            MaybeUndefined::Undefined => Change::Keep,
            MaybeUndefined::Null => Change::Clear,
            MaybeUndefined::Value(telephony) => Change::Set(telephony.change()?),
        };
        Ok(UserUpdate {
            access,
            full_name: parse_opt("fullName", given("fullName", self.full_name)?.as_deref(), Name::parse)?,
            email: change(self.email, |email| parse("email", &email, Email::parse))?,
            extension: change(self.extension, Ok)?,
            telephony,
        })
    }
}

/// Deletes a user.
#[derive(InputObject)]
pub struct UserDeleteInput {
    /// Its key.
    key: String,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
    /// Whether it is only tried: then nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

payload! {
    /// A new user.
    UserCreatePayload {
        /// The user.
        user: User,
        /// The tenant's policy version.
        revision: i32,
        /// Who would gain and who would lose what, after a dry run. Null after a change that is
        /// made, and for those who may not see it.
        impact: Impact,
    }
}

payload! {
    /// A changed user.
    UserUpdatePayload {
        /// The user as it is now.
        user: User,
        /// The tenant's policy version.
        revision: i32,
        /// Who would gain and who would lose what, after a dry run. Null after a change that is
        /// made, and for those who may not see it.
        impact: Impact,
    }
}

payload! {
    /// A deleted user.
    UserDeletePayload {
        /// The key of the user that is gone.
        key: String,
        /// The tenant's policy version.
        revision: i32,
        /// Who would gain and who would lose what, after a dry run. Null after a change that is
        /// made, and for those who may not see it.
        impact: Impact,
    }
}

/// Mutations of users.
#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Creates a user.
    async fn user_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to create.")] mut input: UserCreateInput,
    ) -> Result<UserCreatePayload> {
        let (platform, caller) = caller(ctx)?;
        let made = async {
            let terms = Terms { reason: input.reason.take(), dry_run: input.dry_run };
            let done = platform.create_user(caller, input.new_user()?, terms).await?;
            let user = unless_dry(&done, platform.changed_user(caller, &done.value)).await;
            Ok(UserCreatePayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        UserCreatePayload::of(made.await)
    }

    /// Changes a user's access or account.
    async fn user_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and what changes.")] mut input: UserUpdateInput,
    ) -> Result<UserUpdatePayload> {
        let (platform, caller) = caller(ctx)?;
        let updated = async {
            let key = parse("key", &input.key, UserKey::parse)?;
            let (version, terms) = (input.version, Terms { reason: input.reason.take(), dry_run: input.dry_run });
            let done = platform.update_user(caller, &key, version, input.update()?, terms).await?;
            let user = unless_dry(&done, platform.changed_user(caller, &key)).await;
            Ok(UserUpdatePayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        UserUpdatePayload::of(updated.await)
    }

    /// Deletes a user with its sessions and API key. Its key inherits nothing later.
    async fn user_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to delete.")] input: UserDeleteInput,
    ) -> Result<UserDeletePayload> {
        let (platform, caller) = caller(ctx)?;
        let deleted = async {
            let key = parse("key", &input.key, UserKey::parse)?;
            let terms = Terms { reason: input.reason, dry_run: input.dry_run };
            let done = platform.delete_user(caller, &key, terms).await?;
            Ok(UserDeletePayload {
                key: (!done.dry_run).then(|| key.to_string()),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        UserDeletePayload::of(deleted.await)
    }
}
