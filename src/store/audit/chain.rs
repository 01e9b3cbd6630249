//! The chain of a tenant's audit events. Each holds its place and a digest over itself and the digest
//! before; the tenant's row holds the last. So an event that was changed, taken out, put in or cut off
//! at the end shows. Who can write the whole database can make the chain anew: keep a digest that
//! `bailiwick audit verify` prints somewhere else, and it shows too.
//!
//! Who signs in or changes a credential of their own does not wait for the tenant: that event waits for its
//! place outside of the chain, until somebody takes the tenant.

use data_encoding::HEXLOWER;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::super::db::Transaction;
use super::super::entity::audit::audit_event::{self, Column};
use super::super::entity::tenant::tenant;
use super::super::tenant::TenantRow;
use super::super::{Scope, Store, begin_reading, find};
use super::AuditEvent;
use crate::domain::key::TenantId;
use crate::error::Result;

/// Events that are read at once.
const CHUNK: u64 = 500;

/// Head of a chain of events: all that the next event is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainHead {
    /// Number of events in the chain.
    pub count: u64,
    /// The digest of the last of them: SHA-256; zeros before the first.
    pub digest: [u8; 32],
}

impl ChainHead {
    /// Returns the head with this event as the next.
    pub(super) fn with(&self, tenant: TenantId, event: &AuditEvent) -> Self {
        let count = self.count + 1;
        Self { count, digest: digest(tenant, count, &self.digest, event) }
    }

    /// Returns the digest in hex.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.digest)
    }
}

/// Result of a check of the whole chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Number of events that are in order, from the first on.
    pub events: u64,
    /// The head as the tenant's row has it.
    pub head: ChainHead,
    /// The first thing that is wrong; none when all is in order.
    pub broken: Option<Break>,
}

/// Place and kind of a break in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// The event at this place is not there.
    Missing(u64),
    /// The event at this place is not what was written there.
    Changed(u64),
    /// Behind this place events are gone that the tenant's row knows of.
    CutAfter(u64),
    /// Place from which on there are events that the tenant's row knows nothing of.
    Added(u64),
    /// Number of events since the chain begins that are in no place of it.
    Outside(u64),
}

impl Scope {
    /// Looks at every event of the chain, as of one moment, and calls `seen` with how many are
    /// behind it, now and then; `None` when the tenant is gone.
    pub async fn audit_chain(&self, mut seen: impl FnMut(u64) + Send) -> Result<Option<ChainReport>> {
        let db = begin_reading(&self.db).await?;
        let Some(row) = tenant::Entity::find_by_id(self.tenant.0).one(&db).await? else { return Ok(None) };
        let head = TenantRow::of(&row)?.audit;
        let (mut at, mut begin) = (ChainHead::default(), None);
        let broken = loop {
            let behind = Column::Place.gt(at.count.cast_signed());
            let rows = find::<audit_event::Entity>(self.tenant).filter(behind).order_by_asc(Column::Place);
            let rows = rows.limit(CHUNK).all(&db).await?;
            if rows.is_empty() {
                break None;
            }
            begin = begin.or_else(|| rows.first().map(|row| row.at));
            if let Some(broken) = follow(self.tenant, &mut at, rows) {
                break Some(broken);
            }
            seen(at.count);
        };
        let ended = match at.count.cmp(&head.count) {
            std::cmp::Ordering::Less => Some(Break::CutAfter(at.count)),
            std::cmp::Ordering::Greater => Some(Break::Added(head.count + 1)),
            std::cmp::Ordering::Equal => (at != head).then_some(Break::Changed(at.count)),
        };
        let mut broken = broken.or(ended);
        if broken.is_none() {
            // Those from before the chain have no place; whoever adds one now may say any time.
            let unplaced = Condition::all().add(Column::Place.is_null()).add(Column::At.gte(begin.unwrap_or(i64::MAX)));
            let outside = Condition::any().add(Column::Place.eq(0)).add(unplaced);
            let outside = find::<audit_event::Entity>(self.tenant).filter(outside);
            let outside = outside.count(&db).await? + waiting(&db, self.tenant).await?.1;
            broken = (outside > 0).then_some(Break::Outside(outside));
        }
        Ok(Some(ChainReport { events: at.count, head, broken }))
    }
}

