//! Compiled rules with their origins, and loading a whole policy.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::sqlx::Row as _;
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryResult,
    QuerySelect,
};

use super::db::Transaction;
use super::entity::policy::{rule, rule_origin};
use super::entity::user::user;
use super::error::stored;
use super::tenant::find_row;
use super::write::insert;
use super::{Store, Tx, View, begin_reading, find};
use crate::domain::key::{TenantId, TenantKey, UserKey};
use crate::domain::tenant::Settings;
use crate::error::{Error, Result};
use crate::policy::compile::Compiled;
use crate::policy::diff::PolicyDiff;
use crate::policy::revision::Counters;
use crate::policy::rule::{Origin, Rule, RuleHash};

mod read;

pub use super::revision::RevisionEntry;
pub use read::{FirstOrigins, RuleFilter, RuleRow};

/// The most rules that one statement names.
const BATCH: usize = 500;
/// Rules that one statement reads while a policy is loaded.
const LOAD_CHUNK: u64 = 20_000;

/// A tenant's policy as stored at one moment.
#[derive(Debug, Clone)]
pub struct LoadedPolicy {
    /// The tenant's key: the domain of the rules.
    pub key: TenantKey,
    /// The counters at that moment.
    pub counters: Counters,
    /// The settings at that moment.
    pub settings: Settings,
    /// The users that are disabled, and so hold no rule.
    pub disabled: Vec<UserKey>,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Store {
    /// Reads a tenant's counters and rules as of one moment; `None` when there is no such tenant.
    pub async fn load_policy(&self, tenant: TenantId) -> Result<Option<LoadedPolicy>> {
        let db = begin_reading(&self.db).await?;
        let Some(row) = find_row(&db, tenant).await? else { return Ok(None) };
        let disabled: Vec<String> = find::<user::Entity>(tenant)
            .select_only()
            .column(user::Column::Key)
            .filter(user::Column::Enabled.eq(false))
            .into_tuple()
            .all(&db)
            .await?;
        let mut rules = Vec::new();
        read_rules(&db, tenant, &row.key, |rule| rules.push(rule)).await?;
        Ok(Some(LoadedPolicy {
            key: row.key,
            counters: row.counters,
            settings: row.settings,
            disabled: disabled.iter().map(|key| stored(UserKey::parse(key))).collect::<Result<_>>()?,
            rules,
        }))
    }
}

/// Reads all rules of a tenant.
async fn read_rules(db: &Transaction, tenant: TenantId, key: &TenantKey, mut take: impl FnMut(Rule)) -> Result<()> {
    read_lines(db, tenant, &Condition::all(), |ptype, values| {
        take(stored(Rule::from_values(ptype, values, key))?);
        Ok(())
    })
    .await
}

/// Reads those rules of a tenant that fit, as `ptype` and `v0`, `v1`, …: in chunks, so that the rows
/// of a large policy are never held at once beside its rules, and without copying their texts.
pub(super) async fn read_lines(
    db: &Transaction,
    tenant: TenantId,
    fitting: &Condition,
    mut take: impl FnMut(&str, &[&str]) -> Result<()>,
) -> Result<()> {
    use rule::Column::{Id, Ptype, TenantId, V0, V1, V2, V3, V4, V5};
    let mut last = i64::MIN;
    loop {
        let mut query = Query::select();
        query
            .columns([Ptype, V0, V1, V2, V3, V4, V5, Id])
            .from(rule::Entity)
            .and_where(Expr::col(TenantId).eq(tenant.0))
            .and_where(Expr::col(Id).gt(last))
            .cond_where(fitting.clone())
            .order_by(Id, Order::Asc)
            .limit(LOAD_CHUNK);
        let rows = db.query_all(&query).await?;
        for row in &rows {
            take_line(row, &mut take)?;
        }
        match rows.last() {
            Some(row) if rows.len() as u64 == LOAD_CHUNK => last = row.try_get_by_index(7)?,
            _ => return Ok(()),
        }
    }
}

fn take_line(row: &QueryResult, take: impl FnOnce(&str, &[&str]) -> Result<()>) -> Result<()> {
    let mut texts = [""; 7];
    let mut count = 0;
    for (i, slot) in texts.iter_mut().enumerate() {
        let Some(text) = text_at(row, i)? else { break };
        *slot = text;
        count = i;
    }
    let (ptype, values) = texts.split_first().ok_or_else(|| Error::internal("a rule without columns"))?;
    take(ptype, values.get(..count).unwrap_or_default())
}

fn text_at(row: &QueryResult, i: usize) -> Result<Option<&str>> {
    let text = match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
        (Some(row), _) => row.try_get(i),
        (_, Some(row)) => row.try_get(i),
        _ => return Err(Error::internal("a row of an unknown database")),
    };
    text.map_err(Error::internal)
}

