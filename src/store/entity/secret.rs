//! `tenant_secrets`

use super::entity;

entity! {
    /// Secret that a tenant's pseudonyms are made from.
    tenant_secret = "tenant_secrets" {
        #[sea_orm(primary_key, auto_increment = false)]
        tenant_id: Uuid,
        secret: Vec<u8>,
    }
}
