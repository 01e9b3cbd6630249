//! The audit log: everything that was done, by whom, when and why (R43).

pub mod chain;

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, Iterable, PaginatorTrait, QueryFilter,
    QuerySelect, Select,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use chain::ChainHead;

use super::entity::audit::audit_event;
use super::error::stored;
use super::page::{Keyset, Page, PageOf};
use super::{Scope, Store, View, find};
use crate::domain::key::TenantId;
use crate::domain::name::Timestamp;
use crate::error::{Error, Result};

/// Kind of caller that made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(strum::AsRefStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = not_an_actor)]
pub enum ActorKind {
    /// A user of the tenant.
    User,
    /// An operator of the platform, inside a tenant by naming it.
    Operator,
    /// The program itself: the command line, an upgrade.
    System,
}

fn not_an_actor(text: &str) -> Error {
    Error::invalid(format!("`{}` is not a kind of actor", text.escape_debug()))
}

/// Author of a change, as known at that time: a user who is gone keeps their name here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Kind of caller.
    pub kind: ActorKind,
    /// Key of the user in their home tenant.
    pub key: String,
    /// Full name of the user.
    pub name: String,
}

/// One event. It holds no secret: the service leaves passwords, keys and hashes out.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id: a UUID of version 7.
    pub id: Uuid,
    /// The change that it is of. The revision that the change made carries the same id.
    pub change_id: Uuid,
    /// Time of the change.
    pub at: Timestamp,
    /// Author of the change.
    pub actor: Actor,
    /// Action, such as `profile.update`.
    pub action: String,
    /// Target of the action, such as `profile:night-shift`.
    pub target: String,
    /// Value of the target before the change.
    pub before: Option<Value>,
    /// Value of the target after the change.
    pub after: Option<Value>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Address that the request came from.
    pub address: Option<String>,
    /// Reason for the change, in the caller's words.
    pub reason: String,
    /// The revision that the change made, if it made one.
    pub revision: Option<u64>,
}

/// The most characters that a list gives of what was there before or after.
pub const TOLD_MAX: usize = 16 * 1024;

/// A value as JSON, or the beginning of one that is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The text: of more than [`TOLD_MAX`] characters, the first.
    pub text: String,
    /// The number of characters of all of it.
    pub length: u64,
}

impl Told {
    fn of(value: &Value) -> Self {
        if let Some(cut) = Self::cut(value) {
            return cut;
        }
        let mut text = value.to_string();
        let length = text.chars().count() as u64;
        if let Some((end, _)) = text.char_indices().nth(TOLD_MAX) {
            text.truncate(end);
        }
        Self { text, length }
    }

    /// Reads what a list has put in the place of a long value. No event tells of an array.
    fn cut(value: &Value) -> Option<Self> {
        let [Value::String(text), length] = value.as_array()?.as_slice() else { return None };
        Some(Self { text: text.clone(), length: length.as_u64()? })
    }
}

/// An event as a list gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedEvent {
    /// The event without the values before and after the change.
    pub event: AuditEvent,
    /// Value before the change.
    pub before: Option<Told>,
    /// Value after the change.
    pub after: Option<Told>,
}

impl From<AuditEvent> for ListedEvent {
    fn from(mut event: AuditEvent) -> Self {
        let told = |value: Option<Value>| value.as_ref().map(Told::of);
        let (before, after) = (told(event.before.take()), told(event.after.take()));
        Self { event, before, after }
    }
}

pub(super) fn actor(kind: &str, key: String, name: String) -> Result<Actor> {
    Ok(Actor { kind: stored(kind.parse())?, key, name })
}

impl AuditEvent {
    pub(super) fn of(row: audit_event::Model) -> Result<Self> {
        Ok(Self {
            id: row.id,
            change_id: row.change_id,
            at: Timestamp(row.at),
            actor: actor(&row.actor_kind, row.actor_key, row.actor_name)?,
            action: row.action,
            target: row.target,
            before: row.before,
            after: row.after,
            request_id: row.request_id,
            address: row.address,
            reason: row.reason,
            revision: row.revision.map(i64::cast_unsigned),
        })
    }

    fn row(&self, tenant: TenantId, head: &ChainHead) -> audit_event::Model {
        audit_event::Model {
            tenant_id: tenant.0,
            id: self.id,
            change_id: self.change_id,
            at: self.at.0,
            actor_kind: self.actor.kind.as_ref().to_owned(),
            actor_key: self.actor.key.clone(),
            actor_name: self.actor.name.clone(),
            action: self.action.clone(),
            target: self.target.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            request_id: self.request_id.clone(),
            address: self.address.clone(),
            reason: self.reason.clone(),
            revision: self.revision.map(u64::cast_signed),
            place: Some(head.count.cast_signed()),
            digest: Some(head.digest.to_vec()),
        }
    }
}

