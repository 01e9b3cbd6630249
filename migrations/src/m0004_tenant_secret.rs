//! The secrets from which pseudonyms are made: in a table of their own, so that no read of tenants
//! brings one along.

use sea_orm_migration::prelude::*;

use crate::table::{bytes, primary_key, tenant_table};

const TABLE: &str = "tenant_secrets";

pub(crate) struct TenantSecret;

impl MigrationName for TenantSecret {
    fn name(&self) -> &'static str {
        "m0004_tenant_secret"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for TenantSecret {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = tenant_table(TABLE).col(bytes("secret", 32)).primary_key(&mut primary_key(&["tenant_id"])).take();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).take()).await
    }
}
