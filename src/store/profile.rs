//! User profiles as people look at them. The manual lists are read apart, a page at a time.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, PaginatorTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::Scope;
use super::entity::profile::{profile, profile_module, profile_resource, profile_section};
use super::entity::resource::resource;
use super::error::stored;
use super::page::{Keyset, Page, PageOf, search_named};
use super::state;
use crate::domain::key::{ProfileKey, ResourceKey, SectionKey};
use crate::domain::profile::Profile;
use crate::domain::resource::Resource;
use crate::error::Result;

impl Scope {
    /// Returns a page of the profiles by name, each with its overrides and sections but with empty lists.
    pub async fn profiles(&self, text: Option<&str>, page: &Page) -> Result<PageOf<Profile>> {
        let by_name = Keyset::ascending([profile::Column::SortKey, profile::Column::Key]);
        let rows = by_name.page(&self.db, self.select_profiles(text), page).await?;
        let keys: Vec<&str> = rows.items.iter().map(|(_, row)| row.key.as_str()).collect();
        let mut whole = self.assemble_profiles(rows.items.iter().map(|(_, row)| row.clone()).collect(), &keys).await?;
        rows.try_map(|row| match whole.remove(row.key.as_str()) {
            Some(profile) => Ok(profile),
            None => state::profile::of(row),
        })
    }

    /// Counts the profiles that the text finds.
    pub async fn profiles_count(&self, text: Option<&str>) -> Result<u64> {
        Ok(self.select_profiles(text).count(&self.db).await?)
    }

    fn select_profiles(&self, text: Option<&str>) -> Select<profile::Entity> {
        use profile::Column::{Description, Key, SortKey};
        self.find::<profile::Entity>().filter(search_named(&self.db, text, SortKey, &[Key, Description]))
    }

    /// Returns the profiles of these keys, each with its overrides and sections but with empty lists, in no order.
    pub async fn profiles_by_keys(&self, keys: &[ProfileKey]) -> Result<Vec<Profile>> {
        let keys: Vec<&str> = keys.iter().map(ProfileKey::as_str).collect();
        let these = profile::Column::Key.is_in(keys.iter().copied());
        let rows = self.find::<profile::Entity>().filter(these).all(&self.db).await?;
        Ok(self.assemble_profiles(rows, &keys).await?.into_values().collect())
    }

    /// Returns the profile of this internal id, with empty lists.
    pub async fn profile_by_id(&self, id: Uuid) -> Result<Option<Profile>> {
        let Some(row) = self.find::<profile::Entity>().filter(profile::Column::Id.eq(id)).one(&self.db).await? else {
            return Ok(None);
        };
        let key = row.key.clone();
        Ok(self.assemble_profiles(vec![row], &[&key]).await?.into_values().next())
    }

    async fn assemble_profiles(
        &self,
        rows: Vec<profile::Model>,
        keys: &[&str],
    ) -> Result<std::collections::BTreeMap<ProfileKey, Profile>> {
        if rows.is_empty() {
            return Ok(std::collections::BTreeMap::new());
        }
        let modules = profile_module::Column::Profile.is_in(keys.iter().copied());
        let sections = profile_section::Column::Profile.is_in(keys.iter().copied());
        let modules = self.find::<profile_module::Entity>().filter(modules).all(&self.db).await?;
        let sections = self.find::<profile_section::Entity>().filter(sections).all(&self.db).await?;
        state::profile::assemble(rows, modules, sections, Vec::new())
    }

    /// Counts the resources on the manual lists of these profiles, by section. Protected ones, which every profile
    /// has, do not count; a section with none is not in the answer.
    pub async fn association_counts(&self, profiles: &[ProfileKey]) -> Result<HashMap<(ProfileKey, SectionKey), u64>> {
        use profile_resource::Column::{Profile, Section};
        let rows: Vec<(String, String, i64)> = self
            .find::<profile_resource::Entity>()
            .select_only()
            .column(Profile)
            .column(Section)
            .column_as(profile_resource::Column::Resource.count(), "n")
            .filter(Profile.is_in(profiles.iter().map(ProfileKey::as_str)))
            .filter(Expr::exists(self.listed_resource(false)))
            .group_by(Profile)
            .group_by(Section)
            .into_tuple()
            .all(&self.db)
            .await?;
        rows.into_iter()
            .map(|(profile, section, n)| {
                Ok(((stored(ProfileKey::parse(&profile))?, stored(SectionKey::parse(&section))?), n.cast_unsigned()))
            })
            .collect()
    }

