//! Custom roles as people look at them. Their grants are read apart: they may be many.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, Select};
use uuid::Uuid;

use super::Scope;
use super::entity::role::{role, role_permission};
use super::page::{Keyset, Page, PageOf, search_named};
use super::state;
use crate::domain::key::RoleKey;
use crate::domain::role::CustomRole;
use crate::error::Result;

impl Scope {
    /// Reads a page of the custom roles by name, each whole but for its grants.
    pub async fn roles(&self, text: Option<&str>, page: &Page) -> Result<PageOf<CustomRole>> {
        let by_name = Keyset::ascending([role::Column::SortKey, role::Column::Key]);
        let rows = by_name.page(&self.db, self.select_roles(text), page).await?;
        let mut whole = self.assemble_roles(rows.items.iter().map(|(_, row)| row.clone()).collect()).await?;
        rows.try_map(|row| match whole.remove(row.key.as_str()) {
            Some(role) => Ok(role),
            None => state::role::of(row),
        })
    }

    /// Counts the custom roles that the text finds.
    pub async fn roles_count(&self, text: Option<&str>) -> Result<u64> {
        Ok(self.select_roles(text).count(&self.db).await?)
    }

    fn select_roles(&self, text: Option<&str>) -> Select<role::Entity> {
        use role::Column::{Description, Key, SortKey};
        self.find::<role::Entity>().filter(search_named(&self.db, text, SortKey, &[Key, Description]))
    }

    /// Reads the custom roles of these keys, each whole but for its grants, in no order.
    pub async fn roles_by_keys(&self, keys: &[RoleKey]) -> Result<Vec<CustomRole>> {
        let these = role::Column::Key.is_in(keys.iter().map(RoleKey::as_str));
        let rows = self.find::<role::Entity>().filter(these).all(&self.db).await?;
        Ok(self.assemble_roles(rows).await?.into_values().collect())
    }

    /// Reads the custom role of this internal id, whole but for its grants.
    pub async fn role_by_id(&self, id: Uuid) -> Result<Option<CustomRole>> {
        let rows = self.find::<role::Entity>().filter(role::Column::Id.eq(id)).all(&self.db).await?;
        Ok(self.assemble_roles(rows).await?.into_values().next())
    }

    async fn assemble_roles(&self, rows: Vec<role::Model>) -> Result<BTreeMap<RoleKey, CustomRole>> {
        if rows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
        let permissions = role_permission::Column::Role.is_in(keys.iter().map(String::as_str));
        let permissions = self.find::<role_permission::Entity>().filter(permissions).all(&self.db).await?;
        state::role::assemble(rows, permissions, Vec::new())
    }
}
