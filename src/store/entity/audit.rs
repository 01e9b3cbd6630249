//! `audit_events`

use super::entity;

entity! {
    /// Something that was done, by whom, and why.
    audit_event = "audit_events" {
        tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        change_id: Uuid,
        at: i64,
        actor_kind: String,
        actor_key: String,
        actor_name: String,
        action: String,
        target: String,
        before: Option<Json>,
        after: Option<Json>,
        request_id: Option<String>,
        address: Option<String>,
        reason: String,
        revision: Option<i64>,
        place: Option<i64>,
        digest: Option<Vec<u8>>,
    }
}
