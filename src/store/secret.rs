//! Each tenant's secret, from which its pseudonyms are made (R37).

use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, IntoActiveModel};

use super::entity::secret::tenant_secret;
use super::{Scope, Store};
use crate::domain::key::TenantId;
use crate::error::{Error, Result};

impl Scope {
    /// Returns the tenant's secret, if it has one yet.
    pub async fn secret(&self) -> Result<Option<[u8; 32]>> {
        let Some(row) = self.find::<tenant_secret::Entity>().one(&self.db).await? else { return Ok(None) };
        let secret = row.secret.try_into().map_err(|_| Error::internal("a tenant's secret has 32 bytes"))?;
        Ok(Some(secret))
    }
}

impl Store {
    /// Keeps a tenant's secret, unless it has one: of several who come at the same time one is
    /// the first, and [`Scope::secret`] tells whose it was.
    pub async fn keep_secret(&self, tenant: TenantId, secret: [u8; 32]) -> Result<()> {
        let _permit = self.writer(tenant).await?;
        let row = tenant_secret::Model { tenant_id: tenant.0, secret: secret.to_vec() };
        tenant_secret::Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::column(tenant_secret::Column::TenantId).do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await?;
        Ok(())
    }
}
