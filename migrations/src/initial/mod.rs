//! The first schema: a file per concept, in the order in which they refer to each other.

use sea_orm_migration::prelude::*;

mod audit;
mod group;
mod policy;
mod profile;
mod resource;
mod role;
mod session;
mod tenant;
mod user;

/// Tables with their indexes, in the order in which they can be made.
type Tables = Vec<(TableCreateStatement, Vec<IndexCreateStatement>)>;

fn tables() -> Tables {
    [
        tenant::tables(),
        resource::tables(),
        profile::tables(),
        role::tables(),
        user::tables(),
        group::tables(),
        policy::tables(),
        audit::tables(),
        session::tables(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) struct Initial;

impl MigrationName for Initial {
    fn name(&self) -> &'static str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Initial {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, indexes) in tables() {
            manager.create_table(table).await?;
            for index in indexes {
                manager.create_index(index).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, _) in tables().into_iter().rev() {
            if let Some(name) = table.get_table_name() {
                manager.drop_table(Table::drop().table(name.clone()).take()).await?;
            }
        }
        Ok(())
    }
}
