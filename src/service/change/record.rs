//! Who changes what: what the revision and the audit event of a change share.

use serde_json::Value;
use uuid::Uuid;

use super::Intent;
use crate::auth::caller::{Caller, Credential, RequestInfo};
use crate::domain::key::TenantKey;
use crate::domain::name::Timestamp;
use crate::store::audit::{Actor, ActorKind, AuditEvent};

/// Who changes what, when and why: what the revision and the audit event share.
pub struct Record {
    /// The id by which a commit whose answer was lost is looked up.
    pub change_id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    action: &'static str,
    target: String,
    pub(super) reason: String,
    request: RequestInfo,
}

impl Record {
    /// The record of an intent of the caller.
    pub fn new(caller: &Caller, intent: &Intent, at: Timestamp) -> Self {
        Self {
            change_id: Uuid::now_v7(),
            at,
            actor: actor(caller),
            action: intent.action,
            target: intent.target.clone(),
            reason: intent.reason.clone().unwrap_or_default(),
            request: caller.request().clone(),
        }
    }

    /// The audit event of it.
    pub fn event(&self, before: Option<Value>, after: Option<Value>, revision: Option<u64>) -> AuditEvent {
        AuditEvent {
            id: Uuid::now_v7(),
            change_id: self.change_id,
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.to_owned(),
            target: self.target.clone(),
            before,
            after,
            request_id: self.request.id().map(str::to_owned),
            address: self.request.address().map(|address| address.to_string()),
            reason: self.reason.clone(),
            revision,
        }
    }

    /// The event in the operator's own tenant: that it was there, not what it saw.
    pub(super) fn event_elsewhere(&self, tenant: &TenantKey) -> AuditEvent {
        AuditEvent {
            id: Uuid::now_v7(),
            target: format!("tenant:{tenant} {}", self.target),
            ..self.event(None, None, None)
        }
    }
}

/// The caller as revisions and events name them.
pub(super) fn actor(caller: &Caller) -> Actor {
    let kind = match caller.credential() {
        Credential::System => ActorKind::System,
        _ if caller.home().key.is_platform() => ActorKind::Operator,
        _ => ActorKind::User,
    };
    Actor { kind, key: caller.user().to_string(), name: caller.name().to_owned() }
}
