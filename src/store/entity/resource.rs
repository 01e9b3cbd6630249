//! `resources`, `resource_members`, `resource_links`

use super::entity;

entity! {
    /// A resource that the host has registered.
    resource = "resources" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        section: String,
        #[sea_orm(primary_key, auto_increment = false)]
        key: String,
        id: Uuid,
        name: String,
        sort_key: String,
        sort_key_of: String,
        protected: bool,
        created_by: Option<String>,
        created_at: i64,
    }
}

entity! {
    /// Member of a container: the object of another resource.
    resource_member = "resource_members" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        section: String,
        #[sea_orm(primary_key, auto_increment = false)]
        resource: String,
        #[sea_orm(primary_key, auto_increment = false)]
        member: String,
    }
}

entity! {
    /// An item that is linked to a resource.
    resource_link = "resource_links" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        section: String,
        #[sea_orm(primary_key, auto_increment = false)]
        resource: String,
        #[sea_orm(primary_key, auto_increment = false)]
        item_section: String,
        #[sea_orm(primary_key, auto_increment = false)]
        item: String,
    }
}
