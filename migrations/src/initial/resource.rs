//! Resources: references to objects that the host owns, and the members of the containers among them.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{bigint, boolean, primary_key, reference, tenant_table, text, text_null, uuid};

pub(super) fn tables() -> Tables {
    // `created_by` names a user without a foreign key: clearing it when the user goes would have
    // to clear the tenant as well.
    let resources = tenant_table("resources")
        .col(text("section"))
        .col(text("key"))
        .col(uuid("id").unique_key())
        .col(text("name"))
        .col(boolean("protected"))
        .col(text_null("created_by"))
        .col(bigint("created_at"))
        .primary_key(&mut primary_key(&["tenant_id", "section", "key"]))
        .take();
    let members = tenant_table("resource_members")
        .col(text("section"))
        .col(text("resource"))
        .col(text("member"))
        .primary_key(&mut primary_key(&["tenant_id", "section", "resource", "member"]))
        .foreign_key(&mut reference(
            "resource_members",
            &["section", "resource"],
            "resources",
            &["section", "key"],
            ForeignKeyAction::Cascade,
        ))
        .take();
    vec![(resources, vec![]), (members, vec![])]
}
