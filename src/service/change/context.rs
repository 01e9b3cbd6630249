//! Facts of a change that its revision and its audit event share.

use serde_json::Value;
use uuid::Uuid;

use super::ChangeRequest;
use crate::auth::caller::{Caller, Credential, RequestInfo};
use crate::domain::key::TenantKey;
use crate::domain::name::Timestamp;
use crate::store::audit::{Actor, ActorKind, AuditEvent};

/// Author, time, target and reason of a change, shared by its revision and its audit event.
pub struct ChangeContext {
    /// Id of the change, to look up a commit whose answer was lost.
    pub change_id: Uuid,
    /// Time of the change.
    pub at: Timestamp,
    /// User, operator or system that makes the change.
    pub actor: Actor,
    action: &'static str,
    target: String,
    pub(super) reason: String,
    request: RequestInfo,
}

impl ChangeContext {
    /// Makes the record of a change by the caller.
    pub fn new(caller: &Caller, intent: &ChangeRequest, at: Timestamp) -> Self {
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

    /// Returns the audit event of the change.
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

    /// Returns the event for the operator's own tenant: it says that they acted in the other tenant, and nothing of
    /// that tenant's data.
    pub(super) fn event_elsewhere(&self, tenant: &TenantKey) -> AuditEvent {
        AuditEvent {
            id: Uuid::now_v7(),
            target: format!("tenant:{tenant} {}", self.target),
            ..self.event(None, None, None)
        }
    }
}

/// Returns the caller in the form in which revisions and events name them.
pub(super) fn actor(caller: &Caller) -> Actor {
    let kind = match caller.credential() {
        Credential::System => ActorKind::System,
        _ if caller.home().key.is_platform() => ActorKind::Operator,
        _ => ActorKind::User,
    };
    Actor { kind, key: caller.user().to_string(), name: caller.name().to_owned() }
}
