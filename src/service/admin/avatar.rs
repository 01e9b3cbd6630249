//! Avatars (R32): setting one's own or another user's, their URLs, and the picture itself.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use url::Url;

use crate::auth::caller::Caller;
use crate::domain::avatar::CleanImage;
use crate::domain::key::UserKey;
use crate::domain::user::BaseRole;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::access::credential::account_intent;
use crate::service::access::escalation::Grantor;
use crate::service::access::permit::{Permit, is_self, subject_of, unauthenticated};
use crate::service::admin::agent::supervised;
use crate::service::change::{ChangeContext, visited_from};
use crate::service::runtime::pace::Own;
use crate::store::avatar::Avatar;
use crate::store::{Scope, Tx};

/// Number of characters of the digest in a picture's URL: another picture has another URL.
const SHORT: usize = 16;

/// Picture as it is served.
pub struct Picture {
    /// Image file, stripped of everything that was sent along with the picture.
    pub image: Vec<u8>,
    /// Media type of the file.
    pub content_type: &'static str,
    /// Hex digest of the file.
    pub digest: String,
}

impl Platform {
    /// Sets or removes the avatar of the caller or of another user, and returns the key of that user.
    pub async fn avatar_set(&self, caller: &Caller, user: Option<&UserKey>, file: Option<Vec<u8>>) -> Result<UserKey> {
        let at_home = !caller.is_visiting() && !caller.is_system();
        let own = at_home && user.is_none_or(|user| user == caller.user());
        let user = match user {
            None if own => caller.user(),
            None => return Err(Error::invalid("name the user of this tenant").at("user")),
            Some(user) => user,
        };
        if own {
            self.pace_own_change(caller, Own::Picture).await?;
        } else {
            self.authorise(caller, Permit::change_user(user)).await?;
        }
        // Inspected before the tenant is locked, so that no other change waits for a picture.
        let avatar = match file {
            Some(file) => Some(self.inspect(caller, file).await?),
            None => None,
        };
        let mut tx = self.begin_avatar(caller, user, own).await?;
        let (action, after) = match avatar {
            Some(avatar) => {
                let shown = serde_json::json!({ "avatar": HEXLOWER.encode(&avatar.sha256), "contentType": avatar.kind.as_ref() });
                tx.put_avatar(user, avatar).await?;
                ("avatar.set", Some(shown))
            }
            None if tx.remove_avatar(user).await? => ("avatar.remove", None),
            None => return Ok(user.clone()),
        };
        let record = ChangeContext::new(caller, &account_intent(action, user), self.now());
        tx.audit(&record.event(None, after, None)).await?;
        self.commit(tx, record, None, visited_from(caller)).await?;
        Ok(user.clone())
    }

    /// Locks the tenant to change the avatar of an existing user; only admins can change an admin's.
    async fn begin_avatar(&self, caller: &Caller, user: &UserKey, own: bool) -> Result<Tx> {
        if own {
            let tx = self.oneself(caller).begin().await?;
            self.oneself(caller).user().await?.ok_or_else(unauthenticated)?;
            return Ok(tx);
        }
        let permit = Permit::change_user(user);
        let (tenant, tx) = self.begin(caller, permit.clone()).await?;
        let agents_alone = supervised(caller, &tenant.policy(), &permit)?.is_some();
        let found = tenant.scope().user(user).await?;
        let found = found.filter(|row| !agents_alone || row.user.base_role == BaseRole::Agent);
        let found = found.ok_or_else(|| Error::not_found("user", user).at("user"))?;
        if !caller.is_system() {
            let (policy, subject) = (tenant.policy(), subject_of(caller));
            Grantor { policy: &policy, subject: &subject, catalogue: &self.parts.catalogue }
                .check_touches(&found.user)?;
        }
        Ok(tx)
    }

