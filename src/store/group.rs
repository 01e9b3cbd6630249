//! Groups as people look at them. Their members are read apart: they may be many.

use std::collections::{BTreeMap, HashMap};

use sea_orm::sea_query::{Expr, Order, Query, SelectStatement, WindowStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, ExprTrait as _, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use super::Scope;
use super::entity::group::{group, group_member, group_permission, group_role};
use super::error::stored;
use super::page::{Keyset, Page, PageOf, search_named};
use super::state;
use super::user::{UserFilter, UserOrder, UserRow};
use crate::domain::group::Group;
use crate::domain::key::{GroupKey, RoleKey, UserKey};
use crate::error::Result;
use crate::policy::reach::KeyRange;

/// The field by which a cursor names a group of a user.
const GROUP: &str = "group";

impl Scope {
    /// Returns a page of the groups by name, each whole but for its members.
    pub async fn groups(&self, text: Option<&str>, page: &Page) -> Result<PageOf<Group>> {
        let by_name = Keyset::ascending([group::Column::SortKey, group::Column::Key]);
        let rows = by_name.page(&self.db, self.select_groups(text), page).await?;
        let mut whole = self.assemble_groups(rows.items.iter().map(|(_, row)| row.clone()).collect()).await?;
        rows.try_map(|row| match whole.remove(row.key.as_str()) {
            Some(group) => Ok(group),
            None => state::group::of(&row),
        })
    }

    /// Counts the groups that the text finds.
    pub async fn groups_count(&self, text: Option<&str>) -> Result<u64> {
        Ok(self.select_groups(text).count(&self.db).await?)
    }

    fn select_groups(&self, text: Option<&str>) -> Select<group::Entity> {
        self.find::<group::Entity>().filter(search_named(&self.db, text, group::Column::SortKey, &[group::Column::Key]))
    }

    /// Returns the groups of these keys, each whole but for its members, in no order.
    pub async fn groups_by_keys(&self, keys: &[GroupKey]) -> Result<Vec<Group>> {
        let these = group::Column::Key.is_in(keys.iter().map(GroupKey::as_str));
        let rows = self.find::<group::Entity>().filter(these).all(&self.db).await?;
        Ok(self.assemble_groups(rows).await?.into_values().collect())
    }

    /// Returns the group of this internal id, whole but for its members.
    pub async fn group_by_id(&self, id: Uuid) -> Result<Option<Group>> {
        let rows = self.find::<group::Entity>().filter(group::Column::Id.eq(id)).all(&self.db).await?;
        Ok(self.assemble_groups(rows).await?.into_values().next())
    }

    async fn assemble_groups(&self, rows: Vec<group::Model>) -> Result<BTreeMap<GroupKey, Group>> {
        if rows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
        let roles = group_role::Column::Group.is_in(keys.iter().map(String::as_str));
        let permissions = group_permission::Column::Group.is_in(keys.iter().map(String::as_str));
        let roles = self.find::<group_role::Entity>().filter(roles).all(&self.db).await?;
        let permissions = self.find::<group_permission::Entity>().filter(permissions).all(&self.db).await?;
        state::group::assemble(&rows, roles, permissions)
    }

    /// Returns a page of a group's members by name.
    pub async fn members_of_group(&self, group: &GroupKey, text: Option<&str>, page: &Page) -> Result<PageOf<UserRow>> {
        let members =
            UserFilter { group: Some(group.clone()), search: text.map(ToOwned::to_owned), ..UserFilter::default() };
        self.users(&members, UserOrder::NameAscending, page).await
    }

    /// Reads the same page of the groups that each of these users is in, by key; a user in none is not in
    /// the answer.
    pub async fn group_pages_of_users(
        &self,
        users: &[UserKey],
        page: &Page,
    ) -> Result<HashMap<UserKey, PageOf<GroupKey>>> {
        let part = page.part(GROUP, |key| GroupKey::parse(key).ok())?;
        let mut found: HashMap<UserKey, Vec<GroupKey>> = HashMap::with_capacity(users.len());
        for row in self.db.query_all(&self.first_groups(users, &part, page.sought())).await? {
            let (user, group): (String, String) = (row.try_get("", "user")?, row.try_get("", "group")?);
            found.entry(stored(UserKey::parse(&user))?).or_default().push(stored(GroupKey::parse(&group))?);
        }
        let page_of = |groups| page.of_part(GROUP, groups, GroupKey::to_string);
        Ok(found.into_iter().map(|(user, groups)| (user, page_of(groups))).collect())
    }

    /// Returns a query for the first `most` memberships of each user in a part of the list of groups.
    fn first_groups(&self, users: &[UserKey], part: &KeyRange<GroupKey>, most: usize) -> SelectStatement {
        use group_member::Column::{Group, TenantId, User};
        const PLACE: &str = "place";
        let order = if part.backward { Order::Desc } else { Order::Asc };
        let mut place = WindowStatement::partition_by(User);
        place.order_by(Group, order.clone());
        let members = Query::select()
            .columns([User, Group])
            .expr_window_as(Expr::cust("ROW_NUMBER()"), place, PLACE)
            .from(group_member::Entity)
            .and_where(Expr::col(TenantId).eq(self.tenant.0))
            .and_where(Expr::col(User).is_in(users.iter().map(UserKey::as_str)))
            .and_where_option(part.after.as_ref().map(|after| Expr::col(Group).gt(after.as_str())))
            .and_where_option(part.before.as_ref().map(|before| Expr::col(Group).lt(before.as_str())))
            .take();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut query = Query::select();
        query
            .columns([User, Group])
            .from_subquery(members, "members")
            .and_where(Expr::col(PLACE).lte(most))
            .order_by(Group, order);
        query
    }

    /// Returns the groups that each of these users is in, by key; a user in none is not in the answer.
    pub async fn groups_of_users(&self, users: &[UserKey]) -> Result<HashMap<UserKey, Vec<GroupKey>>> {
        let these = group_member::Column::User.is_in(users.iter().map(UserKey::as_str));
        let select = self.find::<group_member::Entity>().filter(these);
        let rows = select.order_by_asc(group_member::Column::Group).all(&self.db).await?;
        let mut found: HashMap<UserKey, Vec<GroupKey>> = HashMap::with_capacity(users.len());
        for row in rows {
            let group = stored(GroupKey::parse(&row.group))?;
            found.entry(stored(UserKey::parse(&row.user))?).or_default().push(group);
        }
        Ok(found)
    }

    /// Counts the groups that a user is in.
    pub async fn groups_count_of_user(&self, user: &UserKey) -> Result<u64> {
        let theirs = self.find::<group_member::Entity>().filter(group_member::Column::User.eq(user.as_str()));
        Ok(theirs.count(&self.db).await?)
    }

    /// Counts the members of each of these groups; a group without any is not in the answer.
    pub async fn member_counts(&self, groups: &[GroupKey]) -> Result<HashMap<GroupKey, u64>> {
        let rows: Vec<(String, i64)> = self
            .find::<group_member::Entity>()
            .select_only()
            .column(group_member::Column::Group)
            .column_as(group_member::Column::User.count(), "n")
            .filter(group_member::Column::Group.is_in(groups.iter().map(GroupKey::as_str)))
            .group_by(group_member::Column::Group)
            .into_tuple()
            .all(&self.db)
            .await?;
        rows.into_iter().map(|(key, n)| Ok((stored(GroupKey::parse(&key))?, n.cast_unsigned()))).collect()
    }

    /// Counts the groups that carry each of these custom roles; a role that none carries is not in the answer.
    pub async fn role_group_counts(&self, roles: &[RoleKey]) -> Result<HashMap<RoleKey, u64>> {
        let rows: Vec<(String, i64)> = self
            .find::<group_role::Entity>()
            .select_only()
            .column(group_role::Column::Role)
            .column_as(group_role::Column::Group.count(), "n")
            .filter(group_role::Column::Role.is_in(roles.iter().map(RoleKey::as_str)))
            .group_by(group_role::Column::Role)
            .into_tuple()
            .all(&self.db)
            .await?;
        rows.into_iter().map(|(key, n)| Ok((stored(RoleKey::parse(&key))?, n.cast_unsigned()))).collect()
    }
}
