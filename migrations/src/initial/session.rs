//! Credentials that come with requests: sessions and API keys. Only digests of them are kept.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{bigint, bytes, index, primary_key, reference, tenant_table, text};

fn of_user(name: &'static str) -> TableCreateStatement {
    tenant_table(name)
        .col(text("user"))
        .foreign_key(&mut reference(name, &["user"], "users", &["key"], ForeignKeyAction::Cascade))
        .take()
}

pub(super) fn tables() -> Tables {
    let sessions = of_user("sessions")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(bytes("token_hash", 32).unique_key())
        .col(bigint("created_at"))
        .col(bigint("expires_at"))
        .take();
    let session_indexes = vec![
        index("sessions_user", "sessions", &["tenant_id", "user"]),
        index("sessions_expiry", "sessions", &["expires_at"]),
    ];
    let keys = of_user("api_keys")
        .col(bytes("token_hash", 32).unique_key())
        .col(text("prefix"))
        .col(bigint("created_at"))
        .col(ColumnDef::new("last_used_at").big_integer().null())
        .primary_key(&mut primary_key(&["tenant_id", "user"]))
        .take();
    vec![(sessions, session_indexes), (keys, vec![])]
}
