//! Custom roles: their permissions and grants.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{index, integer, primary_key, reference, tenant_table, text, uuid};

fn of_role(name: &'static str) -> TableCreateStatement {
    tenant_table(name)
        .col(text("role"))
        .foreign_key(&mut reference(name, &["role"], "roles", &["key"], ForeignKeyAction::Cascade))
        .take()
}

pub(super) fn tables() -> Tables {
    let roles = tenant_table("roles")
        .col(text("key"))
        .col(uuid("id").unique_key())
        .col(text("name"))
        .col(text("description"))
        .col(integer("version"))
        .primary_key(&mut primary_key(&["tenant_id", "key"]))
        .take();
    let name = index("roles_name", "roles", &["tenant_id", "name"]).unique().take();
    let permissions = of_role("role_permissions")
        .col(text("permission"))
        .primary_key(&mut primary_key(&["tenant_id", "role", "permission"]))
        .take();
    let grants = of_role("role_grants")
        .col(text("object"))
        .col(text("action"))
        .col(text("effect"))
        .primary_key(&mut primary_key(&["tenant_id", "role", "object", "action", "effect"]))
        .take();
    vec![(roles, vec![name]), (permissions, vec![]), (grants, vec![])]
}
