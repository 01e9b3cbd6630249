//! Resources as people look at them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use sea_orm::sea_query::{BinOper, CaseStatement, Expr, ExprTrait, Func, Order};
use sea_orm::{ColumnTrait, Condition, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::Scope;
use super::entity::resource::{resource, resource_member};
use super::error::stored;
use super::page::{Keyset, Page, PageOf, search_named};
use super::reach::{listed, within};
use super::state;
use crate::domain::key::{Object, SectionKey};
use crate::domain::resource::Resource;
use crate::error::Result;
use crate::policy::reach::{Candidates, Reach};

/// A part of the list of all resources, which is in the order of their sections and keys.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Beginning of the part: the object of a resource, which need not exist.
    pub low: Bound<Object>,
    /// End of the part.
    pub high: Bound<Object>,
    /// `true` if the part is read from its end.
    pub backward: bool,
}

/// Number of resources in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceCount {
    /// All resources of the section.
    pub total: u64,
    /// Resources that every profile has.
    pub protected: u64,
}

impl Scope {
    /// Returns a page of the resources of a section, or of all sections, by key. Without their members.
    pub async fn resources(
        &self,
        section: Option<&SectionKey>,
        text: Option<&str>,
        page: &Page,
    ) -> Result<PageOf<Resource>> {
        let by_object = Keyset::ascending([resource::Column::Section, resource::Column::Key]);
        by_object
            .page(&self.db, self.select_resources(section, text), page)
            .await?
            .try_map(|row| state::resource::of(&row))
    }

    /// Counts the resources of a section, or of all sections, that the text finds.
    pub async fn resources_count(&self, section: Option<&SectionKey>, text: Option<&str>) -> Result<u64> {
        Ok(self.select_resources(section, text).count(&self.db).await?)
    }

    /// Returns a page of the resources of a section that are in reach, by key. Without their members.
    pub async fn resources_within(
        &self,
        section: &SectionKey,
        reach: &Reach,
        text: Option<&str>,
        page: &Page,
    ) -> Result<PageOf<Resource>> {
        let by_key = Keyset::ascending([resource::Column::Key]);
        by_key
            .page(&self.db, self.select_within(section, reach, text), page)
            .await?
            .try_map(|row| state::resource::of(&row))
    }

    /// Counts the resources of a section that are in reach and the text finds.
    pub async fn resources_within_count(&self, section: &SectionKey, reach: &Reach, text: Option<&str>) -> Result<u64> {
        Ok(self.select_within(section, reach, text).count(&self.db).await?)
    }

    fn select_within(&self, section: &SectionKey, reach: &Reach, text: Option<&str>) -> Select<resource::Entity> {
        self.select_resources(Some(section), text).filter(within(&self.db, resource::Column::Key, reach))
    }

    fn select_resources(&self, section: Option<&SectionKey>, text: Option<&str>) -> Select<resource::Entity> {
        let found = self.find::<resource::Entity>().filter(search_named(
            &self.db,
            text,
            resource::Column::SortKey,
            &[resource::Column::Key],
        ));
        match section {
            Some(section) => found.filter(resource::Column::Section.eq(section.as_str())),
            None => found,
        }
    }

    /// Returns the first objects of a stretch of the candidates, at most `limit`, in its direction.
    pub async fn objects_among(&self, these: &Candidates, stretch: &Stretch, limit: u64) -> Result<Vec<Object>> {
        use resource::Column::{Key, Section};
        let object = Section.into_expr().binary(BinOper::Custom("||"), Expr::val("/"));
        let object = object.binary(BinOper::Custom("||"), Key.into_expr());
        let any = Condition::any()
            .add(Section.into_expr().in_subquery(listed(&self.db, &serde_json::json!(these.sections))))
            .add(object.in_subquery(listed(&self.db, &serde_json::json!(these.resources))));
        let mut select = self.find::<resource::Entity>().filter(any);
        for (bound, is_low) in [(&stretch.low, true), (&stretch.high, false)] {
            if let Some(inside) = inside(bound, is_low) {
                select = select.filter(inside);
            }
        }
        let order = if stretch.backward { Order::Desc } else { Order::Asc };
        let select = select.order_by(Section, order.clone()).order_by(Key, order).limit(limit);
        let rows: Vec<(String, String)> =
            select.select_only().column(Section).column(Key).into_tuple().all(&self.db).await?;
        rows.iter().map(|(section, key)| stored(Object::parse(&format!("{section}/{key}")))).collect()
    }

