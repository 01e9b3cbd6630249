//! `password_resets`

use super::entity;

entity! {
    /// The link by which a user sets a new password.
    password_reset = "password_resets" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        user: String,
        token_hash: Vec<u8>,
        created_at: i64,
        expires_at: i64,
    }
}
