//! Resources, with what is in the containers among them.

use std::collections::{BTreeMap, BTreeSet};

use super::all;
use crate::domain::key::{Object, ResourceKey, SectionKey, TenantId, UserKey};
use crate::domain::letters;
use crate::domain::map::{Differing, Map};
use crate::domain::name::{Name, Timestamp};
use crate::domain::resource::Resource;
use crate::error::Result;
use crate::store::db::Transaction;
use crate::store::entity::resource::{resource, resource_member};
use crate::store::error::stored;
use crate::store::write::Rows;

/// Reads all resources of a tenant.
pub(super) async fn load(db: &Transaction, tenant: TenantId) -> Result<BTreeMap<Object, Resource>> {
    assemble(&all::<resource::Entity>(db, tenant).await?, all::<resource_member::Entity>(db, tenant).await?)
}

/// Puts resources together from their rows.
pub(in crate::store) fn assemble(
    resources: &[resource::Model],
    members: Vec<resource_member::Model>,
) -> Result<BTreeMap<Object, Resource>> {
    let mut found: BTreeMap<Object, Resource> =
        resources.iter().map(|row| of(row).map(|resource| (resource.object(), resource))).collect::<Result<_>>()?;
    for row in members {
        let member = stored(Object::parse(&row.member))?;
        if let Some(resource) = found.get_mut(format!("{}/{}", row.section, row.resource).as_str()) {
            resource.members.insert(member);
        }
    }
    Ok(found)
}

/// Returns a resource without its members.
pub(in crate::store) fn of(row: &resource::Model) -> Result<Resource> {
    Ok(Resource {
        id: row.id,
        section: stored(SectionKey::parse(&row.section))?,
        key: stored(ResourceKey::parse(&row.key))?,
        name: Name::stored(row.name.clone()),
        protected: row.protected,
        members: BTreeSet::new(),
        created_by: row.created_by.as_deref().map(UserKey::parse).transpose().map_err(crate::error::Error::internal)?,
        created_at: Timestamp(row.created_at),
    })
}

/// Differences between two states in the resources' tables.
#[derive(Debug, Default)]
pub(super) struct ResourceRows {
    pub(super) resources: Rows<resource::Entity>,
    pub(super) members: Rows<resource_member::Entity>,
}

impl ResourceRows {
    /// Deletes what is gone below those that stay.
    pub(super) async fn delete_below(&self, db: &Transaction) -> Result<()> {
        self.members.delete(db).await
    }

    /// Writes what is new or changed.
    pub(super) async fn put(&mut self, db: &Transaction) -> Result<()> {
        self.resources.put(db).await?;
        self.members.put(db).await
    }
}

/// Returns the rows that differ. The rows under a resource that is gone go with it.
pub(super) fn difference(
    tenant: TenantId,
    before: &Map<Object, Resource>,
    after: &Map<Object, Resource>,
) -> ResourceRows {
    let mut rows = ResourceRows::default();
    let none = BTreeSet::new();
    for Differing { was, is, .. } in before.differing(after) {
        rows.resources.one(was, is, |resource| row(tenant, resource));
        let Some(resource) = is else { continue };
        let members = was.map_or(&none, |old| &old.members);
        rows.members.set(members, &resource.members, |member| resource_member::Model {
            tenant_id: tenant.0,
            section: resource.section.to_string(),
            resource: resource.key.to_string(),
            member: member.to_string(),
        });
    }
    rows
}

fn row(tenant: TenantId, resource: &Resource) -> resource::Model {
    resource::Model {
        tenant_id: tenant.0,
        section: resource.section.to_string(),
        key: resource.key.to_string(),
        id: resource.id,
        name: resource.name.to_string(),
        sort_key: letters::searched(resource.name.as_str()),
        sort_key_of: resource.name.to_string(),
        protected: resource.protected,
        created_by: resource.created_by.as_ref().map(ToString::to_string),
        created_at: resource.created_at.0,
    }
}
