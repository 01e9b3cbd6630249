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
use crate::service::admin::user::{NewUser, UserUpdate};
use crate::service::change::ChangeOptions;

/// Creates a user.
#[derive(InputObject)]
pub struct UserCreateInput {
    /// Name to sign in with: ASCII letters, digits, `.` and `_`; it never changes.
    username: String,
    /// Name of the person.
    full_name: String,
    /// Email address, unique in the tenant.
    email: String,
    /// Password; without one the user cannot sign in until one is set.
    password: Option<String>,
    /// Base role of the user.
    base_role: BaseRole,
    /// Key of the profile, for a USER.
    profile: Option<String>,
    /// Key of the custom role, for a MANAGER.
    custom_role: Option<String>,
    /// Keys of the user's groups.
    groups: Option<Vec<String>>,
    /// Telephone extension; the next free number when absent.
    extension: Option<String>,
    /// Settings of the user's telephone.
    telephony: Option<TelephonyInput>,
    /// Reason for the change, kept in the revision and the audit log.
    pub(super) reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
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

/// Changes a user. An absent field stays; null empties, and is refused where a user always has a value.
#[derive(InputObject)]
pub struct UserUpdateInput {
    /// Key of the user.
    key: String,
    /// Version of the user that is changed.
    version: i32,
    /// New full name; null is refused.
    full_name: MaybeUndefined<String>,
    /// New email address.
    email: MaybeUndefined<String>,
    /// `true` enables the user, `false` disables them; null is refused.
    enabled: MaybeUndefined<bool>,
    /// New base role: a user who leaves USER loses the profile, one who leaves MANAGER the custom role. Null is
    /// refused.
    base_role: MaybeUndefined<BaseRole>,
    /// Key of the profile.
    profile: MaybeUndefined<String>,
    /// Key of the custom role.
    custom_role: MaybeUndefined<String>,
    /// Keys of all the user's groups.
    groups: MaybeUndefined<Vec<String>>,
    /// New telephone extension; null is the next free number.
    extension: MaybeUndefined<String>,
    /// Settings of the user's telephone; null restores the defaults.
    telephony: MaybeUndefined<TelephonyInput>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
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
    /// Key of the user.
    key: String,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

payload! {
    /// A new user.
    UserCreatePayload {
        /// The user.
        user: User,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A changed user.
    UserUpdatePayload {
        /// The user as it is now.
        user: User,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

payload! {
    /// A deleted user.
    UserDeletePayload {
        /// The key of the user that is gone.
        key: String,
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
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
            let options = ChangeOptions { reason: input.reason.take(), dry_run: input.dry_run };
            let done = platform.user_create(caller, input.new_user()?, options).await?;
            let user = unless_dry(&done, platform.user_get_changed(caller, &done.value)).await;
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
            let (version, options) =
                (input.version, ChangeOptions { reason: input.reason.take(), dry_run: input.dry_run });
            let done = platform.user_update(caller, &key, version, input.update()?, options).await?;
            let user = unless_dry(&done, platform.user_get_changed(caller, &key)).await;
            Ok(UserUpdatePayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        UserUpdatePayload::of(updated.await)
    }

    /// Deletes a user with their sessions and API key. A later user of the same key inherits nothing.
    async fn user_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to delete.")] input: UserDeleteInput,
    ) -> Result<UserDeletePayload> {
        let (platform, caller) = caller(ctx)?;
        let deleted = async {
            let key = parse("key", &input.key, UserKey::parse)?;
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.user_delete(caller, &key, options).await?;
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
