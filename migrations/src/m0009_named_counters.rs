//! The changes that last moved a tenant's counters. A number is given out twice when a database loses its last commits,
//! the id of a change is not.
//!
//! Beside each id stands the number that it belongs to: code from before this migration moves the numbers alone, and
//! the id that it leaves behind is then known to belong to an earlier number.

use sea_orm_migration::prelude::*;

pub(crate) struct NamedCounters;

const TABLE: &str = "tenants";
const REVISIONS: &str = "revisions";
/// The ids, each with the column of the number that it belongs to.
const NAMES: [(&str, &str); 2] = [("policy_change", "policy_change_at"), ("credential_change", "credential_change_at")];

impl MigrationName for NamedCounters {
    fn name(&self) -> &'static str {
        "m0009_named_counters"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for NamedCounters {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for (change, number) in NAMES {
            for column in
                [ColumnDef::new(change).uuid().null().take(), ColumnDef::new(number).big_integer().null().take()]
            {
                manager.alter_table(Table::alter().table(TABLE).add_column(column).take()).await?;
            }
        }
        // The log knows for each tenant which change its revision belongs to.
        let of_log = Query::select()
            .column((REVISIONS, "change_id"))
            .from(REVISIONS)
            .and_where(Expr::col((REVISIONS, "tenant_id")).equals((TABLE, "id")))
            .and_where(Expr::col((REVISIONS, "revision")).equals((TABLE, "revision")))
            .take();
        let named = Query::update()
            .table(TABLE)
            .value("policy_change", of_log)
            .value("policy_change_at", Expr::col("revision"))
            .take();
        manager.execute(named).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (change, number) in NAMES {
            for column in [change, number] {
                manager.alter_table(Table::alter().table(TABLE).drop_column(column).take()).await?;
            }
        }
        Ok(())
    }
}
