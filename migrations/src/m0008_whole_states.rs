//! An index of the revisions that hold a tenant's whole state: going back starts at one, and a log that is shortened
//! begins with one. They are few, so the index holds them alone.

use sea_orm_migration::prelude::*;

use crate::table::index;

pub(crate) struct WholeStates;

const REVISIONS: &str = "revisions";
const INDEX: &str = "revisions_whole";

impl MigrationName for WholeStates {
    fn name(&self) -> &'static str {
        "m0008_whole_states"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for WholeStates {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = index(INDEX, REVISIONS, &["tenant_id", "revision"]);
        manager.create_index(index.and_where(Expr::col("checkpoint").is_not_null()).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(INDEX).table(REVISIONS).to_owned()).await
    }
}
