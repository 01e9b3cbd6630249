//! The tables as sea-orm sees them, a file per concept. Nothing outside the store sees these.

pub(super) mod audit;
pub(super) mod avatar;
pub(super) mod group;
pub(super) mod password;
pub(super) mod policy;
pub(super) mod profile;
pub(super) mod resource;
pub(super) mod role;
pub(super) mod secret;
pub(super) mod session;
pub(super) mod tenant;
pub(super) mod user;

/// A table whose rows belong to tenants. Every query of one starts from its tenant.
pub(super) trait Tenanted: sea_orm::EntityTrait {
    /// The column that names the tenant.
    const TENANT: Self::Column;
}

/// Declares the entity of one table, in a module of its own as sea-orm wants it.
macro_rules! entity {
    ($(#[$doc:meta])* $module:ident = $table:literal $($rest:tt)*) => {
        entity!(@table $(#[$doc])* $module $table $($rest)*);
        impl $crate::store::entity::Tenanted for $module::Entity {
            const TENANT: Self::Column = $module::Column::TenantId;
        }
    };
    (@table $(#[$doc:meta])* $module:ident $table:literal { $($(#[$attr:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        pub(in $crate::store) mod $module {
            #![expect(unreachable_pub, reason = "sea-orm derives traits that want public types")]
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($(#[$attr])* pub $field: $type,)+
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}
use entity;
