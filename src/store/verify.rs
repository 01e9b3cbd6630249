//! Everything that a verification of a tenant's rules compares, of one moment.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::QueryOrder;

use super::entity::policy::{rule, rule_origin};
use super::policy::origin_of;
use super::tenant::{TenantRow, find_row};
use super::{Scope, begin_reading, find, state};
use crate::domain::tenant::TenantState;
use crate::error::Result;
use crate::policy::rule::{Origin, RuleHash};

/// A tenant's state, and the rules that are stored with it.
#[derive(Debug, Clone)]
pub struct StoredPolicy {
    /// The tenant's row.
    pub tenant: TenantRow,
    /// The state.
    pub state: TenantState,
    /// The rules, in the order in which they were written.
    pub rules: Vec<StoredRule>,
    /// Origins of the rules, by the rules' digests.
    pub origins: BTreeMap<RuleHash, BTreeSet<Origin>>,
}

/// A rule as its row has it, whether or not it can be read as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRule {
    /// `p` or `g`, and the values behind it.
    pub line: Vec<String>,
    /// Its digest.
    pub hash: Vec<u8>,
}

impl Scope {
    /// Returns the tenant's state and its rules, of one moment; `None` when the tenant is gone.
    pub async fn stored_policy(&self) -> Result<Option<StoredPolicy>> {
        let db = begin_reading(&self.db).await?;
        let Some(tenant) = find_row(&db, self.tenant).await? else { return Ok(None) };
        let rules = find::<rule::Entity>(self.tenant).order_by_asc(rule::Column::Id).all(&db).await?;
        let mut origins: BTreeMap<RuleHash, BTreeSet<Origin>> = BTreeMap::new();
        for row in find::<rule_origin::Entity>(self.tenant).all(&db).await? {
            let (hash, origin) = origin_of(row)?;
            origins.entry(hash).or_default().insert(origin);
        }
        Ok(Some(StoredPolicy {
            state: state::load(&db, &tenant).await?,
            tenant,
            rules: rules.into_iter().map(stored_rule).collect(),
            origins,
        }))
    }
}

fn stored_rule(row: rule::Model) -> StoredRule {
    let values = [row.v0, row.v1, row.v2, row.v3, row.v4, row.v5].into_iter().map_while(|value| value);
    StoredRule { line: std::iter::once(row.ptype).chain(values).collect(), hash: row.hash }
}
