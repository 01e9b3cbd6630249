//! Avatars: a picture of a user, in a table of its own so that no list of users reads its bytes.

use sea_orm_migration::prelude::*;

use crate::table::{bigint, bytes, primary_key, reference, tenant_table, text};

const TABLE: &str = "avatars";

pub(crate) struct Avatar;

impl MigrationName for Avatar {
    fn name(&self) -> &'static str {
        "m0003_avatar"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Avatar {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let avatars = tenant_table(TABLE)
            .col(text("user"))
            .col(ColumnDef::new("image").blob().not_null())
            .col(text("content_type"))
            .col(bytes("sha256", 32))
            .col(bigint("created_at"))
            .primary_key(&mut primary_key(&["tenant_id", "user"]))
            .foreign_key(&mut reference(TABLE, &["user"], "users", &["key"], ForeignKeyAction::Cascade))
            .take();
        manager.create_table(avatars).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).take()).await
    }
}
