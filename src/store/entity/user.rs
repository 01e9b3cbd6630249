//! `users`

use super::entity;

entity! {
    /// A user: what decides its access, and its account.
    user = "users" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        key: String,
        id: Uuid,
        username: String,
        full_name: String,
        sort_key: String,
        sort_key_of: String,
        email: Option<String>,
        email_key: Option<String>,
        base_role: String,
        enabled: bool,
        default_admin: bool,
        profile: Option<String>,
        role: Option<String>,
        imported_from: Option<String>,
        version: i32,
        password_hash: Option<String>,
        extension: String,
        telephony: Json,
        last_password_reset_at: Option<i64>,
        created_at: i64,
    }
}
