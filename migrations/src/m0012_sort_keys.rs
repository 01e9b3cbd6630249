//! Sort keys: what names are sorted and searched by, which no database makes of them alike.
//!
//! The program fills them, beside the name that each is of: code from before this migration writes names alone, and
//! the key that it leaves behind is then known to be of no name, or of an earlier one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::table::index;

pub(crate) struct SortKeys;

/// A table with names, and the columns of the index by which it is listed, if it is listed by name.
struct Named {
    table: &'static str,
    name: &'static str,
    listed: Option<(&'static str, &'static [&'static str])>,
    /// The name of the index of what is to be filled.
    unsorted: &'static str,
}

const BY_NAME: &[&str] = &["tenant_id", "sort_key", "key"];
const NAMED: [Named; 6] = [
    Named { table: "tenants", name: "name", listed: None, unsorted: "tenants_unsorted" },
    Named { table: "users", name: "full_name", listed: Some(("users_sorted", BY_NAME)), unsorted: "users_unsorted" },
    Named {
        table: "profiles",
        name: "name",
        listed: Some(("profiles_sorted", BY_NAME)),
        unsorted: "profiles_unsorted",
    },
    Named { table: "roles", name: "name", listed: Some(("roles_sorted", BY_NAME)), unsorted: "roles_unsorted" },
    Named { table: "groups", name: "name", listed: Some(("groups_sorted", BY_NAME)), unsorted: "groups_unsorted" },
    Named {
        table: "resources",
        name: "name",
        listed: Some(("resources_sorted", &["tenant_id", "section", "sort_key", "key"])),
        unsorted: "resources_unsorted",
    },
];

impl MigrationName for SortKeys {
    fn name(&self) -> &'static str {
        "m0012_sort_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SortKeys {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        for Named { table, name, listed, unsorted } in NAMED {
            let mut sort_key = ColumnDef::new("sort_key").text().not_null().default("").take();
            if is_postgres {
                // By their bytes, wherever the database was set up.
                sort_key.extra("COLLATE \"C\"");
            }
            let of = ColumnDef::new("sort_key_of").text().not_null().default("").take();
            // SQLite adds one column at a time.
            for column in [sort_key, of] {
                manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
            }
            let mut to_fill = index(unsorted, table, &["id"]);
            to_fill.and_where(Expr::col("sort_key_of").ne(Expr::col(name)));
            manager.create_index(to_fill).await?;
            if let Some((name, columns)) = listed {
                manager.create_index(index(name, table, columns)).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for Named { table, listed, unsorted, .. } in NAMED {
            for name in listed.map(|(name, _)| name).into_iter().chain([unsorted]) {
                manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
            }
            for column in ["sort_key", "sort_key_of"] {
                manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
            }
        }
        Ok(())
    }
}
