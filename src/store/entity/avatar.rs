//! `avatars`

use super::entity;

entity! {
    /// The avatar of a user.
    avatar = "avatars" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        user: String,
        image: Vec<u8>,
        content_type: String,
        sha256: Vec<u8>,
        created_at: i64,
    }
}
