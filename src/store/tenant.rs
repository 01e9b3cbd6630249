//! Tenants: their settings and counters. The few reads that need no tenant are here.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IdenStatic, PaginatorTrait, QueryFilter, Select,
};

use uuid::Uuid;

use super::audit::chain::ChainHead;
use super::db::Transaction;
use super::entity::session::credential_step;
use super::entity::tenant::{licence, tenant};
use super::error::stored;
use super::page::{Keyset, Page, PageOf, search_named};
use super::{Scope, Store, credential};
use crate::domain::key::{ModuleKey, TenantId, TenantKey};
use crate::domain::letters;
use crate::domain::name::{Name, Timestamp};
use crate::domain::tenant::Settings;
use crate::error::{Error, Result};
use crate::policy::revision::{Counters, Steps};

/// The most tenants that one statement asks for.
const CHUNK: usize = 500;

/// A tenant as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Internal id.
    pub id: TenantId,
    /// Its key, which never changes.
    pub key: TenantKey,
    /// Its name for people.
    pub name: Name,
    /// Its counters.
    pub counters: Counters,
    /// The version of the compiler that compiled its rules.
    pub compiler_version: i32,
    /// The id of the change that left its state as it is.
    pub last_change: Option<Uuid>,
    /// Head of the tenant's chain of audit events.
    pub audit: ChainHead,
    /// Its settings.
    pub settings: Settings,
    /// Time at which the tenant was made.
    pub created_at: Timestamp,
}

impl TenantRow {
    pub(super) fn of(row: &tenant::Model) -> Result<Self> {
        Ok(Self {
            id: TenantId(row.id),
            key: stored(TenantKey::parse(&row.key))?,
            name: Name::stored(row.name.clone()),
            counters: CountersRow::of(row).counters(),
            compiler_version: row.compiler_version,
            last_change: row.last_change,
            audit: ChainHead {
                count: row.audit_count.cast_unsigned(),
                digest: match &row.audit_digest {
                    Some(digest) => digest.as_slice().try_into().map_err(Error::internal)?,
                    None => [0; 32],
                },
            },
            settings: Settings {
                security_suite: row.security_suite,
                masked_characters: row.masked_characters,
                session_hours: row.session_hours,
            },
            created_at: Timestamp(row.created_at),
        })
    }

    pub(super) fn into_model(self) -> tenant::Model {
        tenant::Model {
            id: self.id.0,
            key: self.key.into(),
            sort_key: letters::searched(self.name.as_str()),
            sort_key_of: self.name.to_string(),
            name: self.name.into(),
            revision: self.counters.revision.cast_signed(),
            credential_epoch: self.counters.credential_epoch.cast_signed(),
            compiler_version: self.compiler_version,
            last_change: self.last_change,
            policy_change: named(self.counters.policy_change),
            policy_change_at: named(self.counters.policy_change).map(|_| self.counters.revision.cast_signed()),
            credential_change: named(self.counters.credential_change),
            credential_change_at: named(self.counters.credential_change)
                .map(|_| self.counters.credential_epoch.cast_signed()),
            audit_count: self.audit.count.cast_signed(),
            audit_digest: (self.audit.count > 0).then(|| self.audit.digest.to_vec()),
            security_suite: self.settings.security_suite,
            masked_characters: self.settings.masked_characters,
            session_hours: self.settings.session_hours,
            created_at: self.created_at.0,
        }
    }
}

/// The columns of a tenant's row that its counters stand in.
const COUNTERS: [tenant::Column; 6] = [
    tenant::Column::Revision,
    tenant::Column::CredentialEpoch,
    tenant::Column::PolicyChange,
    tenant::Column::PolicyChangeAt,
    tenant::Column::CredentialChange,
    tenant::Column::CredentialChangeAt,
];

/// Adds the counters of the tenant that a query is about, of one moment: what its row says, and the steps that
/// wait beside it.
pub(super) fn select_counters(query: &mut SelectStatement) {
    let steps = |value: Expr| {
        let mut steps = Query::select();
        let this = Expr::col((credential_step::Entity, credential_step::Column::TenantId))
            .equals((tenant::Entity, tenant::Column::Id));
        steps.expr(value).from(credential_step::Entity).and_where(this);
        steps
    };
    let (count, marks) = steps_summed();
    query
        .columns(COUNTERS.map(|column| (tenant::Entity, column)))
        .expr_as(steps(count), "waiting_steps")
        .expr_as(steps(marks), "waiting_marks");
}

/// Returns expressions for the number of steps and the sum of their marks.
pub(super) fn steps_summed() -> (Expr, Expr) {
    let marks = Expr::col((credential_step::Entity, credential_step::Column::Mark));
    let count = Expr::col((credential_step::Entity, credential_step::Column::Mark)).count();
    (count, Expr::expr(Func::coalesce([marks.sum(), Expr::val(0)])).cast_as("bigint"))
}

/// Finds a tenant's row, with the steps that wait beside it. Where others write meanwhile, both are of one
/// moment in a transaction alone.
pub(super) async fn find_row<C: ConnectionTrait>(db: &C, id: TenantId) -> Result<Option<TenantRow>> {
    let Some(row) = tenant::Entity::find_by_id(id.0).one(db).await? else { return Ok(None) };
    let mut row = TenantRow::of(&row)?;
    row.counters = row.counters.after(credential::waiting_steps(db, id).await?);
    Ok(Some(row))
}

