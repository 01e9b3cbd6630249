//! The grants of custom roles as people look at them: they may be many, so they are read in pages.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, Order, OverStatement as _, Query, SelectStatement, WindowStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, ExprTrait as _, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect,
    Select,
};

use super::Scope;
use super::entity::role::role_grant;
use super::error::stored;
use super::page::{Keyset, Page, PageOf};
use super::state::role::grant_of;
use crate::domain::key::RoleKey;
use crate::domain::role::Grant;
use crate::error::Result;

/// The custom roles that have a grant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// The first of them, by key.
    pub first: Vec<RoleKey>,
    /// The number of all of them.
    pub count: u64,
}

impl Scope {
    /// Reads a page of the grants of these custom roles. A grant stands in the list once, however many of
    /// the roles have it.
    pub async fn grants(&self, roles: &[RoleKey], page: &Page) -> Result<PageOf<Grant>> {
        use role_grant::Column::{Action, Effect, Object};
        let in_order = Keyset::ascending([Object, Action, Effect]);
        let found = in_order.page(&self.db, self.select_grants(roles), page).await?;
        found.try_map(|row| stored(grant_of(&row)))
    }

    /// Counts the grants of these custom roles, each once.
    pub async fn grants_count(&self, roles: &[RoleKey]) -> Result<u64> {
        Ok(self.select_grants(roles).count(&self.db).await?)
    }

    fn select_grants(&self, roles: &[RoleKey]) -> Select<role_grant::Entity> {
        use role_grant::Column::{Action, Effect, Object, Role, TenantId};
        let columns = [TenantId, Object, Action, Effect];
        let theirs = self.find::<role_grant::Entity>().filter(Role.is_in(roles.iter().map(RoleKey::as_str)));
        columns
            .into_iter()
            .fold(theirs.select_only().columns(columns).column_as(Role.min(), "role"), |select, column| {
                select.group_by(column)
            })
    }

    /// Reads the holders among these custom roles of each grant of a page, as [`Scope::grants`] gave it:
    /// the first `most` by key, and how many there are.
    pub async fn holders_of_grants(
        &self,
        roles: &[RoleKey],
        page: &PageOf<Grant>,
        most: u32,
    ) -> Result<BTreeMap<Grant, Holders>> {
        let (Some((_, first)), Some((_, last))) = (page.items.first(), page.items.last()) else {
            return Ok(BTreeMap::new());
        };
        let mut found: BTreeMap<Grant, Holders> = BTreeMap::new();
        for row in self.db.query_all(&self.first_holders(roles, (first, last), most)).await? {
            let count: i64 = row.try_get("", COUNT)?;
            let row = role_grant::Model::from_query_result(&row, "")?;
            let holders = found.entry(stored(grant_of(&row))?).or_default();
            holders.first.push(stored(RoleKey::parse(&row.role))?);
            holders.count = count.cast_unsigned();
        }
        Ok(found)
    }

    /// Returns a query for the first `most` roles of each grant between two, with the number of all of them.
    fn first_holders(&self, roles: &[RoleKey], (first, last): (&Grant, &Grant), most: u32) -> SelectStatement {
        use role_grant::Column::{Action, Effect, Object, Role, TenantId};
        let columns = [TenantId, Role, Object, Action, Effect];
        let mut of_grant = WindowStatement::partition_by(Object);
        of_grant.partition_by_columns([Action, Effect]);
        let mut by_role = of_grant.clone();
        by_role.order_by(Role, Order::Asc);
        let grant = || Expr::tuple([Object, Action, Effect].map(Expr::col));
        let place = |grant: &Grant| {
            Expr::tuple([grant.object.as_str(), grant.action.as_str(), grant.effect.as_ref()].map(Expr::val))
        };
        let held = Query::select()
            .columns(columns)
            .expr_window_as(Expr::cust("ROW_NUMBER()"), by_role, PLACE)
            .expr_window_as(Expr::cust("COUNT(*)"), of_grant, COUNT)
            .from(role_grant::Entity)
            .and_where(Expr::col(TenantId).eq(self.tenant.0))
            .and_where(Expr::col(Role).is_in(roles.iter().map(RoleKey::as_str)))
            .and_where(grant().gte(place(first)))
            .and_where(grant().lte(place(last)))
            .take();
        let mut query = Query::select();
        query
            .columns(columns)
            .column(COUNT)
            .from_subquery(held, "held")
            .and_where(Expr::col(PLACE).lte(i64::from(most)))
            .order_by(PLACE, Order::Asc);
        query
    }
}

/// The column of a role's place among those that have the same grant.
const PLACE: &str = "place";
/// The column of how many those are.
const COUNT: &str = "held_by";
