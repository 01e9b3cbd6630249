//! The audit log.

use async_graphql::{Context, Description, ID, InputObject, Object};
use uuid::Uuid;

use super::context::caller;
use super::history::Actor;
use super::node::{Kind, node_id};
use super::page::{connection, page};
use super::scalar::{DateTime, int};
use crate::auth::caller::Caller;
use crate::error::{Error, Result};
use crate::service::Platform;
use crate::service::admin::audit;

/// An event of the audit log: a recorded action with its time, actor, target and reason. It holds no secret.
#[derive(Clone, Description)]
pub struct AuditEvent {
    id: ID,
    listed: audit::ListedEvent,
}

impl AuditEvent {
    /// An event of the log.
    pub fn new(event: impl Into<audit::ListedEvent>) -> Self {
        let listed = event.into();
        Self { id: node_id(Kind::AuditEvent, listed.event.id), listed }
    }
}

#[Object(use_type_description)]
impl AuditEvent {
    /// The opaque id.
    pub(super) async fn id(&self) -> &ID {
        &self.id
    }

    /// Time of the event.
    async fn at(&self) -> DateTime {
        DateTime(self.listed.event.at)
    }

    /// User, operator or platform that acted.
    async fn actor(&self) -> Actor {
        self.listed.event.actor.clone().into()
    }

    /// Action that was done, such as `profile.update`.
    async fn action(&self) -> &str {
        &self.listed.event.action
    }

    /// Object of the action, such as `profile:night-shift`.
    async fn target(&self) -> &str {
        &self.listed.event.target
    }

    /// State before the action, as JSON: at most the first 16 384 characters. `/audit.jsonl` and `/audit.csv` have all
    /// of it.
    #[graphql(complexity = 40)]
    async fn before(&self) -> Option<&str> {
        self.listed.before.as_ref().map(|told| told.text.as_str())
    }

    /// Length of the complete state before the action, as JSON, in characters.
    async fn before_length(&self) -> Option<i32> {
        self.listed.before.as_ref().map(|told| int(told.length))
    }

    /// State after the action, as JSON: at most the first 16 384 characters. `/audit.jsonl` and `/audit.csv` have all
    /// of it.
    #[graphql(complexity = 40)]
    async fn after(&self) -> Option<&str> {
        self.listed.after.as_ref().map(|told| told.text.as_str())
    }

    /// Length of the complete state after the action, as JSON, in characters.
    async fn after_length(&self) -> Option<i32> {
        self.listed.after.as_ref().map(|told| int(told.length))
    }

    /// Id of the request; empty if the action came from no request.
    async fn request_id(&self) -> &str {
        self.listed.event.request_id.as_deref().unwrap_or_default()
    }

    /// Network address that the request came from.
    async fn address(&self) -> Option<&str> {
        self.listed.event.address.as_deref()
    }

    /// Reason that the actor gave.
    async fn reason(&self) -> Option<&str> {
        Some(self.listed.event.reason.as_str()).filter(|reason| !reason.is_empty())
    }

    /// Policy revision that the action made, if it made one.
    async fn revision(&self) -> Option<i32> {
        self.listed.event.revision.map(int)
    }
}

connection!(AuditEventConnection, AuditEventEdge, AuditEvent, "audit events");

/// A choice of audit events. An absent field chooses all.
#[derive(InputObject)]
pub struct AuditFilter {
    /// Key of the actor.
    actor: Option<String>,
    /// Action, such as `profile.update`; `profile.*` chooses every action that begins with `profile.`.
    action: Option<String>,
    /// Target, such as `profile:night-shift`; `profile:*` chooses every target that begins with `profile:`.
    target: Option<String>,
    /// Earliest time, inclusive.
    from: Option<DateTime>,
    /// Latest time, exclusive.
    to: Option<DateTime>,
}

impl From<AuditFilter> for audit::AuditFilter {
    fn from(filter: AuditFilter) -> Self {
        let AuditFilter { actor, action, target, from, to } = filter;
        Self { actor, action, target, since: from.map(|from| from.0), until: to.map(|to| to.0) }
    }
}

/// Queries of the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// The audit log, newest first. Needs `read` on `admin/audit`.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter of the events; all when absent.")] filter: Option<AuditFilter>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<AuditEventConnection> {
        let (platform, caller) = caller(ctx)?;
        let filter: audit::AuditFilter = filter.map(Into::into).unwrap_or_default();
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let found = platform.audit_list(caller, &filter, wanted).await?;
        let count = move |platform: Platform, caller: Caller| {
            let filter = filter.clone();
            Box::pin(async move { platform.audit_count(&caller, &filter).await }) as _
        };
        Ok(AuditEventConnection::new(found, AuditEvent::new, Box::new(count)))
    }

    /// Returns the audit event of a change, by the id that stands as `change` beside `outcome: UNKNOWN` in the error
    /// of a change whose end was not known. Null if no such change is stored, and none will be. Callers may ask about
    /// their own changes; asking about others needs `read` on `admin/audit`.
    #[graphql(complexity = "500")]
    async fn change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the change.")] id: ID,
    ) -> Result<Option<AuditEvent>> {
        let (platform, caller) = caller(ctx)?;
        let change = Uuid::parse_str(&id);
        let change = change.map_err(|_| Error::bad_input("this is not the id of a change").at("id"))?;
        Ok(platform.change_get_stored(caller, change).await?.map(AuditEvent::new))
    }
}