impl Store {
    /// Returns the tenants of which events wait for their places, some at a time.
    pub async fn tenants_with_waiting(&self) -> Result<Vec<TenantId>> {
        let this = Expr::col((audit_event::Entity, Column::TenantId)).equals((tenant::Entity, tenant::Column::Id));
        let waiting = Query::select()
            .expr(Expr::val(1))
            .from(audit_event::Entity)
            .and_where(this)
            .and_where(Expr::col((audit_event::Entity, Column::Place)).lt(0))
            .take();
        let found = tenant::Entity::find().select_only().column(tenant::Column::Id).filter(Expr::exists(waiting));
        let found: Vec<Uuid> = found.limit(CHUNK).into_tuple().all(&self.db).await?;
        Ok(found.into_iter().map(TenantId).collect())
    }
}

/// Writes an event as the next of this tenant's chain, and gives the chain's new head.
pub(in crate::store) async fn append(db: &Transaction, tenant: &TenantRow, event: &AuditEvent) -> Result<ChainHead> {
    let head = tenant.audit.with(tenant.id, event);
    let row = event.row(tenant.id, &head).into_active_model();
    audit_event::Entity::insert(row).exec_without_returning(db).await?;
    Ok(head)
}

/// Writes an event that waits for its place: who writes it has not taken the tenant. Its place is
/// below all others, and its digest over itself alone.
pub(in crate::store) async fn wait(db: &Transaction, tenant: TenantId, event: &AuditEvent) -> Result<()> {
    let alone = ChainHead { count: 0, digest: digest(tenant, 0, &[0; 32], event) };
    let (_, low) = event.id.as_u64_pair();
    let place = low.cast_signed() | i64::MIN;
    let row = audit_event::Model { place: Some(place), ..event.row(tenant, &alone) };
    audit_event::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// Gives the events that wait their places at the end of the chain, and gives its new head. One that is
/// not what was written stays where it is, for a verification to find.
pub(in crate::store) async fn place_waiting(db: &Transaction, tenant: &TenantRow) -> Result<ChainHead> {
    let mut head = tenant.audit;
    for event in waiting(db, tenant.id).await?.0 {
        head = head.with(tenant.id, &event);
        audit_event::Entity::update_many()
            .col_expr(Column::Place, Expr::val(head.count.cast_signed()))
            .col_expr(Column::Digest, Expr::val(head.digest.to_vec()))
            .filter(Column::TenantId.eq(tenant.id.0))
            .filter(Column::Id.eq(event.id))
            .exec(db)
            .await?;
    }
    Ok(head)
}

/// Returns the events that wait for their places, in the order of their times, and how many are not what was written.
async fn waiting(db: &Transaction, tenant: TenantId) -> Result<(Vec<AuditEvent>, u64)> {
    let rows = find::<audit_event::Entity>(tenant).filter(Column::Place.lt(0)).order_by_asc(Column::At);
    let (mut events, mut broken) = (Vec::new(), 0);
    for row in rows.order_by_asc(Column::Id).limit(CHUNK).all(db).await? {
        let written = row.digest.clone();
        match AuditEvent::of(row) {
            Ok(event) if written.as_deref() == Some(&digest(tenant, 0, &[0; 32], &event)[..]) => events.push(event),
            _ => broken += 1,
        }
    }
    Ok((events, broken))
}

/// Goes on from `at` over these rows, as far as they are in order.
fn follow(tenant: TenantId, at: &mut ChainHead, rows: Vec<audit_event::Model>) -> Option<Break> {
    for row in rows {
        let (place, written) = (row.place.map(i64::cast_unsigned), row.digest.clone());
        if place != Some(at.count + 1) {
            return Some(Break::Missing(at.count + 1));
        }
        let Ok(event) = AuditEvent::of(row) else { return Some(Break::Changed(at.count + 1)) };
        let next = at.with(tenant, &event);
        if written.as_deref() != Some(&next.digest[..]) {
            return Some(Break::Changed(next.count));
        }
        *at = next;
    }
    None
}

/// Returns the SHA-256 of the event as JSON without blanks, the members of every object in the order of their names:
/// the text is the same, whichever database has kept it.
fn digest(tenant: TenantId, place: u64, before: &[u8; 32], event: &AuditEvent) -> [u8; 32] {
    let text = sorted(&json!({
        "tenant": tenant.0,
        "place": place,
        "previous": HEXLOWER.encode(before),
        "id": event.id,
        "change": event.change_id,
        "at": event.at.0,
        "actor": [event.actor.kind.as_ref(), event.actor.key, event.actor.name],
        "action": event.action,
        "target": event.target,
        "before": event.before,
        "after": event.after,
        "requestId": event.request_id,
        "address": event.address,
        "reason": event.reason,
        "revision": event.revision,
    }));
    Sha256::digest(text.to_string().as_bytes()).into()
}

/// Returns the value with the members of its objects ordered by name, whatever order this build's maps keep.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_str());
            Value::Object(members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
