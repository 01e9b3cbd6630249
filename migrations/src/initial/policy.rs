//! The compiled policy: the table that Casbin programs read, the origins of its rules, and the log of its revisions.

use sea_orm_migration::prelude::*;

use super::Tables;
use crate::table::{bigint, bytes, index, integer, json, json_null, primary_key, reference, tenant_table, text, uuid};

pub(super) fn tables() -> Tables {
    let rules = Table::create()
        .table("casbin_rule")
        .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
        .col(text("ptype"))
        .col(ColumnDef::new("v0").text().null())
        .col(ColumnDef::new("v1").text().null())
        .col(ColumnDef::new("v2").text().null())
        .col(ColumnDef::new("v3").text().null())
        .col(ColumnDef::new("v4").text().null())
        .col(ColumnDef::new("v5").text().null())
        .col(uuid("tenant_id"))
        .col(bytes("hash", 16))
        .foreign_key(
            ForeignKey::create()
                .name("casbin_rule_tenant")
                .from("casbin_rule", "tenant_id")
                .to("tenants", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take();
    let rule_indexes = vec![
        index("casbin_rule_hash", "casbin_rule", &["tenant_id", "hash"]).unique().take(),
        index("casbin_rule_tenant_id", "casbin_rule", &["tenant_id", "id"]),
    ];
    vec![(rules, rule_indexes), (origins(), vec![]), revisions()]
}

fn origins() -> TableCreateStatement {
    tenant_table("rule_origins")
        .col(bytes("rule_hash", 16))
        .col(text("kind"))
        .col(text("key"))
        .col(text("module").default(""))
        .col(text("section").default(""))
        .col(text("note"))
        .primary_key(&mut primary_key(&["tenant_id", "rule_hash", "kind", "key", "module", "section", "note"]))
        .foreign_key(&mut reference(
            "rule_origins",
            &["rule_hash"],
            "casbin_rule",
            &["hash"],
            ForeignKeyAction::Cascade,
        ))
        .take()
}

fn revisions() -> (TableCreateStatement, Vec<IndexCreateStatement>) {
    let table = tenant_table("revisions")
        .col(bigint("revision"))
        .col(uuid("change_id").unique_key())
        .col(bigint("at"))
        .col(text("actor_kind"))
        .col(text("actor_key"))
        .col(text("actor_name"))
        .col(text("reason"))
        .col(json("added"))
        .col(json("removed"))
        .col(json("patch"))
        .col(json_null("checkpoint"))
        .col(text("model_hash"))
        .col(text("catalogue_hash"))
        .col(integer("compiler_version"))
        .primary_key(&mut primary_key(&["tenant_id", "revision"]))
        .take();
    (table, vec![])
}
