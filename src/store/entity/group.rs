//! `groups`, `group_roles`, `group_permissions`, `group_members`

use super::entity;

entity! {
    /// A group.
    group = "groups" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        key: String,
        id: Uuid,
        name: String,
        sort_key: String,
        sort_key_of: String,
        version: i32,
    }
}

entity! {
    /// A role that a group carries: `manager` or a custom role's key.
    group_role = "group_roles" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        group: String,
        #[sea_orm(primary_key, auto_increment = false)]
        role: String,
    }
}

entity! {
    /// A permission of a group's own.
    group_permission = "group_permissions" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        group: String,
        #[sea_orm(primary_key, auto_increment = false)]
        permission: String,
    }
}

entity! {
    /// A member of a group.
    group_member = "group_members" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        group: String,
        #[sea_orm(primary_key, auto_increment = false)]
        user: String,
    }
}
