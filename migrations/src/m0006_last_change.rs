//! The id of the last change to a tenant's state, by which an instance knows whether its copy of that state is still
//! the newest.

use sea_orm_migration::prelude::*;

pub(crate) struct LastChange;

const TABLE: &str = "tenants";
const COLUMN: &str = "last_change";

impl MigrationName for LastChange {
    fn name(&self) -> &'static str {
        "m0006_last_change"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for LastChange {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table(TABLE).add_column(ColumnDef::new(COLUMN).uuid().null()).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table(TABLE).drop_column(COLUMN).take()).await
    }
}
