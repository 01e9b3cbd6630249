//! `sessions`, `api_keys`, `credential_steps`

use super::entity;

entity! {
    /// A session of a user.
    session = "sessions" {
        tenant_id: Uuid,
        user: String,
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        token_hash: Vec<u8>,
        created_at: i64,
        expires_at: i64,
    }
}

entity! {
    /// The API key of a user.
    api_key = "api_keys" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        user: String,
        token_hash: Vec<u8>,
        prefix: String,
        created_at: i64,
        last_used_at: Option<i64>,
    }
}

entity! {
    /// A step of a tenant's credential epoch that its row does not count yet.
    credential_step = "credential_steps" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        change_id: Uuid,
        mark: i64,
    }
}