    /// Returns a query for the resource that a row of a manual list names, if it is protected as said.
    fn listed_resource(&self, protected: bool) -> SelectStatement {
        use resource::Column::{Key, Protected, Section, TenantId};
        let of = |column: profile_resource::Column| (profile_resource::Entity, column);
        Query::select()
            .expr(Expr::val(1))
            .from(resource::Entity)
            .and_where(TenantId.eq(self.tenant.0))
            .and_where(Expr::col((resource::Entity, Section)).equals(of(profile_resource::Column::Section)))
            .and_where(Expr::col((resource::Entity, Key)).equals(of(profile_resource::Column::Resource)))
            .and_where(Protected.eq(protected))
            .take()
    }

    /// Returns a page of a section's resources that the profile has: all when it takes them automatically, else those
    /// on its list; and the protected ones. Without their members.
    pub async fn profile_resources(
        &self,
        profile: &ProfileKey,
        section: &SectionKey,
        text: Option<&str>,
        page: &Page,
    ) -> Result<PageOf<Resource>> {
        let select = self.select_associated(profile, section, text, true);
        by_key().page(&self.db, select, page).await?.try_map(|row| state::resource::of(&row))
    }

    /// Counts the resources of a section that the profile has and the text finds.
    pub async fn profile_resources_count(
        &self,
        profile: &ProfileKey,
        section: &SectionKey,
        text: Option<&str>,
    ) -> Result<u64> {
        Ok(self.select_associated(profile, section, text, true).count(&self.db).await?)
    }

    /// Returns a page of a section's resources that the profile does not have. Without their members.
    pub async fn available_resources(
        &self,
        profile: &ProfileKey,
        section: &SectionKey,
        text: Option<&str>,
        page: &Page,
    ) -> Result<PageOf<Resource>> {
        let select = self.select_associated(profile, section, text, false);
        by_key().page(&self.db, select, page).await?.try_map(|row| state::resource::of(&row))
    }

    /// Counts the resources of a section that the profile does not have and the text finds.
    pub async fn available_resources_count(
        &self,
        profile: &ProfileKey,
        section: &SectionKey,
        text: Option<&str>,
    ) -> Result<u64> {
        Ok(self.select_associated(profile, section, text, false).count(&self.db).await?)
    }

    /// Returns the ones among these resources that stand on the profile's manual list of the section.
    pub async fn listed(
        &self,
        profile: &ProfileKey,
        section: &SectionKey,
        keys: &[ResourceKey],
    ) -> Result<Vec<ResourceKey>> {
        use profile_resource::Column::{Profile, Resource, Section};
        let rows = self
            .find::<profile_resource::Entity>()
            .filter(Profile.eq(profile.as_str()))
            .filter(Section.eq(section.as_str()))
            .filter(Resource.is_in(keys.iter().map(ResourceKey::as_str)))
            .all(&self.db)
            .await?;
        rows.iter().map(|row| stored(ResourceKey::parse(&row.resource))).collect()
    }

    fn select_associated(
        &self,
        profile: &ProfileKey,
        section: &SectionKey,
        text: Option<&str>,
        associated: bool,
    ) -> Select<resource::Entity> {
        use profile_resource::Column as Listed;
        use profile_section::Column as Configured;
        let listed = Query::select()
            .column(Listed::Resource)
            .from(profile_resource::Entity)
            .and_where(Listed::TenantId.eq(self.tenant.0))
            .and_where(Listed::Profile.eq(profile.as_str()))
            .and_where(Listed::Section.eq(section.as_str()))
            .take();
        let automatic = Query::select()
            .expr(Expr::val(1))
            .from(profile_section::Entity)
            .and_where(Configured::TenantId.eq(self.tenant.0))
            .and_where(Configured::Profile.eq(profile.as_str()))
            .and_where(Configured::Section.eq(section.as_str()))
            .and_where(Configured::Automatic.eq(true))
            .take();
        let has = Condition::any()
            .add(resource::Column::Protected.eq(true))
            .add(resource::Column::Key.in_subquery(listed))
            .add(Expr::exists(automatic));
        self.find::<resource::Entity>()
            .filter(resource::Column::Section.eq(section.as_str()))
            .filter(if associated { has } else { has.not() })
            .filter(search_named(&self.db, text, resource::Column::SortKey, &[resource::Column::Key]))
    }
}

fn by_key() -> Keyset<resource::Column> {
    Keyset::ascending([resource::Column::Key])
}
