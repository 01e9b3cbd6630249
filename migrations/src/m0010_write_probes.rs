//! The table in which each instance writes a little now and then, to know whether changes can be made. It belongs to no
//! tenant, and is never read.

use sea_orm_migration::prelude::*;

use crate::table::{bigint, uuid};

pub(crate) struct WriteProbes;

const TABLE: &str = "write_probes";

impl MigrationName for WriteProbes {
    fn name(&self) -> &'static str {
        "m0010_write_probes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for WriteProbes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let filler = ColumnDef::new("filler").blob().not_null().take();
        let table = Table::create().table(TABLE).col(uuid("id").primary_key()).col(bigint("at")).col(filler).take();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).take()).await
    }
}
