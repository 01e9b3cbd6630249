//! Sessions and API keys.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::context::{caller, platform, request};
use super::input::parse_opt;
use super::payload::payload;
use super::scalar::DateTime;
use super::user::User;
use crate::domain::key::UserKey;
use crate::error::Result;
use crate::service::admin::user::ApiKeyRow;
use crate::service::change::read_back;

/// Signs in with a password.
#[derive(InputObject)]
pub struct SessionCreateInput {
    /// Key of the tenant.
    tenant: String,
    /// Username, in any case.
    username: String,
    /// The password.
    password: String,
}

payload! {
    /// A new session.
    SessionCreatePayload {
        /// The bearer token, shown this once: send it as `Authorization: Bearer TOKEN`.
        token: String,
        /// Time until which the session is valid.
        expires_at: DateTime,
        /// User who has signed in.
        user: User,
    }
}

payload! {
    /// The end of a session.
    SessionEndPayload {
        /// `true` if the session has ended: its token is no longer accepted anywhere.
        ended: bool,
    }
}

/// Generates an API key, in place of the one before.
#[derive(InputObject)]
pub struct ApiKeyGenerateInput {
    /// Key of the user; the caller when absent.
    user: Option<String>,
    /// Password of the caller: needed once the caller has been signed in for ten minutes.
    password: Option<String>,
}

/// Removes an API key.
#[derive(InputObject)]
pub struct ApiKeyRemoveInput {
    /// Key of the user; the caller when absent.
    user: Option<String>,
}

/// The stored data of an API key, without the secret.
#[derive(Clone, SimpleObject)]
pub struct ApiKey {
    /// Beginning of the key, by which people tell keys apart.
    prefix: String,
    /// Time at which the key was generated.
    created_at: DateTime,
    /// Time at which the key was last used, to the minute.
    last_used_at: Option<DateTime>,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self { prefix: row.prefix, created_at: DateTime(row.created_at), last_used_at: row.last_used_at.map(DateTime) }
    }
}

payload! {
    /// A new API key.
    ApiKeyGeneratePayload {
        /// Bearer token, shown this once.
        token: String,
        /// Stored data of the key.
        api_key: ApiKey,
    }
}

payload! {
    /// The end of an API key.
    ApiKeyRemovePayload {
        /// Key of the user whose API key was removed: the API key is no longer accepted anywhere.
        user: String,
    }
}

/// Mutations of sessions and API keys.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Signs in. The answer to a wrong tenant, username or password is the same.
    async fn session_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tenant, the user and the password.")] input: SessionCreateInput,
    ) -> Result<SessionCreatePayload> {
        let platform = platform(ctx)?;
        let request = request(ctx)?;
        let signed_in = async {
            let new = platform.sign_in(&input.tenant, &input.username, input.password.into(), request).await?;
            let user = read_back(platform.user_get_own(&new.caller).await.map(Some));
            Ok(SessionCreatePayload {
                token: Some(new.token.expose().to_owned()),
                expires_at: Some(DateTime(new.expires_at)),
                user: user.map(|user| User::new(new.caller.home().id, user)),
                user_errors: Vec::new(),
            })
        };
        SessionCreatePayload::of(signed_in.await)
    }

    /// Ends the session that the request was made with.
    async fn session_end(&self, ctx: &Context<'_>) -> Result<SessionEndPayload> {
        let (platform, caller) = caller(ctx)?;
        let ended = platform.sign_out(caller).await;
        SessionEndPayload::of(ended.map(|()| SessionEndPayload { ended: Some(true), user_errors: Vec::new() }))
    }

    /// Generates an API key, shown this once; the one before stops at once. Needs a session, and the caller's
    /// password with one that is older than ten minutes.
    async fn api_key_generate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user, or none for one's own key.")] input: ApiKeyGenerateInput,
    ) -> Result<ApiKeyGeneratePayload> {
        let (platform, caller) = caller(ctx)?;
        let issued = async {
            let user = parse_opt("user", input.user.as_deref(), UserKey::parse)?;
            let issued = platform.api_key_generate(caller, user.as_ref(), input.password.map(Into::into)).await?;
            Ok(ApiKeyGeneratePayload {
                token: Some(issued.token.expose().to_owned()),
                api_key: Some(issued.key.into()),
                user_errors: Vec::new(),
            })
        };
        ApiKeyGeneratePayload::of(issued.await)
    }

    /// Removes an API key: it stops at once, everywhere. Needs a session.
    async fn api_key_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user, or none for one's own key.")] input: ApiKeyRemoveInput,
    ) -> Result<ApiKeyRemovePayload> {
        let (platform, caller) = caller(ctx)?;
        let removed = async {
            let user = parse_opt("user", input.user.as_deref(), UserKey::parse)?;
            let user = platform.api_key_remove(caller, user.as_ref()).await?;
            Ok(ApiKeyRemovePayload { user: Some(user.to_string()), user_errors: Vec::new() })
        };
        ApiKeyRemovePayload::of(removed.await)
    }
}
