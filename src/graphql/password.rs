//! Passwords: the caller's own, another user's, and the link for users who have forgotten theirs.

use async_graphql::{Context, InputObject, Object};

use super::context::{caller, platform, request};
use super::input::parse;
use super::payload::payload;
use super::user::User;
use crate::domain::key::{TenantKey, UserKey};
use crate::domain::user::Email;
use crate::error::Result;
use crate::service::access::password::WithKey;
use crate::service::change::read_back;

/// Changes the caller's own password.
#[derive(InputObject)]
pub struct PasswordChangeInput {
    /// Present password.
    old: String,
    /// New password.
    new: String,
    /// `true` if the API key goes on. Otherwise it ends with the old password.
    #[graphql(default)]
    keep_api_key: bool,
}

payload! {
    /// A changed password.
    PasswordChangePayload {
        /// User whose password changed.
        user: User,
    }
}

/// Sets another user's password.
#[derive(InputObject)]
pub struct UserSetPasswordInput {
    /// Key of the user.
    key: String,
    /// New password.
    password: String,
    /// `true` if the user's API key goes on. Otherwise it ends with the old password.
    #[graphql(default)]
    keep_api_key: bool,
}

payload! {
    /// A new password of another user.
    UserSetPasswordPayload {
        /// User whose password was set.
        user: User,
    }
}

/// Asks for a link that sets a new password.
#[derive(InputObject)]
pub struct PasswordResetRequestInput {
    /// Key of the tenant.
    tenant: String,
    /// Email address of the account.
    email: String,
}

payload! {
    /// A request for a link.
    PasswordResetRequestPayload {
        /// `true` if the request was accepted. The answer does not tell if a mail is sent: only the reader of that
        /// address learns it.
        accepted: bool,
    }
}

/// Sets a new password by the link from a mail.
#[derive(InputObject)]
pub struct PasswordResetInput {
    /// Token from the link: the text after `token=`.
    token: String,
    /// New password.
    password: String,
}

payload! {
    /// A password that was set by a link; the link is used up.
    PasswordResetPayload {
        /// Key of the tenant to sign in to.
        tenant: String,
        /// Username to sign in with.
        username: String,
    }
}

/// Mutations of passwords.
#[derive(Default)]
pub struct PasswordMutation;

#[Object]
impl PasswordMutation {
    /// Changes the caller's own password. Their other sessions end, and so does their API key, unless it is to be
    /// kept. Needs a session.
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password so far and the new one.")] input: PasswordChangeInput,
    ) -> Result<PasswordChangePayload> {
        let (platform, caller) = caller(ctx)?;
        let changed = async {
            let key = with_key(input.keep_api_key);
            platform.password_change(caller, input.old.into(), input.new.into(), key).await?;
            let user = read_back(platform.user_get_own(caller).await.map(Some));
            let user = user.map(|user| User::new(caller.home().id, user));
            Ok(PasswordChangePayload { user, user_errors: Vec::new() })
        };
        PasswordChangePayload::of(changed.await)
    }

    /// Sets another user's password and ends that user's sessions, and the API key, unless it is to be kept. Needs a
    /// session; callers change their own password with `passwordChange`.
    async fn user_set_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the new password.")] input: UserSetPasswordInput,
    ) -> Result<UserSetPasswordPayload> {
        let (platform, caller) = caller(ctx)?;
        let set = async {
            let key = parse("key", &input.key, UserKey::parse)?;
            platform.password_set(caller, &key, input.password.into(), with_key(input.keep_api_key)).await?;
            let user = read_back(platform.user_get_changed(caller, &key).await);
            Ok(UserSetPasswordPayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                user_errors: Vec::new(),
            })
        };
        UserSetPasswordPayload::of(set.await)
    }

    /// Asks for a link by mail that sets a new password: good for one hour and one use. While a link is good, no other
    /// one is sent. The answer does not depend on the existence of the account.
    async fn password_reset_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tenant and the address.")] input: PasswordResetRequestInput,
    ) -> Result<PasswordResetRequestPayload> {
        let platform = platform(ctx)?;
        let requested = || {
            let tenant = parse("tenant", &input.tenant, TenantKey::parse)?;
            let email = parse("email", &input.email, Email::parse)?;
            platform.password_request_reset(tenant, email, request(ctx)?)?;
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
            let (tenant, user) = platform.password_reset(&input.token, input.password.into(), request(ctx)?).await?;
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
