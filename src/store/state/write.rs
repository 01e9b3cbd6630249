//! Writing what differs between two states of a tenant.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, QueryFilter};

use super::{group, profile, resource, role, user};
use crate::domain::key::{TenantId, UserKey};
use crate::domain::map::Map;
use crate::domain::name::Name;
use crate::domain::tenant::TenantState;
use crate::error::Result;
use crate::store::Tx;
use crate::store::db::Transaction;
use crate::store::entity::Tenanted;
use crate::store::entity::group::group as group_entity;
use crate::store::entity::role::role as role_entity;
use crate::store::entity::tenant::licence;
use crate::store::tenant::write_settings;
use crate::store::user::NewAccount;
use crate::store::write::Rows;

impl Tx {
    /// Writes the rows that differ between two states, and no others. `before` is the
    /// state as it is stored; `accounts` holds the accounts of the users that are new.
    pub async fn write_state(
        &mut self,
        before: &TenantState,
        after: &TenantState,
        accounts: &BTreeMap<UserKey, NewAccount>,
    ) -> Result<()> {
        let (db, id) = (&self.db, self.tenant.id);
        if before.settings != after.settings {
            write_settings(db, id, &after.settings).await?;
        }
        write_licences(db, id, before, after).await?;
        let mut profiles = profile::difference(id, &before.profiles, &after.profiles);
        let mut roles = role::difference(id, &before.roles, &after.roles);
        let mut groups = group::difference(id, &before.groups, &after.groups);
        let mut resources = resource::difference(id, &before.resources, &after.resources);

        // What refers goes before that which it refers to, and comes after it.
        groups.delete_below(db).await?;
        groups.groups.delete(db).await?;
        user::delete_gone(db, id, &before.users, &after.users).await?;
        profiles.delete_below(db).await?;
        roles.delete_below(db).await?;
        resources.delete_below(db).await?;
        resources.resources.delete(db).await?;
        release_names(db, id, before, after).await?;

        resources.put(db).await?;
        profiles.put(db).await?;
        roles.put(db).await?;
        self.insert_users(&before.users, &after.users, accounts).await?;
        let db = &self.db;
        user::update_changed(db, id, &before.users, &after.users).await?;
        groups.put(db).await?;

        // Only now does no user hold them any more.
        profiles.profiles.delete(db).await?;
        roles.roles.delete(db).await
    }
}

async fn write_licences(db: &Transaction, id: TenantId, before: &TenantState, after: &TenantState) -> Result<()> {
    let mut rows = Rows::<licence::Entity>::default();
    rows.set(&before.licensed, &after.licensed, |module| licence::Model {
        tenant_id: id.0,
        module: module.to_string(),
    });
    rows.delete(db).await?;
    rows.put(db).await
}

/// Replaces the names that are given up, first of all, by something that no name can be: two things may swap their
/// names in one change, or a new one may take that of one that goes.
async fn release_names(db: &Transaction, id: TenantId, before: &TenantState, after: &TenantState) -> Result<()> {
    use crate::store::entity::profile::profile as profile_entity;
    use {group_entity::Column as Group, profile_entity::Column as Profile, role_entity::Column as Role};

    let profiles = given_up(&before.profiles, &after.profiles, |profile| &profile.name);
    release::<profile_entity::Entity>(db, id, Profile::Key, Profile::Name, &profiles).await?;
    let roles = given_up(&before.roles, &after.roles, |role| &role.name);
    release::<role_entity::Entity>(db, id, Role::Key, Role::Name, &roles).await?;
    let groups = given_up(&before.groups, &after.groups, |group| &group.name);
    release::<group_entity::Entity>(db, id, Group::Key, Group::Name, &groups).await
}

/// Returns the keys whose names other keys have afterwards.
fn given_up<'a, K, V>(before: &'a Map<K, V>, after: &'a Map<K, V>, name: fn(&V) -> &Name) -> BTreeSet<&'a str>
where
    K: Ord + Clone + Borrow<str>,
    V: Clone + PartialEq,
{
    let changed = || before.differing(after);
    let taken: BTreeMap<&Name, &K> = changed().filter_map(|it| Some((name(it.is?), it.key))).collect();
    let had = changed().filter_map(|it| Some((name(it.was?), it.key)));
    had.filter(|(name, key)| taken.get(name).is_some_and(|now| now != key)).map(|(_, key)| key.borrow()).collect()
}

async fn release<E: Tenanted>(
    db: &Transaction,
    id: TenantId,
    key: E::Column,
    name: E::Column,
    keys: &BTreeSet<&str>,
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    E::update_many()
        .col_expr(name, Expr::val("\u{1}").binary(sea_orm::sea_query::BinOper::Custom("||"), Expr::col(key)))
        .filter(E::TENANT.eq(id.0))
        .filter(key.is_in(keys.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}
