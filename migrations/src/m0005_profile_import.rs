//! The records that profiles and users were imported from (R24), so that the same import again changes nothing.

use sea_orm_migration::prelude::*;

use crate::table::text_null;

pub(crate) struct ProfileImport;

const TABLES: [&str; 2] = ["profiles", "users"];
const COLUMN: &str = "imported_from";

impl MigrationName for ProfileImport {
    fn name(&self) -> &'static str {
        "m0005_profile_import"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ProfileImport {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.alter_table(Table::alter().table(table).add_column(text_null(COLUMN)).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.alter_table(Table::alter().table(table).drop_column(COLUMN).take()).await?;
        }
        Ok(())
    }
}
