//! Groups: their roles, permissions and members.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{index, integer, primary_key, reference, tenant_table, text, uuid};

fn of_group(name: &'static str) -> TableCreateStatement {
    tenant_table(name)
        .col(text("group"))
        .foreign_key(&mut reference(name, &["group"], "groups", &["key"], ForeignKeyAction::Cascade))
        .take()
}

pub(super) fn tables() -> Tables {
    let groups = tenant_table("groups")
        .col(text("key"))
        .col(uuid("id").unique_key())
        .col(text("name"))
        .col(integer("version"))
        .primary_key(&mut primary_key(&["tenant_id", "key"]))
        .take();
    let name = index("groups_name", "groups", &["tenant_id", "name"]).unique().take();
    // A group's role is `manager` or a custom role's key, so no foreign key fits.
    let roles =
        of_group("group_roles").col(text("role")).primary_key(&mut primary_key(&["tenant_id", "group", "role"])).take();
    let permissions = of_group("group_permissions")
        .col(text("permission"))
        .primary_key(&mut primary_key(&["tenant_id", "group", "permission"]))
        .take();
    let members = of_group("group_members")
        .col(text("user"))
        .primary_key(&mut primary_key(&["tenant_id", "group", "user"]))
        .foreign_key(&mut reference("group_members", &["user"], "users", &["key"], ForeignKeyAction::Cascade))
        .take();
    let by_user = index("group_members_user", "group_members", &["tenant_id", "user"]);
    vec![(groups, vec![name]), (roles, vec![]), (permissions, vec![]), (members, vec![by_user])]
}