impl View {
    /// Returns the rules that are stored, with where each came from.
    pub async fn stored_rules(&self) -> Result<Compiled> {
        let mut rules = Vec::new();
        read_rules(&self.db, self.tenant.id, &self.tenant.key, |rule| rules.push(rule)).await?;
        let mut origins: BTreeMap<RuleHash, BTreeSet<Origin>> = BTreeMap::new();
        for row in find::<rule_origin::Entity>(self.tenant.id).all(&self.db).await? {
            let (hash, origin) = origin_of(row)?;
            origins.entry(hash).or_default().insert(origin);
        }
        Ok(rules
            .into_iter()
            .map(|rule| {
                let origins = origins.remove(&rule.hash()).unwrap_or_default();
                (rule, origins)
            })
            .collect())
    }
}

impl Tx {
    /// Writes a difference of rules and of where they came from.
    pub async fn write_rules(&mut self, diff: &PolicyDiff) -> Result<()> {
        let id = self.tenant.id;
        for batch in hashes(diff.removed.iter()).chunks(BATCH) {
            let gone = rule::Entity::delete_many().filter(rule::Column::TenantId.eq(id.0));
            gone.filter(rule::Column::Hash.is_in(batch.iter().cloned())).exec(&self.db).await?;
        }
        for batch in hashes(diff.moved.keys()).chunks(BATCH) {
            let gone = rule_origin::Entity::delete_many().filter(rule_origin::Column::TenantId.eq(id.0));
            gone.filter(rule_origin::Column::RuleHash.is_in(batch.iter().cloned())).exec(&self.db).await?;
        }
        insert(&self.db, diff.added.keys().map(|rule| self.rule_row(rule)).collect()).await?;
        let mut rows: Vec<rule_origin::ActiveModel> = Vec::new();
        for (rule, origins) in diff.added.iter().chain(&diff.moved) {
            let hash = rule.hash();
            rows.extend(origins.iter().map(|origin| origin_row(id, hash, origin).into_active_model()));
        }
        insert(&self.db, rows).await
    }

    fn rule_row(&self, rule: &Rule) -> rule::ActiveModel {
        let mut values = rule.values(&self.tenant.key).into_iter();
        let mut next = || ActiveValue::Set(values.next());
        rule::ActiveModel {
            id: ActiveValue::NotSet,
            ptype: ActiveValue::Set(rule.ptype().to_owned()),
            v0: next(),
            v1: next(),
            v2: next(),
            v3: next(),
            v4: next(),
            v5: next(),
            tenant_id: ActiveValue::Set(self.tenant.id.0),
            hash: ActiveValue::Set(rule.hash().0.to_vec()),
        }
    }
}

fn hashes<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<Vec<u8>> {
    rules.map(|rule| rule.hash().0.to_vec()).collect()
}

fn origin_row(tenant: TenantId, hash: RuleHash, origin: &Origin) -> rule_origin::Model {
    rule_origin::Model {
        tenant_id: tenant.0,
        rule_hash: hash.0.to_vec(),
        kind: origin.kind.as_ref().to_owned(),
        key: origin.key.clone(),
        // A part of the primary key, so absent is empty. No module or section has an empty key.
        module: origin.module.clone().unwrap_or_default(),
        section: origin.section.clone().unwrap_or_default(),
        note: origin.note.clone(),
    }
}

pub(super) fn origin_of(row: rule_origin::Model) -> Result<(RuleHash, Origin)> {
    let hash = row.rule_hash.try_into().map_err(|_| Error::internal("a rule's hash has 16 bytes"))?;
    let origin = Origin {
        kind: stored(row.kind.parse())?,
        key: row.key,
        module: Some(row.module).filter(|module| !module.is_empty()),
        section: Some(row.section).filter(|section| !section.is_empty()),
        note: row.note,
    };
    Ok((RuleHash(hash), origin))
}
