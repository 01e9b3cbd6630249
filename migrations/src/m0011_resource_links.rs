//! The items that are linked to resources: the queues of an agent, the sounds of an IVR. A link goes with
//! either of its ends, whichever program deletes it.

use sea_orm_migration::prelude::*;

use crate::table::{index, primary_key, reference, tenant_table, text};

pub(crate) struct ResourceLinks;

const TABLE: &str = "resource_links";
const OWNER: [&str; 2] = ["section", "resource"];
const ITEM: [&str; 2] = ["item_section", "item"];

impl MigrationName for ResourceLinks {
    fn name(&self) -> &'static str {
        "m0011_resource_links"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ResourceLinks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let end = |name: &str, columns: &[&'static str]| {
            let key = reference(TABLE, columns, "resources", &["section", "key"], ForeignKeyAction::Cascade);
            key.clone().name(name).take()
        };
        let links = tenant_table(TABLE)
            .col(text("section"))
            .col(text("resource"))
            .col(text("item_section"))
            .col(text("item"))
            .primary_key(&mut primary_key(&["tenant_id", "section", "resource", "item_section", "item"]))
            .foreign_key(&mut end("resource_links_owner", &OWNER))
            .foreign_key(&mut end("resource_links_item", &ITEM))
            .take();
        manager.create_table(links).await?;
        // A resource that goes looks for the lists that it is in.
        manager.create_index(index("resource_links_by_item", TABLE, &["tenant_id", ITEM[0], ITEM[1]])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).take()).await
    }
}
