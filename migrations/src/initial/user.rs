//! Users: the facts that decide their access, and their accounts, in one row.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{
    bigint, boolean, index, integer, json, primary_key, reference, tenant_table, text, text_null, uuid,
};

pub(super) fn tables() -> Tables {
    // NO ACTION checks when the statement is done: a profile that is held cannot go, and yet a tenant can go with all
    // it has.
    let held = ForeignKeyAction::NoAction;
    let users = tenant_table("users")
        .col(text("key"))
        .col(uuid("id").unique_key())
        .col(text("username"))
        .col(text("full_name"))
        .col(text_null("email"))
        .col(text_null("email_key"))
        .col(text("base_role"))
        .col(boolean("enabled"))
        .col(boolean("default_admin"))
        .col(text_null("profile"))
        .col(text_null("role"))
        .col(integer("version"))
        .col(text_null("password_hash"))
        .col(text("extension"))
        .col(json("telephony"))
        .col(ColumnDef::new("last_password_reset_at").big_integer().null())
        .col(bigint("created_at"))
        .primary_key(&mut primary_key(&["tenant_id", "key"]))
        .foreign_key(&mut reference("users", &["profile"], "profiles", &["key"], held))
        .foreign_key(&mut reference("users", &["role"], "roles", &["key"], held))
        .take();
    let indexes = vec![
        index("users_email", "users", &["tenant_id", "email_key"]).unique().take(),
        index("users_extension", "users", &["tenant_id", "extension"]).unique().take(),
        index("users_by_name", "users", &["tenant_id", "full_name", "key"]),
        index("users_by_age", "users", &["tenant_id", "created_at", "key"]),
        index("users_by_profile", "users", &["tenant_id", "profile"]),
        index("users_by_role", "users", &["tenant_id", "role"]),
    ];
    vec![(users, indexes)]
}