    /// Returns the first resources of a section by name, at most `limit`. Without their members.
    pub async fn first_resources(&self, section: &SectionKey, limit: u64) -> Result<Vec<Resource>> {
        let rows = self
            .select_resources(Some(section), None)
            .order_by_asc(resource::Column::SortKey)
            .order_by_asc(resource::Column::Key)
            .limit(limit)
            .all(&self.db)
            .await?;
        rows.iter().map(state::resource::of).collect()
    }

    /// Returns these resources with their members, in no order; one that is not there is not in the answer.
    pub async fn resources_by_objects(&self, objects: &[Object]) -> Result<Vec<Resource>> {
        let asked: HashSet<(SectionKey, String)> = objects
            .iter()
            .filter_map(|object| object.as_resource().map(|(section, key)| (section, key.as_str().to_owned())))
            .collect();
        let sections: HashSet<&str> = asked.iter().map(|(section, _)| section.as_str()).collect();
        let keys: Vec<&str> = asked.iter().map(|(_, key)| key.as_str()).collect();
        // Each section with each key is more than was asked for; the rest is left out here.
        let these = self
            .find::<resource::Entity>()
            .filter(resource::Column::Section.is_in(sections.iter().copied()))
            .filter(resource::Column::Key.is_in(keys.iter().copied()));
        let rows = these.all(&self.db).await?;
        let members = self
            .find::<resource_member::Entity>()
            .filter(resource_member::Column::Section.is_in(sections.iter().copied()))
            .filter(resource_member::Column::Resource.is_in(keys.iter().copied()))
            .all(&self.db)
            .await?;
        let mut found: BTreeMap<Object, Resource> = state::resource::assemble(&rows, members)?;
        found.retain(|_, resource| asked.contains(&(resource.section.clone(), resource.key.as_str().to_owned())));
        Ok(found.into_values().collect())
    }

    /// Returns the resource of this internal id, with its members.
    pub async fn resource_by_id(&self, id: Uuid) -> Result<Option<Resource>> {
        let row = self.find::<resource::Entity>().filter(resource::Column::Id.eq(id)).one(&self.db).await?;
        let Some(resource) = row.as_ref().map(state::resource::of).transpose()? else { return Ok(None) };
        Ok(self.resources_by_objects(&[resource.object()]).await?.into_iter().next())
    }

    /// Counts the resources of each section. A section without one is not in the answer.
    pub async fn resource_counts(&self) -> Result<HashMap<SectionKey, ResourceCount>> {
        let protected = CaseStatement::new().case(resource::Column::Protected.eq(true), 1).finally(0);
        let rows: Vec<(String, i64, i64)> = self
            .find::<resource::Entity>()
            .select_only()
            .column(resource::Column::Section)
            .column_as(resource::Column::Key.count(), "total")
            .column_as(Expr::from(Func::sum(protected)), "protected")
            .group_by(resource::Column::Section)
            .into_tuple()
            .all(&self.db)
            .await?;
        rows.into_iter()
            .map(|(section, total, protected)| {
                let count = ResourceCount { total: total.cast_unsigned(), protected: protected.cast_unsigned() };
                Ok((stored(SectionKey::parse(&section))?, count))
            })
            .collect()
    }
}

/// Rows on this side of a bound.
fn inside(bound: &Bound<Object>, is_low: bool) -> Option<Expr> {
    let (Bound::Included(object) | Bound::Excluded(object)) = bound else { return None };
    let (section, key) = object.as_resource()?;
    let row = Expr::tuple([resource::Column::Section.into_expr(), resource::Column::Key.into_expr()]);
    let place = Expr::tuple([Expr::val(section.as_str()), Expr::val(key.as_str())]);
    Some(match (is_low, matches!(bound, Bound::Included(_))) {
        (true, true) => row.gte(place),
        (true, false) => row.gt(place),
        (false, true) => row.lte(place),
        (false, false) => row.lt(place),
    })
}
