//! The rules of one tenant for casbin's own `Enforcer`, read where they are stored.
//!
//! It is for programs that link this crate to decide by stock Casbin, and for tests. The platform
//! itself decides by its engine.

use async_trait::async_trait;
use casbin::error::AdapterError;
use casbin::{Adapter, Filter, Model};
use sea_orm::{ColumnTrait, Condition};

use super::entity::policy::rule::Column;
use super::policy::read_lines;
use super::{Scope, begin_reading};
use crate::error::Error;

/// The values of a row of the table, in their order.
const VALUES: [Column; 6] = [Column::V0, Column::V1, Column::V2, Column::V3, Column::V4, Column::V5];

/// Message of every refused write.
const COMPILED: &str = "rules are compiled: change profiles, roles and groups through Bailiwick";

/// A `casbin::Adapter` over the stored rules of one tenant, to be read and never written: rules are
/// compiled from the tenant's state, and whatever wrote one here would be undone, or stand beside what
/// administrators see. Each load is of one moment, and gives the columns as they are stored, in the
/// order of the built-in model: `sub, dom, obj, act, eft` and `member, role, dom`. A tenant that is not
/// there has no rule, so that everything is denied.
///
/// # Examples
///
/// ```no_run
/// use bailiwick::domain::key::TenantKey;
/// use bailiwick::engine::MODEL;
/// use bailiwick::store::{Store, TenantAdapter};
/// use casbin::{CoreApi, DefaultModel, Enforcer};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::connect("sqlite://bailiwick.db", 2).await?;
/// let tenant = store.tenant_by_key(&TenantKey::parse("demo")?).await?.ok_or("no such tenant")?;
/// let adapter = TenantAdapter::new(store.scope(tenant.id));
/// let enforcer = Enforcer::new(DefaultModel::from_str(MODEL).await?, adapter).await?;
/// assert!(enforcer.enforce(("user:dana", "demo", "voice/queues/sales", "read"))?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TenantAdapter {
    scope: Scope,
    is_filtered: bool,
}

impl TenantAdapter {
    /// Returns an adapter that reads the rules of this tenant.
    pub const fn new(scope: Scope) -> Self {
        Self { scope, is_filtered: false }
    }

    async fn load(&self, model: &mut dyn Model, fitting: &Condition) -> casbin::Result<()> {
        let db = begin_reading(&self.scope.db).await.map_err(failed)?;
        let read = read_lines(&db, self.scope.tenant, fitting, |ptype, values| {
            // In Casbin `p` and `g` are both the section and the kind of a line.
            model.add_policy(ptype, ptype, values.iter().map(|value| (*value).to_owned()).collect());
            Ok(())
        });
        read.await.map_err(failed)
    }
}

#[async_trait]
impl Adapter for TenantAdapter {
    async fn load_policy(&mut self, model: &mut dyn Model) -> casbin::Result<()> {
        self.is_filtered = false;
        self.load(model, &Condition::all()).await
    }

    /// Loads the lines that have the filter's values at their places; an empty value fits any. A
    /// value at a place that no line has fits none.
    async fn load_filtered_policy<'a>(&mut self, model: &mut dyn Model, filter: Filter<'a>) -> casbin::Result<()> {
        self.is_filtered = filter.p.iter().chain(&filter.g).any(|value| !value.is_empty());
        let fitting = Condition::any().add(lines("p", &filter.p)).add(lines("g", &filter.g));
        self.load(model, &fitting).await
    }

    async fn save_policy(&mut self, _model: &mut dyn Model) -> casbin::Result<()> {
        Err(compiled())
    }

    async fn clear_policy(&mut self) -> casbin::Result<()> {
        Err(compiled())
    }

    /// Returns `true` if the last load was filtered, and so may have left lines out.
    fn is_filtered(&self) -> bool {
        self.is_filtered
    }

    async fn add_policy(&mut self, _sec: &str, _ptype: &str, _rule: Vec<String>) -> casbin::Result<bool> {
        Err(compiled())
    }

    async fn add_policies(&mut self, _sec: &str, _ptype: &str, _rules: Vec<Vec<String>>) -> casbin::Result<bool> {
        Err(compiled())
    }

    async fn remove_policy(&mut self, _sec: &str, _ptype: &str, _rule: Vec<String>) -> casbin::Result<bool> {
        Err(compiled())
    }

    async fn remove_policies(&mut self, _sec: &str, _ptype: &str, _rules: Vec<Vec<String>>) -> casbin::Result<bool> {
        Err(compiled())
    }

    async fn remove_filtered_policy(
        &mut self,
        _sec: &str,
        _ptype: &str,
        _field_index: usize,
        _field_values: Vec<String>,
    ) -> casbin::Result<bool> {
        Err(compiled())
    }
}

/// Returns the condition for the lines of one kind that have these values at their places.
fn lines(ptype: &str, values: &[&str]) -> Condition {
    let wanted = values.iter().enumerate().filter(|(_, value)| !value.is_empty());
    wanted.fold(Condition::all().add(Column::Ptype.eq(ptype)), |lines, (place, value)| match VALUES.get(place) {
        Some(column) => lines.add(column.eq(*value)),
        // No row is without its kind.
        None => lines.add(Column::Ptype.is_null()),
    })
}

fn compiled() -> casbin::Error {
    AdapterError(COMPILED.into()).into()
}

/// Returns a fault of the database in words that show nothing of it.
fn failed(error: impl Into<Error>) -> casbin::Error {
    AdapterError(Box::new(error.into())).into()
}
