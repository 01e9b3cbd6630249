//! A tenant's whole state: reading it, and writing what differs between two of them. Each
//! concept's file says how its rows and its domain type become each other.

use super::db::Transaction;
use super::entity::Tenanted;
use super::entity::tenant::licence;
use super::error::stored;
use super::tenant::{TenantRow, find_row};
use super::{Scope, begin_reading, find};
use crate::domain::key::{ModuleKey, TenantId};
use crate::domain::tenant::TenantState;
use crate::error::Result;
use crate::policy::revision::Counters;

pub(super) mod group;
pub(super) mod profile;
pub(super) mod resource;
pub(super) mod role;
pub(super) mod user;
mod write;

/// Reads the state: one query for each table.
pub(super) async fn load(db: &Transaction, tenant: &TenantRow) -> Result<TenantState> {
    let licences = all::<licence::Entity>(db, tenant.id).await?;
    Ok(TenantState {
        key: tenant.key.clone(),
        licensed: licences.iter().map(|row| stored(ModuleKey::parse(&row.module))).collect::<Result<_>>()?,
        settings: tenant.settings,
        users: user::load(db, tenant.id).await?,
        profiles: profile::load(db, tenant.id).await?.into_iter().collect(),
        roles: role::load(db, tenant.id).await?.into_iter().collect(),
        groups: group::load(db, tenant.id).await?.into_iter().collect(),
        resources: resource::load(db, tenant.id).await?.into_iter().collect(),
    })
}

/// Returns all rows of one table that belong to the tenant.
async fn all<E: Tenanted>(db: &Transaction, tenant: TenantId) -> Result<Vec<E::Model>> {
    Ok(find::<E>(tenant).all(db).await?)
}

impl Scope {
    /// Returns the tenant's state with the counters that it was at, of one moment and without taking the tenant: for
    /// looking at what a change would do. `None` when the tenant is gone.
    pub async fn state(&self) -> Result<Option<(Counters, TenantState)>> {
        let db = begin_reading(&self.db).await?;
        let Some(tenant) = find_row(&db, self.tenant).await? else { return Ok(None) };
        Ok(Some((tenant.counters, load(&db, &tenant).await?)))
    }
}
