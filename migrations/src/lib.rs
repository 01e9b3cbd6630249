//! The database schema, one for `SQLite` and `PostgreSQL` alike.
//!
//! Each migration leaves a schema with which the code before it and the code after it both work,
//! so that instances can be replaced one by one. Foreign keys carry the tenant: the database
//! itself keeps tenants apart.

use sea_orm_migration::prelude::*;

mod initial;
mod m0002_password_reset;
mod m0003_avatar;
mod m0004_tenant_secret;
mod m0005_profile_import;
mod m0006_last_change;
mod m0007_audit_chain;
mod m0008_whole_states;
mod m0009_named_counters;
mod m0010_write_probes;
mod m0011_resource_links;
mod m0012_sort_keys;
mod m0013_credential_steps;
mod table;

/// All migrations, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(initial::Initial),
            Box::new(m0002_password_reset::PasswordReset),
            Box::new(m0003_avatar::Avatar),
            Box::new(m0004_tenant_secret::TenantSecret),
            Box::new(m0005_profile_import::ProfileImport),
            Box::new(m0006_last_change::LastChange),
            Box::new(m0007_audit_chain::AuditChain),
            Box::new(m0008_whole_states::WholeStates),
            Box::new(m0009_named_counters::NamedCounters),
            Box::new(m0010_write_probes::WriteProbes),
            Box::new(m0011_resource_links::ResourceLinks),
            Box::new(m0012_sort_keys::SortKeys),
            Box::new(m0013_credential_steps::CredentialSteps),
        ]
    }
}
