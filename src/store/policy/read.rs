//! Rules as people look at them: a page at a time, and where each came from.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, Order, Query, SelectStatement, WindowStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait as _, ExprTrait as _, FromQueryResult, Iterable as _, PaginatorTrait,
    QueryFilter, Select,
};

use super::{BATCH, origin_of};
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::policy::rule::{Origin, Rule, RuleHash};
use crate::store::Scope;
use crate::store::entity::policy::{rule, rule_origin};
use crate::store::error::stored;
use crate::store::page::{Keyset, Page, PageOf, search};

/// Filter of the listed rules.
#[derive(Debug, Clone, Default)]
pub struct RuleFilter {
    /// `p` or `g`; both when absent.
    pub ptype: Option<String>,
    /// Text in a subject, an object or an action.
    pub search: Option<String>,
}

impl RuleFilter {
    /// Returns `true` if the filter finds this rule as it would find it stored: by its values, the tenant's own key
    /// aside.
    pub fn holds(&self, rule: &Rule, tenant: &TenantKey) -> bool {
        let values = rule.values(tenant);
        let searched: &[usize] = if rule.ptype() == "p" { &[0, 2, 3] } else { &[0, 1] };
        let mut searched = searched.iter().filter_map(|place| values.get(*place));
        let text = self.search.as_deref().unwrap_or_default().to_lowercase();
        self.ptype.as_deref().is_none_or(|ptype| ptype == rule.ptype())
            && searched.any(|value| value.to_lowercase().contains(&text))
    }
}

/// A rule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Its number in the table.
    pub id: i64,
    /// The rule.
    pub rule: Rule,
}

/// Origins of a rule, as far as they are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstOrigins {
    /// The first of its origins, in order.
    pub first: Vec<Origin>,
    /// The number of all of them.
    pub count: u64,
}

/// The column of an origin's place among those of its rule.
const PLACE: &str = "place";
/// The column of how many those are.
const COUNT: &str = "origins_of_rule";

impl Scope {
    /// Returns a page of the rules, in the order in which they were written.
    pub async fn rules(&self, filter: &RuleFilter, page: &Page) -> Result<PageOf<RuleRow>> {
        let by_id = Keyset::ascending([rule::Column::Id]);
        by_id.page(&self.db, self.select_rules(filter), page).await?.try_map(|row| row_of(&row))
    }

    /// Counts the rules that the filter finds.
    pub async fn rules_count(&self, filter: &RuleFilter) -> Result<u64> {
        Ok(self.select_rules(filter).count(&self.db).await?)
    }

    fn select_rules(&self, filter: &RuleFilter) -> Select<rule::Entity> {
        use rule::Column::{Ptype, V0, V1, V2, V3};
        let text = filter.search.as_deref();
        // The tenant's own key stands in `v1` of a `p` rule and `v2` of a `g` rule: not searched.
        let p = Condition::all().add(Ptype.eq("p")).add(search(&self.db, text, &[V0, V2, V3]));
        let g = Condition::all().add(Ptype.eq("g")).add(search(&self.db, text, &[V0, V1]));
        let select = self.find::<rule::Entity>().filter(Condition::any().add(p).add(g));
        match &filter.ptype {
            Some(ptype) => select.filter(Ptype.eq(ptype.as_str())),
            None => select,
        }
    }

    /// Finds where these rules came from: the first `most` origins of each, in order, and how many there
    /// are. A rule that is not there is not in the answer.
    pub async fn origins(&self, rules: &[RuleHash], most: u32) -> Result<HashMap<RuleHash, FirstOrigins>> {
        let mut found: HashMap<RuleHash, FirstOrigins> = HashMap::with_capacity(rules.len());
        for batch in rules.chunks(BATCH) {
            for row in self.db.query_all(&self.first_origins(batch, most)).await? {
                let count: i64 = row.try_get("", COUNT)?;
                let (hash, origin) = origin_of(rule_origin::Model::from_query_result(&row, "")?)?;
                let origins = found.entry(hash).or_default();
                origins.first.push(origin);
                origins.count = count.cast_unsigned();
            }
        }
        for origins in found.values_mut() {
            origins.first.sort();
        }
        Ok(found)
    }

    /// Returns a query for the first `most` origins of each rule, with the number of all of them.
    fn first_origins(&self, rules: &[RuleHash], most: u32) -> SelectStatement {
        use rule_origin::Column::{Key, Kind, Module, Note, RuleHash, Section, TenantId};
        let of_rule = WindowStatement::partition_by(RuleHash);
        let mut in_order = of_rule.clone();
        for column in [Kind, Key, Module, Section, Note] {
            in_order.order_by(column, Order::Asc);
        }
        let origins = Query::select()
            .columns(rule_origin::Column::iter())
            .expr_window_as(Expr::cust("ROW_NUMBER()"), in_order, PLACE)
            .expr_window_as(Expr::cust("COUNT(*)"), of_rule, COUNT)
            .from(rule_origin::Entity)
            .and_where(Expr::col(TenantId).eq(self.tenant.0))
            .and_where(Expr::col(RuleHash).is_in(rules.iter().map(|hash| hash.0.to_vec())))
            .take();
        let mut query = Query::select();
        query
            .columns(rule_origin::Column::iter())
            .column(COUNT)
            .from_subquery(origins, "origins")
            .and_where(Expr::col(PLACE).lte(i64::from(most)));
        query
    }
}

fn row_of(row: &rule::Model) -> Result<RuleRow> {
    let columns = [&row.v0, &row.v1, &row.v2, &row.v3, &row.v4, &row.v5];
    let values: Vec<&str> = columns.into_iter().map_while(|value| value.as_deref()).collect();
    let domain = if row.ptype == "p" { &row.v1 } else { &row.v2 };
    let tenant = domain.as_deref().ok_or_else(|| Error::internal("a rule without a domain"))?;
    let tenant = stored(TenantKey::parse(tenant))?;
    Ok(RuleRow { id: row.id, rule: stored(Rule::from_values(&row.ptype, &values, &tenant))? })
}
