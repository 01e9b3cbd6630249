//! The chain that makes changes of the audit log itself visible: each event holds a digest over itself and the one
//! before, and the tenant's row holds the last digest and the number of events.

use sea_orm_migration::prelude::*;

use crate::table::index;

pub(crate) struct AuditChain;

const EVENTS: &str = "audit_events";
const TENANTS: &str = "tenants";
const INDEX: &str = "audit_events_chain";

fn columns() -> [(&'static str, ColumnDef); 4] {
    [
        (EVENTS, ColumnDef::new("place").big_integer().null().take()),
        (EVENTS, ColumnDef::new("digest").blob().null().take()),
        (TENANTS, ColumnDef::new("audit_count").big_integer().not_null().default(0).take()),
        (TENANTS, ColumnDef::new("audit_digest").blob().null().take()),
    ]
}

impl MigrationName for AuditChain {
    fn name(&self) -> &'static str {
        "m0007_audit_chain"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AuditChain {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        manager.create_index(index(INDEX, EVENTS, &["tenant_id", "place"]).unique().take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(INDEX).table(EVENTS).to_owned()).await?;
        for (table, column) in columns() {
            let name = column.get_column_name();
            manager.alter_table(Table::alter().table(table).drop_column(name).take()).await?;
        }
        Ok(())
    }
}