    /// Inspects a file on a blocking thread, a few at a time, and strips everything but the picture.
    async fn inspect(&self, caller: &Caller, file: Vec<u8>) -> Result<Avatar> {
        let turn = self.picture_turn(caller.tenant().id).await?;
        let created_at = self.now();
        let work = move || {
            // The work itself holds it: it goes on when the caller goes away.
            let _held = turn;
            let CleanImage { kind, bytes: image } = CleanImage::of(&file)?;
            let sha256 = Sha256::digest(&image).to_vec();
            Ok(Avatar { image, kind, sha256, created_at })
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    /// Returns the avatar URLs of these users; users without an avatar are not in the result.
    pub async fn avatar_urls(&self, caller: &Caller, users: &[UserKey]) -> Result<HashMap<UserKey, String>> {
        let (scope, seen) = self.visible_accounts(caller, users).await?;
        let found = scope.avatar_digests(&seen).await?;
        let url = |user: &UserKey, digest: &[u8]| avatar_url(&self.parts.installation, user, digest);
        Ok(found.into_iter().map(|(user, digest)| (user.clone(), url(&user, &digest))).collect())
    }

    /// Returns the hex digest of a user's avatar; `None` alike if they have none and if the caller cannot see the user.
    pub async fn avatar_digest(&self, caller: &Caller, user: &str) -> Result<Option<String>> {
        let Some((scope, user)) = self.visible(caller, user).await? else { return Ok(None) };
        let found = scope.avatar_digests(std::slice::from_ref(&user)).await?;
        Ok(found.get(&user).map(|digest| HEXLOWER.encode(digest)))
    }

    /// Returns a user's avatar to the callers to whom [`Platform::avatar_digest`] returns its digest.
    pub async fn avatar_get(&self, caller: &Caller, user: &str) -> Result<Option<Picture>> {
        let Some((scope, user)) = self.visible(caller, user).await? else { return Ok(None) };
        let Some(mut avatar) = scope.avatar(&user).await? else { return Ok(None) };
        if !CleanImage::is_clean(avatar.kind, &avatar.image) {
            avatar = self.clean(caller, &scope, &user, avatar).await?;
        }
        let (content_type, digest) = (avatar.kind.into(), HEXLOWER.encode(&avatar.sha256));
        Ok(Some(Picture { content_type, digest, image: avatar.image }))
    }

    /// Strips, once, what an older version has stored along with the picture.
    async fn clean(&self, caller: &Caller, scope: &Scope, user: &UserKey, old: Avatar) -> Result<Avatar> {
        let cleaned = Avatar { created_at: old.created_at, ..self.inspect(caller, old.image).await? };
        if scope.replace_avatar(user, &old.sha256, cleaned.clone()).await? {
            tracing::info!(tenant = %scope.tenant().0, %user, "an avatar of an older version is kept as the picture alone");
        }
        Ok(cleaned)
    }

    /// Returns the store and the key to find a user's avatar with, if there can be such a user and the caller can see
    /// them.
    async fn visible(&self, caller: &Caller, user: &str) -> Result<Option<(Scope, UserKey)>> {
        let Ok(user) = UserKey::parse(user) else { return Ok(None) };
        if is_self(caller, &user) {
            return Ok(Some((self.access_own(caller).await?.scope(), user)));
        }
        match self.visible_users(caller).await {
            Ok(visible) => {
                let found = visible.scope.user(&user).await?;
                Ok(found.filter(|row| visible.contains(&row.user)).map(|_| (visible.scope, user)))
            }
            Err(error) if error.code == ErrorCode::Forbidden => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn avatar_url(installation: &Url, user: &UserKey, digest: &[u8]) -> String {
    let base = installation.as_str().trim_end_matches('/');
    let version: String = HEXLOWER.encode(digest).chars().take(SHORT).collect();
    format!("{base}/avatars/{user}?v={version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r32_an_avatar_is_below_the_address_of_the_installation() {
        let dana = UserKey::parse("dana").unwrap();
        for (base, expected) in [
            ("https://access.example.com", "https://access.example.com/avatars/dana?v=abababababababab"),
            ("https://example.com/rbac/", "https://example.com/rbac/avatars/dana?v=abababababababab"),
        ] {
            assert_eq!(avatar_url(&Url::parse(base).unwrap(), &dana, &[0xab; 32]), expected);
        }
    }
}
