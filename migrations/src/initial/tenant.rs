//! Tenants, their settings and counters, and the modules of their licences.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{bigint, boolean, integer, primary_key, tenant_table, text};

pub(super) fn tables() -> Tables {
    let tenants = Table::create()
        .table("tenants")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(text("key").unique_key())
        .col(text("name"))
        .col(bigint("revision"))
        .col(bigint("credential_epoch"))
        .col(integer("compiler_version"))
        .col(boolean("security_suite"))
        .col(integer("masked_characters"))
        .col(integer("session_hours"))
        .col(bigint("created_at"))
        .take();
    let licences =
        tenant_table("licences").col(text("module")).primary_key(&mut primary_key(&["tenant_id", "module"])).take();
    vec![(tenants, vec![]), (licences, vec![])]
}
