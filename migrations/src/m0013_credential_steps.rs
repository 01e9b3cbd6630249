//! Changes of one user's credentials that their tenant's row does not count yet: whoever makes one does not
//! wait for the row. Whoever takes the row next counts them there, and code from before this migration
//! learns of them then.

use sea_orm_migration::prelude::*;

use crate::table::{bigint, primary_key, tenant_table, uuid};

pub(crate) struct CredentialSteps;

const TABLE: &str = "credential_steps";

impl MigrationName for CredentialSteps {
    fn name(&self) -> &'static str {
        "m0013_credential_steps"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CredentialSteps {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let steps = tenant_table(TABLE)
            .col(uuid("change_id"))
            .col(bigint("mark"))
            .primary_key(&mut primary_key(&["tenant_id", "change_id"]))
            .take();
        manager.create_table(steps).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).take()).await
    }
}
