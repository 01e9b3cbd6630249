//! The items that are linked to resources. They are read by the lists that are asked for, and never as
//! a whole.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, PaginatorTrait, QueryFilter, QuerySelect, Select};

use super::entity::resource::{resource, resource_link};
use super::error::stored;
use super::reach::listed;
use super::tx::View;
use super::write::Rows;
use super::{Scope, Tx, find};
use crate::domain::key::{ResourceKey, SectionKey, TenantId};
use crate::domain::link::{LinkDiff, LinkList};
use crate::error::Result;

/// The most lists that one statement asks for: `SQLite` bounds the depth of an expression.
const BATCH: usize = 200;

/// Linked items by list. A list without links is not in it.
pub type Linked = BTreeMap<LinkList, BTreeSet<ResourceKey>>;

impl Scope {
    /// Reads the items that are linked in a list.
    pub async fn linked_items(&self, list: &LinkList) -> Result<BTreeSet<ResourceKey>> {
        Ok(linked(&self.db, self.tenant, &[list]).await?.remove(list).unwrap_or_default())
    }
}

impl View {
    /// Reads the items that are linked in these lists.
    pub async fn linked_items(&self, lists: &[&LinkList]) -> Result<Linked> {
        linked(&self.db, self.tenant.id, lists).await
    }

    /// Counts the tenant's links.
    pub async fn links_count(&self) -> Result<u64> {
        Ok(find::<resource_link::Entity>(self.tenant.id).count(&self.db).await?)
    }

    /// Finds the first of these keys that no resource of the section has.
    pub async fn missing_resource<'k>(
        &self,
        section: &SectionKey,
        keys: &'k BTreeSet<ResourceKey>,
    ) -> Result<Option<&'k ResourceKey>> {
        if keys.is_empty() {
            return Ok(None);
        }
        let these = resource::Column::Key.in_subquery(listed(&self.db, &serde_json::json!(keys)));
        let of_section = find::<resource::Entity>(self.tenant.id)
            .filter(resource::Column::Section.eq(section.as_str()))
            .filter(these);
        let found: Vec<String> =
            of_section.select_only().column(resource::Column::Key).into_tuple().all(&self.db).await?;
        let found: BTreeSet<String> = found.into_iter().collect();
        Ok(keys.iter().find(|key| !found.contains(key.as_str())))
    }
}

impl Tx {
    /// Writes what differs in these lists.
    pub async fn write_links(&mut self, changes: &[(LinkList, LinkDiff)]) -> Result<()> {
        let mut rows = Rows::<resource_link::Entity>::default();
        for (list, diff) in changes {
            rows.set(&diff.unlinked, &diff.linked, |item| resource_link::Model {
                tenant_id: self.tenant.id.0,
                section: list.section.to_string(),
                resource: list.owner.to_string(),
                item_section: list.items.to_string(),
                item: item.to_string(),
            });
        }
        rows.delete(&self.db).await?;
        rows.put(&self.db).await
    }
}

async fn linked(db: &impl ConnectionTrait, tenant: TenantId, lists: &[&LinkList]) -> Result<Linked> {
    let mut found = Linked::new();
    for batch in lists.chunks(BATCH) {
        for row in these(tenant, batch).all(db).await? {
            let list = LinkList {
                section: stored(SectionKey::parse(&row.section))?,
                owner: stored(ResourceKey::parse(&row.resource))?,
                items: stored(SectionKey::parse(&row.item_section))?,
            };
            found.entry(list).or_default().insert(stored(ResourceKey::parse(&row.item))?);
        }
    }
    Ok(found)
}

fn these(tenant: TenantId, lists: &[&LinkList]) -> Select<resource_link::Entity> {
    use resource_link::Column::{ItemSection, Resource, Section};
    let one = |list: &&LinkList| {
        Condition::all()
            .add(Section.eq(list.section.as_str()))
            .add(Resource.eq(list.owner.as_str()))
            .add(ItemSection.eq(list.items.as_str()))
    };
    find(tenant).filter(lists.iter().map(one).fold(Condition::any(), Condition::add))
}
