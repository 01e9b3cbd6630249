//! The audit log: reading, exporting and verifying it.

use futures_util::Stream;
use futures_util::stream::try_unfold;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::key::{Action, TenantKey};
pub use crate::domain::name::Timestamp;
use crate::error::{Error, Result};
use crate::service::Platform;
use crate::service::access::permit::Permit;
use crate::service::admin::bulk::sheet;
use crate::service::change::{ChangeContext, ChangeRequest, visited_from};
use crate::store::Scope;
pub use crate::store::audit::chain::{Break, ChainHead, ChainReport};
pub use crate::store::audit::{Actor, ActorKind, AuditEvent, AuditFilter, ListedEvent};
use crate::store::page::{PAGE_MAX, Page, PageOf};

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::AsRefStr)]
pub enum ExportFormat {
    /// A line of JSON for each event.
    #[strum(serialize = "jsonl")]
    JsonLines,
    /// CSV with a header line; no cell can be taken for a formula by a spreadsheet.
    #[strum(serialize = "csv")]
    Csv,
}

impl Platform {
    /// Returns a page of the audit log, newest first. Needs `read` on `admin/audit`.
    pub async fn audit_list(&self, caller: &Caller, filter: &AuditFilter, page: Page) -> Result<PageOf<ListedEvent>> {
        self.audit_log(caller, filter).await?.listed_events(filter, &page).await
    }

    async fn audit_log(&self, caller: &Caller, filter: &AuditFilter) -> Result<Scope> {
        check_filter(filter)?;
        Ok(self.authorise(caller, Permit::AUDIT_READ).await?.scope())
    }

    /// Counts the events that match the filter.
    pub async fn audit_count(&self, caller: &Caller, filter: &AuditFilter) -> Result<u64> {
        let tenant = self.authorise(caller, Permit::AUDIT_READ).await?;
        tenant.scope().audit_events_count(filter).await
    }

    /// Returns the event with this id.
    pub async fn audit_get_by_id(&self, caller: &Caller, id: Uuid) -> Result<Option<AuditEvent>> {
        let tenant = self.authorise(caller, Permit::AUDIT_READ).await?;
        tenant.scope().audit_event_by_id(id).await
    }

    /// Streams the events that match the filter, newest first, as chunks of text; at most one page of events is in
    /// memory at a time. Each chunk checks again that the caller still has the permission. An export changes nothing,
    /// but is itself recorded as an event.
    pub async fn audit_export(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        format: ExportFormat,
    ) -> Result<impl Stream<Item = Result<String>> + Send + use<>> {
        self.note_export(caller, &filter, format).await?;
        let (platform, caller) = (self.clone(), caller.clone());
        let begin = Some((None::<String>, true));
        Ok(try_unfold(begin, move |at| {
            let (platform, caller, filter) = (platform.clone(), caller.clone(), filter.clone());
            async move {
                let Some((after, is_first)) = at else { return Ok(None) };
                let page = Page::parse(Some(PAGE_MAX), after.as_deref(), None, None)?;
                let found = platform.audit_log(&caller, &filter).await?.audit_events(&filter, &page).await?;
                let text = format.text(found.items.iter().map(|(_, event)| event), is_first)?;
                let last = found.items.last().map(|(cursor, _)| cursor.to_string());
                Ok(Some((text, last.filter(|_| found.has_next).map(|last| (Some(last), false)))))
            }
        }))
    }

    /// Records the event that the caller exported the log.
    async fn note_export(&self, caller: &Caller, filter: &AuditFilter, format: ExportFormat) -> Result<()> {
        let (_, mut tx) = self.begin(caller, Permit::AUDIT_READ).await?;
        let intent = ChangeRequest::new(Permit::AUDIT_READ, "audit.export", "audit", None).without_rights();
        let record = ChangeContext::new(caller, &intent, self.now());
        let asked = json!({
            "format": format.as_ref(), "actor": filter.actor, "action": filter.action, "target": filter.target,
            "from": filter.since.map(Timestamp::to_rfc3339), "to": filter.until.map(Timestamp::to_rfc3339),
        });
        tx.audit(&record.event(None, Some(asked), None)).await?;
        self.commit(tx, record, None, visited_from(caller)).await.map(drop)
    }

    /// Verifies the whole chain of a tenant's audit events, and calls `seen` now and then with the number of events
    /// checked so far; `None` if there is no tenant with this key. For operators and the command line.
    pub async fn audit_verify(
        &self,
        caller: &Caller,
        tenant: &TenantKey,
        seen: impl FnMut(u64) + Send,
    ) -> Result<Option<ChainReport>> {
        let operator = self.authorise_operator(caller, &Action::read()).await?;
        let Some((_, scope)) = operator.tenant_by_key(tenant).await? else { return Ok(None) };
        scope.audit_chain(seen).await
    }
}

/// Refuses texts with a NUL, which no database can search for.
fn check_filter(filter: &AuditFilter) -> Result<()> {
    let texts = [("actor", &filter.actor), ("action", &filter.action), ("target", &filter.target)];
    match texts.into_iter().find(|(_, text)| text.as_deref().is_some_and(|text| text.contains('\0'))) {
        Some((name, _)) => Err(Error::bad_input("no text of the log holds a NUL").at(name)),
        None => Ok(()),
    }
}

/// Column headers of the CSV.
const COLUMNS: [&str; 13] = [
    "at",
    "actorKind",
    "actorKey",
    "actorName",
    "action",
    "target",
    "reason",
    "revision",
    "before",
    "after",
    "requestId",
    "address",
    "id",
];

impl ExportFormat {
    fn text<'a>(self, events: impl Iterator<Item = &'a AuditEvent>, is_first: bool) -> Result<String> {
        match self {
            Self::JsonLines => Ok(events.map(|event| json(event).to_string() + "\n").collect()),
            Self::Csv => sheet(is_first.then_some(COLUMNS), &events.map(cells).collect::<Vec<_>>()),
        }
    }
}

/// Formats an event with the field names that it has in GraphQL.
fn json(event: &AuditEvent) -> Value {
    json!({
        "id": event.id,
        "at": event.at.to_rfc3339(),
        "actor": { "kind": event.actor.kind.as_ref(), "key": event.actor.key, "name": event.actor.name },
        "action": event.action,
        "target": event.target,
        "before": event.before,
        "after": event.after,
        "requestId": event.request_id,
        "address": event.address,
        "reason": event.reason,
        "revision": event.revision,
    })
}

fn cells(event: &AuditEvent) -> [String; 13] {
    let text = |value: &Option<Value>| value.as_ref().map_or_else(String::new, ToString::to_string);
    [
        event.at.to_rfc3339(),
        event.actor.kind.as_ref().to_owned(),
        event.actor.key.clone(),
        event.actor.name.clone(),
        event.action.clone(),
        event.target.clone(),
        event.reason.clone(),
        event.revision.map_or_else(String::new, |revision| revision.to_string()),
        text(&event.before),
        text(&event.after),
        event.request_id.clone().unwrap_or_default(),
        event.address.clone().unwrap_or_default(),
        event.id.to_string(),
    ]
}
