//! `profiles`, `profile_modules`, `profile_sections`, `profile_resources`

use super::entity;

entity! {
    /// A user profile.
    profile = "profiles" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        key: String,
        id: Uuid,
        name: String,
        sort_key: String,
        sort_key_of: String,
        description: String,
        permission_type: String,
        mask_sensitive_data: bool,
        imported_from: Option<String>,
        version: i32,
    }
}

entity! {
    /// A module's override in a profile. It always contains read.
    profile_module = "profile_modules" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        profile: String,
        #[sea_orm(primary_key, auto_increment = false)]
        module: String,
        can_edit: bool,
        can_delete: bool,
    }
}

entity! {
    /// A section of a profile that is not as by default.
    profile_section = "profile_sections" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        profile: String,
        #[sea_orm(primary_key, auto_increment = false)]
        section: String,
        enabled: bool,
        visible: bool,
        can_edit: Option<bool>,
        can_delete: Option<bool>,
        automatic: bool,
    }
}

entity! {
    /// A resource on a profile's manual list.
    profile_resource = "profile_resources" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        profile: String,
        #[sea_orm(primary_key, auto_increment = false)]
        section: String,
        #[sea_orm(primary_key, auto_increment = false)]
        resource: String,
    }
}
