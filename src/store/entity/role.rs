//! `roles`, `role_permissions`, `role_grants`

use super::entity;

entity! {
    /// A custom role.
    role = "roles" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        key: String,
        id: Uuid,
        name: String,
        sort_key: String,
        sort_key_of: String,
        description: String,
        version: i32,
    }
}

entity! {
    /// A permission of a custom role.
    role_permission = "role_permissions" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        role: String,
        #[sea_orm(primary_key, auto_increment = false)]
        permission: String,
    }
}

entity! {
    /// A grant of a custom role's own.
    role_grant = "role_grants" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        role: String,
        #[sea_orm(primary_key, auto_increment = false)]
        object: String,
        #[sea_orm(primary_key, auto_increment = false)]
        action: String,
        #[sea_orm(primary_key, auto_increment = false)]
        effect: String,
    }
}
