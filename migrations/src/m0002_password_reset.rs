//! Links that set a new password: one for a user. Only digests of them are kept.

use sea_orm_migration::prelude::*;

use crate::table::{bigint, bytes, index, primary_key, reference, tenant_table, text};

const TABLE: &str = "password_resets";

pub(crate) struct PasswordReset;

impl MigrationName for PasswordReset {
    fn name(&self) -> &'static str {
        "m0002_password_reset"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PasswordReset {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let resets = tenant_table(TABLE)
            .col(text("user"))
            .col(bytes("token_hash", 32).unique_key())
            .col(bigint("created_at"))
            .col(bigint("expires_at"))
            .primary_key(&mut primary_key(&["tenant_id", "user"]))
            .foreign_key(&mut reference(TABLE, &["user"], "users", &["key"], ForeignKeyAction::Cascade))
            .take();
        manager.create_table(resets).await?;
        manager.create_index(index("password_resets_expiry", TABLE, &["expires_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).take()).await
    }
}