/// Counters as they are stored. They start at zero and only grow, so the sign is never used.
#[derive(FromQueryResult)]
pub(super) struct CountersRow {
    revision: i64,
    credential_epoch: i64,
    policy_change: Option<Uuid>,
    policy_change_at: Option<i64>,
    credential_change: Option<Uuid>,
    credential_change_at: Option<i64>,
    waiting_steps: i64,
    waiting_marks: i64,
}

impl CountersRow {
    fn of(row: &tenant::Model) -> Self {
        Self {
            revision: row.revision,
            credential_epoch: row.credential_epoch,
            policy_change: row.policy_change,
            policy_change_at: row.policy_change_at,
            credential_change: row.credential_change,
            credential_change_at: row.credential_change_at,
            waiting_steps: 0,
            waiting_marks: 0,
        }
    }

    /// Returns the counters. An id of an earlier number names nothing.
    pub(super) fn counters(&self) -> Counters {
        let of = |change: Option<Uuid>, at: Option<i64>, number| change.filter(|_| at == Some(number));
        let steps = Steps { count: self.waiting_steps.cast_unsigned(), marks: self.waiting_marks.cast_unsigned() };
        let row = Counters {
            revision: self.revision.cast_unsigned(),
            credential_epoch: self.credential_epoch.cast_unsigned(),
            policy_change: of(self.policy_change, self.policy_change_at, self.revision).unwrap_or_default(),
            credential_change: of(self.credential_change, self.credential_change_at, self.credential_epoch)
                .unwrap_or_default(),
        };
        row.after(steps)
    }
}

/// Returns the id of a change, as it is stored.
fn named(change: Uuid) -> Option<Uuid> {
    (!change.is_nil()).then_some(change)
}

impl Store {
    /// Returns the tenant of this key.
    pub async fn tenant_by_key(&self, key: &TenantKey) -> Result<Option<TenantRow>> {
        let row = tenant::Entity::find().filter(tenant::Column::Key.eq(key.as_str())).one(&self.db).await?;
        row.as_ref().map(TenantRow::of).transpose()
    }

    /// Returns the tenant of this internal id.
    pub async fn tenant_by_id(&self, id: TenantId) -> Result<Option<TenantRow>> {
        find_row(&self.db, id).await
    }

    /// Returns a page of the tenants by key, for operators.
    pub async fn tenants(&self, text: Option<&str>, page: &Page) -> Result<PageOf<TenantRow>> {
        let by_key = Keyset::ascending([tenant::Column::Key]);
        by_key.page(&self.db, self.select_tenants(text), page).await?.try_map(|row| TenantRow::of(&row))
    }

    /// Counts the tenants that the text finds.
    pub async fn tenants_count(&self, text: Option<&str>) -> Result<u64> {
        Ok(self.select_tenants(text).count(&self.db).await?)
    }

    fn select_tenants(&self, text: Option<&str>) -> Select<tenant::Entity> {
        tenant::Entity::find().filter(search_named(&self.db, text, tenant::Column::SortKey, &[tenant::Column::Key]))
    }

    /// Returns the licences of these tenants: one without any is not in the answer.
    pub async fn licences(&self, tenants: &[TenantId]) -> Result<HashMap<TenantId, BTreeSet<ModuleKey>>> {
        let mut found: HashMap<TenantId, BTreeSet<ModuleKey>> = HashMap::with_capacity(tenants.len());
        for chunk in tenants.chunks(CHUNK) {
            let these = licence::Column::TenantId.is_in(chunk.iter().map(|id| id.0));
            for row in licence::Entity::find().filter(these).all(&self.db).await? {
                found.entry(TenantId(row.tenant_id)).or_default().insert(stored(ModuleKey::parse(&row.module))?);
            }
        }
        Ok(found)
    }

    /// Returns the counters of these tenants, one statement for each 500. Tenants that are gone are not in the
    /// answer.
    pub async fn counters(&self, tenants: &[TenantId]) -> Result<Vec<(TenantId, Counters)>> {
        let mut found = Vec::with_capacity(tenants.len());
        for chunk in tenants.chunks(CHUNK) {
            let mut query = Query::select();
            let id = || Expr::col((tenant::Entity, tenant::Column::Id));
            query.expr(id()).from(tenant::Entity).and_where(id().is_in(chunk.iter().map(|id| id.0)));
            select_counters(&mut query);
            for row in self.db.query_all(&query).await? {
                let id = row.try_get("", tenant::Column::Id.as_str())?;
                found.push((TenantId(id), CountersRow::from_query_result(&row, "")?.counters()));
            }
        }
        Ok(found)
    }
}

impl Scope {
    /// Returns the tenant's row, unless it is gone.
    pub async fn tenant_row(&self) -> Result<Option<TenantRow>> {
        find_row(&self.db, self.tenant).await
    }
}

/// Writes settings that changed.
pub(super) async fn write_settings(db: &Transaction, id: TenantId, settings: &Settings) -> Result<()> {
    tenant::Entity::update_many()
        .col_expr(tenant::Column::SecuritySuite, Expr::val(settings.security_suite))
        .col_expr(tenant::Column::MaskedCharacters, Expr::val(settings.masked_characters))
        .col_expr(tenant::Column::SessionHours, Expr::val(settings.session_hours))
        .filter(tenant::Column::Id.eq(id.0))
        .exec(db)
        .await?;
    Ok(())
}
