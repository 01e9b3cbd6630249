//! Passwords: one's own, another user's, and the link for who has forgotten theirs.

use async_graphql::{Context, InputObject, Object};

use super::context::{caller, platform, request};
use super::input::parse;
use super::payload::payload;
use super::user::User;
use crate::domain::key::{TenantKey, UserKey};
use crate::domain::user::Email;
use crate::error::Result;
use crate::service::change::read_back;
use crate::service::password::WithKey;

/// Changes one's own password.
#[derive(InputObject)]
pub struct PasswordChangeInput {
    /// The password so far.
    old: String,
    /// The new one.
    new: String,
    /// Whether the API key goes on. It ends with the old password, unless this is said.
    #[graphql(default)]
    keep_api_key: bool,
}

payload! {
    /// A changed password.
    PasswordChangePayload {
        /// Whose password it is.
        user: User,
    }
}

/// Sets another user's password.
#[derive(InputObject)]
pub struct UserSetPasswordInput {
    /// The user's key.
    key: String,
    /// The new password.
    password: String,
    /// Whether the user's API key goes on. It ends with the old password, unless this is said.
    #[graphql(default)]
    keep_api_key: bool,
}

payload! {
    /// A new password of another user.
    UserSetPasswordPayload {
        /// Whose password it is.
        user: User,
    }
}

/// Asks for a link that sets a new password.
#[derive(InputObject)]
pub struct PasswordResetRequestInput {
    /// The tenant's key.
    tenant: String,
    /// The email address of the account.
    email: String,
}

payload! {
    /// A request for a link.
    PasswordResetRequestPayload {
        /// That it was heard. Whether a mail comes is not told here: only who reads that address knows.
        accepted: bool,
    }
}

/// Sets a new password by the link from a mail.
#[derive(InputObject)]
pub struct PasswordResetInput {
    /// What stands behind `token=` in the link.
    token: String,
    /// The new password.
    password: String,
}

payload! {
    /// A password that was set by a link; the link is used up.
    PasswordResetPayload {
        /// The tenant to sign in to.
        tenant: String,
        /// The username to sign in with.
        username: String,
    }
}

/// Mutations of passwords.
#[derive(Default)]
pub struct PasswordMutation;

#[Object]
impl PasswordMutation {
    /// Changes one's own password; other sessions of the same user end, and so does the API key, unless it
    /// is to be kept. Needs a session.
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password so far and the new one.")] input: PasswordChangeInput,
    ) -> Result<PasswordChangePayload> {
        let (platform, caller) = caller(ctx)?;
        let changed = async {
            let key = with_key(input.keep_api_key);
            platform.change_password(caller, input.old.into(), input.new.into(), key).await?;
            let user = read_back(platform.own_user(caller).await.map(Some));
            let user = user.map(|user| User::new(caller.home().id, user));
            Ok(PasswordChangePayload { user, user_errors: Vec::new() })
        };
        PasswordChangePayload::of(changed.await)
    }

    /// Sets another user's password and ends that user's sessions, and the API key, unless it is to be
    /// kept. Needs a session; one's own password changes with `passwordChange`.
    async fn user_set_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the new password.")] input: UserSetPasswordInput,
    ) -> Result<UserSetPasswordPayload> {
        let (platform, caller) = caller(ctx)?;
        let set = async {
            let key = parse("key", &input.key, UserKey::parse)?;
            platform.set_password(caller, &key, input.password.into(), with_key(input.keep_api_key)).await?;
            let user = read_back(platform.changed_user(caller, &key).await);
            Ok(UserSetPasswordPayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                user_errors: Vec::new(),
            })
        };
        UserSetPasswordPayload::of(set.await)
    }

    /// Asks for a link by mail that sets a new password: good for one hour and one use. While one
    /// holds no other is sent. The answer is the same whether or not there is such an account.
    async fn password_reset_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tenant and the address.")] input: PasswordResetRequestInput,
    ) -> Result<PasswordResetRequestPayload> {
        let platform = platform(ctx)?;
        let requested = || {
            let tenant = parse("tenant", &input.tenant, TenantKey::parse)?;
            let email = parse("email", &input.email, Email::parse)?;
            platform.request_password_reset(tenant, email, request(ctx)?)?;
            Ok(PasswordResetRequestPayload { accepted: Some(true), user_errors: Vec::new() })
        };
        PasswordResetRequestPayload::of(requested())
    }

    /// Sets a new password by the link from a mail, and ends all sessions of its user and its API key.
    async fn password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link's token and the new password.")] input: PasswordResetInput,
    ) -> Result<PasswordResetPayload> {
        let platform = platform(ctx)?;
        let reset = async {
            let (tenant, user) = platform.reset_password(&input.token, input.password.into(), request(ctx)?).await?;
            Ok(PasswordResetPayload {
                tenant: Some(tenant.to_string()),
                username: Some(user.to_string()),
                user_errors: Vec::new(),
            })
        };
        PasswordResetPayload::of(reset.await)
    }
}

const fn with_key(keep: bool) -> WithKey {
    if keep { WithKey::Kept } else { WithKey::Ended }
}
