//! The audit log.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{bigint, index, json_null, tenant_table, text, text_null, uuid};

pub(super) fn tables() -> Tables {
    let events = tenant_table("audit_events")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(uuid("change_id"))
        .col(bigint("at"))
        .col(text("actor_kind"))
        .col(text("actor_key"))
        .col(text("actor_name"))
        .col(text("action"))
        .col(text("target"))
        .col(json_null("before"))
        .col(json_null("after"))
        .col(text_null("request_id"))
        .col(text_null("address"))
        .col(text("reason"))
        .col(ColumnDef::new("revision").big_integer().null())
        .take();
    let indexes = vec![
        index("audit_events_by_time", "audit_events", &["tenant_id", "at", "id"]),
        index("audit_events_change", "audit_events", &["change_id"]),
    ];
    vec![(events, indexes)]
}
