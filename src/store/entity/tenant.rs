//! `tenants`, `licences`

use super::entity;

entity! { @table
    /// A tenant with its settings and counters. It is its own tenant: see `Store::tenant`.
    tenant "tenants" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        key: String,
        name: String,
        sort_key: String,
        sort_key_of: String,
        revision: i64,
        credential_epoch: i64,
        compiler_version: i32,
        last_change: Option<Uuid>,
        policy_change: Option<Uuid>,
        policy_change_at: Option<i64>,
        credential_change: Option<Uuid>,
        credential_change_at: Option<i64>,
        audit_count: i64,
        audit_digest: Option<Vec<u8>>,
        security_suite: bool,
        masked_characters: i32,
        session_hours: i32,
        created_at: i64,
    }
}

entity! {
    /// A module that a tenant's licence names.
    licence = "licences" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        module: String,
    }
}
