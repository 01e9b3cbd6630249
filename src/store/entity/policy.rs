//! `casbin_rule`, `rule_origins`, `revisions`

use super::entity;

entity! {
    /// A compiled rule, with the columns that Casbin adapters have and two of ours.
    rule = "casbin_rule" {
        #[sea_orm(primary_key)]
        id: i64,
        ptype: String,
        v0: Option<String>,
        v1: Option<String>,
        v2: Option<String>,
        v3: Option<String>,
        v4: Option<String>,
        v5: Option<String>,
        tenant_id: Uuid,
        hash: Vec<u8>,
    }
}

entity! {
    /// Origin of a rule.
    rule_origin = "rule_origins" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        rule_hash: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        key: String,
        #[sea_orm(primary_key, auto_increment = false)]
        module: String,
        #[sea_orm(primary_key, auto_increment = false)]
        section: String,
        #[sea_orm(primary_key, auto_increment = false)]
        note: String,
    }
}

entity! {
    /// One revision of a tenant's policy: what changed, who changed it, and why.
    revision = "revisions" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        revision: i64,
        change_id: Uuid,
        at: i64,
        actor_kind: String,
        actor_key: String,
        actor_name: String,
        reason: String,
        added: Json,
        removed: Json,
        patch: Json,
        checkpoint: Option<Json>,
        model_hash: String,
        catalogue_hash: String,
        compiler_version: i32,
    }
}
