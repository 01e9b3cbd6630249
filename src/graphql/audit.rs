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
use crate::service::{Platform, audit};

/// Something that was done: who, when, what, to what, and why. It holds no secret.
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

    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.listed.event.at)
    }

    /// Who.
    async fn actor(&self) -> Actor {
        self.listed.event.actor.clone().into()
    }

    /// What was done, such as `profile.update`.
    async fn action(&self) -> &str {
        &self.listed.event.action
    }

    /// To what, such as `profile:night-shift`.
    async fn target(&self) -> &str {
        &self.listed.event.target
    }

    /// What was there before, as JSON. Of more than 16 384 characters, it is the first of them: `/audit.jsonl`
    /// and `/audit.csv` have them all.
    #[graphql(complexity = 40)]
    async fn before(&self) -> Option<&str> {
        self.listed.before.as_ref().map(|told| told.text.as_str())
    }

    /// The number of characters of all that was there before, as JSON.
    async fn before_length(&self) -> Option<i32> {
        self.listed.before.as_ref().map(|told| int(told.length))
    }

    /// What is there after, as JSON, as far as `before` would have it.
    #[graphql(complexity = 40)]
    async fn after(&self) -> Option<&str> {
        self.listed.after.as_ref().map(|told| told.text.as_str())
    }

    /// The number of characters of all that is there after, as JSON.
    async fn after_length(&self) -> Option<i32> {
        self.listed.after.as_ref().map(|told| int(told.length))
    }

    /// The id of the request; empty when it came from no request.
    async fn request_id(&self) -> &str {
        self.listed.event.request_id.as_deref().unwrap_or_default()
    }

    /// Where the request came from.
    async fn address(&self) -> Option<&str> {
        self.listed.event.address.as_deref()
    }

    /// Why, in the words of who did it.
    async fn reason(&self) -> Option<&str> {
        Some(self.listed.event.reason.as_str()).filter(|reason| !reason.is_empty())
    }

    /// The version of the policy that it made, if one.
    async fn revision(&self) -> Option<i32> {
        self.listed.event.revision.map(int)
    }
}

connection!(AuditEventConnection, AuditEventEdge, AuditEvent, "audit events");

/// Chooses audit events; what is absent holds for all.
#[derive(InputObject)]
pub struct AuditFilter {
    /// The actor's key.
    actor: Option<String>,
    /// What was done, such as `profile.update`; `profile.*` is all that begins so.
    action: Option<String>,
    /// To what, such as `profile:night-shift`; `profile:*` is all that begins so.
    target: Option<String>,
    /// From this moment on.
    from: Option<DateTime>,
    /// Before this moment.
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
        #[graphql(desc = "Which events.")] filter: Option<AuditFilter>,
        #[graphql(desc = "So many from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<AuditEventConnection> {
        let (platform, caller) = caller(ctx)?;
        let filter: audit::AuditFilter = filter.map(Into::into).unwrap_or_default();
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let found = platform.audit_events(caller, &filter, wanted).await?;
        let count = move |platform: Platform, caller: Caller| {
            let filter = filter.clone();
            Box::pin(async move { platform.count_audit_events(&caller, &filter).await }) as _
        };
        Ok(AuditEventConnection::new(found, AuditEvent::new, Box::new(count)))
    }

    /// The event of a change, by the id that stands as `change` beside `outcome: UNKNOWN` in the error
    /// of a change whose end was not known. Null when no such change is stored, and none will be. Anyone
    /// may ask about their own changes; about those of others with `read` on `admin/audit`.
    #[graphql(complexity = "500")]
    async fn change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the change.")] id: ID,
    ) -> Result<Option<AuditEvent>> {
        let (platform, caller) = caller(ctx)?;
        let change = Uuid::parse_str(&id);
        let change = change.map_err(|_| Error::bad_input("this is not the id of a change").at("id"))?;
        Ok(platform.stored_change(caller, change).await?.map(AuditEvent::new))
    }
}
