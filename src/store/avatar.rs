//! Avatars, apart from their users: lists ask for digests, and only who looks at one reads its bytes.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

use super::entity::avatar::avatar;
use super::error::stored;
use super::{Scope, Tx};
use crate::domain::avatar::ImageType;
use crate::domain::key::UserKey;
use crate::domain::name::Timestamp;
use crate::error::Result;

/// An avatar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avatar {
    /// The file: the picture and no more, but for what an older version has kept.
    pub image: Vec<u8>,
    /// Type of the picture.
    pub kind: ImageType,
    /// The SHA-256 digest of the file.
    pub sha256: Vec<u8>,
    /// Time at which it was set.
    pub created_at: Timestamp,
}

impl Scope {
    /// Returns the digests of the avatars of these users; one without an avatar is not in the answer.
    pub async fn avatar_digests(&self, users: &[UserKey]) -> Result<HashMap<UserKey, Vec<u8>>> {
        let these = avatar::Column::User.is_in(users.iter().map(UserKey::as_str));
        let select = self.find::<avatar::Entity>().filter(these).select_only();
        let select = select.column(avatar::Column::User).column(avatar::Column::Sha256);
        let rows: Vec<(String, Vec<u8>)> = select.into_tuple().all(&self.db).await?;
        rows.into_iter().map(|(user, digest)| Ok((stored(UserKey::parse(&user))?, digest))).collect()
    }

    /// Returns the avatar of a user.
    pub async fn avatar(&self, user: &UserKey) -> Result<Option<Avatar>> {
        let this = avatar::Column::User.eq(user.as_str());
        let Some(row) = self.find::<avatar::Entity>().filter(this).one(&self.db).await? else { return Ok(None) };
        let kind = stored(row.content_type.parse())?;
        Ok(Some(Avatar { image: row.image, kind, sha256: row.sha256, created_at: Timestamp(row.created_at) }))
    }

    /// Puts an avatar in the place of the one of this digest; gives whether that was still there. Outside of any
    /// transaction: it is the same picture.
    pub async fn replace_avatar(&self, user: &UserKey, old: &[u8], new: Avatar) -> Result<bool> {
        use avatar::Column::{ContentType, Image, Sha256, TenantId, User};
        let replaced = avatar::Entity::update_many()
            .col_expr(Image, Expr::val(new.image))
            .col_expr(ContentType, Expr::val(new.kind.as_ref()))
            .col_expr(Sha256, Expr::val(new.sha256))
            .filter(TenantId.eq(self.tenant.0))
            .filter(User.eq(user.as_str()))
            .filter(Sha256.eq(old.to_vec()));
        Ok(replaced.exec(&self.db).await?.rows_affected > 0)
    }
}

impl Tx {
    /// Gives a user an avatar in place of the one before.
    pub async fn put_avatar(&mut self, user: &UserKey, new: Avatar) -> Result<()> {
        use avatar::Column::{ContentType, CreatedAt, Image, Sha256};
        let row = avatar::Model {
            tenant_id: self.tenant.id.0,
            user: user.to_string(),
            image: new.image,
            content_type: new.kind.as_ref().to_owned(),
            sha256: new.sha256,
            created_at: new.created_at.0,
        };
        let mut before = OnConflict::columns([avatar::Column::TenantId, avatar::Column::User]);
        before.update_columns([Image, ContentType, Sha256, CreatedAt]);
        let insert = avatar::Entity::insert(row.into_active_model()).on_conflict(before);
        insert.exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// Removes a user's avatar; gives whether there was one.
    pub async fn remove_avatar(&mut self, user: &UserKey) -> Result<bool> {
        let these = avatar::Entity::delete_many().filter(avatar::Column::TenantId.eq(self.tenant.id.0));
        Ok(these.filter(avatar::Column::User.eq(user.as_str())).exec(&self.db).await?.rows_affected > 0)
    }
}