/// Filter of the listed events; a part that is `None` holds for all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Key of the actor of the events.
    pub actor: Option<String>,
    /// Action of the events; with `*` at the end, such as `profile.*`, the beginning of their actions.
    pub action: Option<String>,
    /// Target of the events; with `*` at the end, such as `profile:*`, the beginning of their targets.
    pub target: Option<String>,
    /// Earliest time of the events, inclusive.
    pub since: Option<Timestamp>,
    /// Latest time of the events, exclusive.
    pub until: Option<Timestamp>,
}

/// Returns the condition that a column is this text or, where the text ends with `*`, begins with the part before it.
fn is_or_begins(column: audit_event::Column, text: &str) -> Expr {
    match text.strip_suffix('*') {
        Some(beginning) => {
            // By length and not by LIKE, which has signs of its own and, on SQLite, no regard to case.
            let length = i32::try_from(beginning.chars().count()).unwrap_or(i32::MAX);
            let start = Func::cust("substr").arg(Expr::col(column)).arg(1).arg(length);
            Expr::expr(start).eq(beginning)
        }
        None => column.eq(text),
    }
}

/// Returns the expression for a value or, in the place of a long one, for what [`Told::cut`] reads.
fn beginning(backend: DbBackend, column: audit_event::Column) -> Expr {
    let text = || Expr::col((audit_event::Entity, column)).cast_as("text");
    let length = || Expr::expr(Func::cust("length").arg(text()));
    let max = i32::try_from(TOLD_MAX).unwrap_or(i32::MAX);
    let array = if backend == DbBackend::Sqlite { "json_array" } else { "jsonb_build_array" };
    let cut = Func::cust(array).arg(Func::cust("substr").arg(text()).arg(1).arg(max)).arg(length());
    let is_short = Expr::col((audit_event::Entity, column)).is_null().or(length().lte(max));
    CaseStatement::new().case(is_short, Expr::col((audit_event::Entity, column))).finally(cut).into()
}

impl Scope {
    /// Returns a page of the log, newest first.
    pub async fn audit_events(&self, filter: &AuditFilter, page: &Page) -> Result<PageOf<AuditEvent>> {
        let newest_first = Keyset::descending([audit_event::Column::At, audit_event::Column::Id]);
        newest_first.page(&self.db, self.select_events(filter), page).await?.try_map(AuditEvent::of)
    }

    /// Returns a page of the log as people look at it, newest first: what was there before and after can be as much
    /// as the whole tenant, so the database gives the beginning of what is long.
    pub async fn listed_events(&self, filter: &AuditFilter, page: &Page) -> Result<PageOf<ListedEvent>> {
        use audit_event::Column::{After, At, Before, Id};
        let backend = self.db.get_database_backend();
        let columns = audit_event::Column::iter().filter(|column| !matches!(column, Before | After));
        let these = self.select_events(filter).select_only().columns(columns);
        let these = these.expr_as(beginning(backend, Before), "before").expr_as(beginning(backend, After), "after");
        let found = Keyset::descending([At, Id]).page(&self.db, these, page).await?;
        found.try_map(|row| AuditEvent::of(row).map(Into::into))
    }

    /// Counts the events that the filter finds.
    pub async fn audit_events_count(&self, filter: &AuditFilter) -> Result<u64> {
        Ok(self.select_events(filter).count(&self.db).await?)
    }

    fn select_events(&self, filter: &AuditFilter) -> Select<audit_event::Entity> {
        use audit_event::Column::{Action, ActorKey, At, Target};
        let these = Condition::all()
            .add_option(filter.actor.as_deref().map(|actor| ActorKey.eq(actor)))
            .add_option(filter.action.as_deref().map(|action| is_or_begins(Action, action)))
            .add_option(filter.target.as_deref().map(|target| is_or_begins(Target, target)))
            .add_option(filter.since.map(|since| At.gte(since.0)))
            .add_option(filter.until.map(|until| At.lt(until.0)));
        self.find::<audit_event::Entity>().filter(these)
    }

    /// Returns the event of this change.
    pub async fn event_of_change(&self, change: Uuid) -> Result<Option<AuditEvent>> {
        let found = self.find::<audit_event::Entity>().filter(audit_event::Column::ChangeId.eq(change));
        found.one(&self.db).await?.map(AuditEvent::of).transpose()
    }

    /// Returns the event of this id.
    pub async fn audit_event_by_id(&self, id: Uuid) -> Result<Option<AuditEvent>> {
        let found = self.find::<audit_event::Entity>().filter(audit_event::Column::Id.eq(id));
        found.one(&self.db).await?.map(AuditEvent::of).transpose()
    }
}

impl Store {
    /// Returns `true` if the change of this id is stored, for a caller that lost the answer to its commit.
    pub async fn change_committed(&self, change: Uuid) -> Result<bool> {
        let events = audit_event::Entity::find().filter(audit_event::Column::ChangeId.eq(change));
        Ok(events.count(&self.db).await? > 0)
    }
}

impl View {
    /// Returns `true` if the change of this id is part of the tenant's past.
    pub async fn holds_change(&self, change: Uuid) -> Result<bool> {
        let events = find::<audit_event::Entity>(self.tenant.id).filter(audit_event::Column::ChangeId.eq(change));
        Ok(events.count(&self.db).await? > 0)
    }
}
