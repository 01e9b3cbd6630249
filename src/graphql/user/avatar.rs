//! Setting avatars.

use async_graphql::{Context, InputObject, MaybeUndefined, Object};

use super::User;
use crate::domain::key::UserKey;
use crate::error::{Error, Result};
use crate::graphql::context::caller;
use crate::graphql::input::parse_opt;
use crate::graphql::payload::payload;
use crate::graphql::scalar::Upload;
use crate::service::change::read_back;

/// Sets or removes an avatar.
#[derive(InputObject)]
pub struct UserSetAvatarInput {
    /// The user's key; the caller itself when absent.
    user: Option<String>,
    /// The picture: PNG or JPEG, at most 8 MB. null removes it.
    file: MaybeUndefined<Upload>,
}

payload! {
    /// A user with another avatar, or with none.
    UserSetAvatarPayload {
        /// The user.
        user: User,
    }
}

/// Mutations of avatars.
#[derive(Default)]
pub struct AvatarMutation;

#[Object]
impl AvatarMutation {
    /// Sets the avatar of the caller or of another user. The file comes in a GraphQL multipart
    /// request, with a bearer token. Metadata beside the picture, such as the place
    /// where it was taken, is left out.
    async fn user_set_avatar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the file.")] input: UserSetAvatarInput,
    ) -> Result<UserSetAvatarPayload> {
        let (platform, caller) = caller(ctx)?;
        let set = async {
            let user = parse_opt("user", input.user.as_deref(), UserKey::parse)?;
            let file = match input.file {
                MaybeUndefined::Undefined => {
                    return Err(Error::invalid("send a file, or null to remove the avatar").at("file"));
                }
                MaybeUndefined::Null => None,
                MaybeUndefined::Value(Upload(file)) => Some(file),
            };
            let user = platform.avatar_set(caller, user.as_ref(), file).await?;
            let user = read_back(platform.user_get_changed(caller, &user).await);
            Ok(UserSetAvatarPayload {
                user: user.map(|row| User::new(caller.tenant().id, row)),
                user_errors: Vec::new(),
            })
        };
        UserSetAvatarPayload::of(set.await)
    }
}
