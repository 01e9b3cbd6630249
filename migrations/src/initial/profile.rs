//! User profiles: their overrides, sections and manual lists of resources.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{boolean, index, integer, primary_key, reference, tenant_table, text, uuid};

fn of_profile(name: &'static str) -> TableCreateStatement {
    tenant_table(name)
        .col(text("profile"))
        .foreign_key(&mut reference(name, &["profile"], "profiles", &["key"], ForeignKeyAction::Cascade))
        .take()
}

pub(super) fn tables() -> Tables {
    let profiles = tenant_table("profiles")
        .col(text("key"))
        .col(uuid("id").unique_key())
        .col(text("name"))
        .col(text("description"))
        .col(text("permission_type"))
        .col(boolean("mask_sensitive_data"))
        .col(integer("version"))
        .primary_key(&mut primary_key(&["tenant_id", "key"]))
        .take();
    let name = index("profiles_name", "profiles", &["tenant_id", "name"]).unique().take();
    let modules = of_profile("profile_modules")
        .col(text("module"))
        .col(boolean("can_edit"))
        .col(boolean("can_delete"))
        .primary_key(&mut primary_key(&["tenant_id", "profile", "module"]))
        .take();
    // Both rights null: no override. An override always contains read.
    let sections = of_profile("profile_sections")
        .col(text("section"))
        .col(boolean("enabled"))
        .col(boolean("visible"))
        .col(ColumnDef::new("can_edit").boolean().null())
        .col(ColumnDef::new("can_delete").boolean().null())
        .col(boolean("automatic"))
        .primary_key(&mut primary_key(&["tenant_id", "profile", "section"]))
        .take();
    let resources = of_profile("profile_resources")
        .col(text("section"))
        .col(text("resource"))
        .primary_key(&mut primary_key(&["tenant_id", "profile", "section", "resource"]))
        .foreign_key(&mut reference(
            "profile_resources",
            &["section", "resource"],
            "resources",
            &["section", "key"],
            ForeignKeyAction::Cascade,
        ))
        .take();
    let by_resource = index("profile_resources_resource", "profile_resources", &["tenant_id", "section", "resource"]);
    vec![(profiles, vec![name]), (modules, vec![]), (sections, vec![]), (resources, vec![by_resource])]
}
