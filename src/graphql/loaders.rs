//! Loaders: rows that many fields of one answer ask for one by one are read in one query. A loader lives as long as
//! one operation, so its cache is never stale.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};

use super::group::Group;
use super::history::PolicyRevision;
use super::node::Node;
use super::payload::if_seen;
use super::profile::Profile;
use super::role::Role;
use super::session::ApiKey;
use super::user::User;
use crate::auth::caller::Caller;
use crate::domain::key::{GroupKey, ProfileKey, RoleKey, SectionKey, TenantId, UserKey};
use crate::domain::role::RoleRef;
use crate::error::{Error, Related, Result};
use crate::service::admin::profile::{Inventory, ModuleRow, ProfileRow};
use crate::service::admin::role::RoleRow;
use crate::service::ask::menu::Entries;
use crate::service::policy::difference::Difference;
use crate::service::policy::rules::{Origins, Rule};
use crate::service::{Page, PageOf, Platform};

/// The platform and the caller for whom the loaders read.
pub(super) struct Source {
    platform: Platform,
    caller: Caller,
}

/// The loaders of one operation.
pub(super) struct Loaders {
    loader: DataLoader<Source>,
}

/// Declares a key type of the loader and the way its values are read.
macro_rules! load {
    ($(#[$meta:meta])* $key:ident($inner:ty) -> $value:ty, |$source:ident, $keys:ident| $read:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        struct $key($inner);

        impl Loader<$key> for Source {
            type Value = $value;
            type Error = Error;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>> {
                let $source = self;
                let $keys: Vec<$inner> = keys.iter().map(|key| key.0.clone()).collect();
                Ok($read)
            }
        }
    };
}

load!(
    /// A user.
    UserOf(UserKey) -> User, |source, keys| {
        let tenant = source.caller.tenant().id;
        let found = source.platform.user_list_by_keys(&source.caller, &keys).await?;
        found.into_iter().map(|row| (UserOf(row.user.key.clone()), User::new(tenant, row))).collect()
    }
);
load!(
    /// A profile.
    ProfileOf(ProfileKey) -> Profile, |source, keys| {
        let found = source.platform.profile_list_by_keys(&source.caller, &keys).await?;
        found.into_iter().map(|row| (ProfileOf(row.profile.key.clone()), Profile::new(row))).collect()
    }
);
load!(
    /// A role.
    RoleOf(RoleRef) -> Arc<RoleRow>, |source, keys| {
        let found = source.platform.role_list_by_refs(&source.caller, &keys).await?;
        let key = |row: &RoleRow| RoleRef::parse(&row.key).map(RoleOf);
        found.into_iter().map(|row| Ok((key(&row)?, Arc::new(row)))).collect::<Result<_>>()?
    }
);
load!(
    /// A page of the groups of a user.
    GroupsOf((UserKey, Page)) -> PageOf<Group>, |source, keys| {
        let mut of = Vec::new();
        for (page, users) in by_page(keys) {
            let found = source.platform.group_list_of_users(&source.caller, &users, &page).await?;
            of.extend(found.into_iter().map(|(user, groups)| ((user, page.clone()), groups)));
        }
        let wanted: BTreeSet<GroupKey> = of.iter().flat_map(|(_, page)| &page.items).map(|(_, key)| key.clone()).collect();
        let wanted: Vec<GroupKey> = wanted.into_iter().collect();
        let found = source.platform.group_list_by_keys(&source.caller, &wanted).await?;
        let found: HashMap<GroupKey, Group> = found.into_iter().map(|one| (one.key.clone(), Group::new(one))).collect();
        of.into_iter().map(|(user, keys)| (GroupsOf(user), keys.filter_map(|key| found.get(&key).cloned()))).collect()
    }
);
load!(
    /// A group.
    GroupOf(GroupKey) -> Group, |source, keys| {
        let found = source.platform.group_list_by_keys(&source.caller, &keys).await?;
        found.into_iter().map(|group| (GroupOf(group.key.clone()), Group::new(group))).collect()
    }
);
load!(
    /// The number of members of a group.
    MembersOf(GroupKey) -> u64, |source, keys| {
        let found = source.platform.group_member_counts(&source.caller, &keys).await?;
        found.into_iter().map(|(key, count)| (MembersOf(key), count)).collect()
    }
);
load!(
    /// The number of users who hold a profile.
    HoldersOf(ProfileKey) -> u64, |source, keys| {
        let found = source.platform.profile_users(&source.caller, &keys).await?;
        found.into_iter().map(|(key, count)| (HoldersOf(key), count)).collect()
    }
);
load!(
    /// The number of users who hold a custom role.
    RoleHoldersOf(RoleKey) -> u64, |source, keys| {
        let found = source.platform.role_users(&source.caller, &keys).await?;
        found.into_iter().map(|(key, count)| (RoleHoldersOf(key), count)).collect()
    }
);
load!(
    /// The number of users of a built-in role: there are few such roles, so a query each is a fixed number.
    BuiltInHoldersOf(String) -> u64, |source, keys| {
        let mut found = HashMap::new();
        for key in keys {
            let count = source.platform.role_built_in_users(&source.caller, &key).await?;
            found.insert(BuiltInHoldersOf(key), count);
        }
        found
    }
);
load!(
    /// The resources that can stand in menus as entries, identical for all users.
    EntriesOf(TenantId) -> Arc<Entries>, |source, keys| {
        let entries = Arc::new(source.platform.menu_entries(&source.caller).await?);
        keys.into_iter().map(|tenant| (EntriesOf(tenant), Arc::clone(&entries))).collect()
    }
);
load!(
    /// The stored data of a user's API key.
    ApiKeyOf(UserKey) -> ApiKey, |source, keys| {
        let found = source.platform.api_keys(&source.caller, &keys).await?;
        found.into_iter().map(|(user, row)| (ApiKeyOf(user), row.into())).collect()
    }
);
load!(
    /// The address of a user's avatar.
    AvatarOf(UserKey) -> String, |source, keys| {
        let found = source.platform.avatar_urls(&source.caller, &keys).await?;
        found.into_iter().map(|(user, url)| (AvatarOf(user), url)).collect()
    }
);
load!(
    /// The modules of a tenant's licence.
    LicenceOf(TenantId) -> Vec<String>, |source, keys| {
        let catalogue = source.platform.catalogue().modules();
        let found = source.platform.tenant_licences(&source.caller, &keys).await?;
        let in_order = |licensed: BTreeSet<_>| {
            catalogue.iter().filter(|module| licensed.contains(&module.key)).map(|module| module.key.to_string()).collect()
        };
        found.into_iter().map(|(tenant, licensed)| (LicenceOf(tenant), in_order(licensed))).collect()
    }
);
load!(
    /// The inventory from which the states of a profile's modules are computed.
    InventoryOf(ProfileKey) -> Arc<Inventory>, |source, keys| {
        let inventory = Arc::new(source.platform.profile_inventory(&source.caller, &keys).await?);
        keys.into_iter().map(|key| (InventoryOf(key), Arc::clone(&inventory))).collect()
    }
);
load!(
    /// The origins of a rule.
    OriginsOf(Rule) -> Origins, |source, keys| {
        let found = source.platform.rule_origins(&source.caller, &keys).await?;
        let of = |rule: Rule| Some((OriginsOf(rule.clone()), found.get(&rule.hash()).cloned()?));
        keys.into_iter().filter_map(of).collect()
    }
);

load!(
    /// The revision since which a rule has held, for a rule that holds at the given revision.
    BroughtBy((Rule, u64)) -> u64, |source, keys| {
        let mut by_revision: BTreeMap<u64, Vec<Rule>> = BTreeMap::new();
        for (rule, revision) in keys {
            by_revision.entry(revision).or_default().push(rule);
        }
        let mut found = HashMap::new();
        for (at, rules) in by_revision {
            let brought = source.platform.brought_by(&source.caller, &rules, at).await?;
            found.extend(brought.into_iter().map(|(rule, revision)| (BroughtBy((rule, at)), revision)));
        }
        found
    }
);
load!(
    /// The difference of two revisions.
    DifferenceOf((u64, u64)) -> Difference, |source, keys| {
        let mut found = HashMap::new();
        for (from, to) in keys {
            found.insert(DifferenceOf((from, to)), source.platform.policy_diff(&source.caller, from, to).await?);
        }
        found
    }
);
load!(
    /// A revision.
    RevisionOf(u64) -> PolicyRevision, |source, keys| {
        let found = source.platform.policy_revision_list_by_numbers(&source.caller, &keys).await?;
        found.into_iter().map(|(number, head)| (RevisionOf(number), PolicyRevision::new(head))).collect()
    }
);

/// Returns the users of whose groups each page is wanted.
fn by_page(keys: Vec<(UserKey, Page)>) -> HashMap<Page, Vec<UserKey>> {
    let mut by_page: HashMap<Page, Vec<UserKey>> = HashMap::new();
    for (user, page) in keys {
        by_page.entry(page).or_default().push(user);
    }
    by_page
}

impl Loaders {
    pub(super) fn new(platform: &Platform, caller: &Caller) -> Self {
        let source = Source { platform: platform.clone(), caller: caller.clone() };
        Self { loader: DataLoader::new(source, tokio::spawn) }
    }

    async fn one<K>(&self, key: K) -> Result<Option<<Source as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Source: Loader<K, Error = Error>,
    {
        self.loader.load_one(key).await
    }

    pub(super) async fn user(&self, key: &UserKey) -> Result<Option<User>> {
        self.one(UserOf(key.clone())).await
    }

    pub(super) async fn profile(&self, key: &ProfileKey) -> Result<Option<Profile>> {
        self.one(ProfileOf(key.clone())).await
    }

    /// Loads the profiles of these keys, in their order.
    pub(super) async fn profiles(&self, keys: &[ProfileKey]) -> Result<Vec<Profile>> {
        let mut found = self.loader.load_many(keys.iter().cloned().map(ProfileOf)).await?;
        Ok(keys.iter().filter_map(|key| found.remove(&ProfileOf(key.clone()))).collect())
    }

    pub(super) async fn custom_role(&self, key: &RoleKey) -> Result<Option<Role>> {
        Ok(self.one(RoleOf(RoleRef::Custom(key.clone()))).await?.map(Role::new))
    }

    /// Loads the roles that `refs` name, in their order.
    pub(super) async fn roles(&self, refs: Vec<RoleRef>) -> Result<Vec<Arc<RoleRow>>> {
        let mut found = self.loader.load_many(refs.iter().cloned().map(RoleOf)).await?;
        Ok(refs.into_iter().filter_map(|role| found.remove(&RoleOf(role))).collect())
    }

    /// Loads a page of roles; roles deleted in the meantime are left out.
    pub(super) async fn page_of_roles(&self, refs: PageOf<RoleRef>) -> Result<PageOf<Arc<RoleRow>>> {
        let wanted = refs.items.iter().map(|(_, role)| RoleOf(role.clone()));
        let mut found = self.loader.load_many(wanted).await?;
        Ok(refs.filter_map(|role| found.remove(&RoleOf(role))))
    }

    pub(super) async fn role_users(&self, row: &RoleRow) -> Result<u64> {
        if !row.custom {
            return Ok(self.one(BuiltInHoldersOf(row.key.clone())).await?.unwrap_or(0));
        }
        Ok(self.one(RoleHoldersOf(RoleKey::parse(&row.key)?)).await?.unwrap_or(0))
    }

    pub(super) async fn menu_entries(&self) -> Result<Arc<Entries>> {
        Ok(self.one(EntriesOf(self.loader.loader().caller.tenant().id)).await?.unwrap_or_default())
    }

    pub(super) async fn groups_of(&self, user: &UserKey, page: Page) -> Result<PageOf<Group>> {
        Ok(self.one(GroupsOf((user.clone(), page))).await?.unwrap_or(PageOf::empty()))
    }

    pub(super) async fn group_members(&self, key: &GroupKey) -> Result<u64> {
        Ok(self.one(MembersOf(key.clone())).await?.unwrap_or(0))
    }

    pub(super) async fn profile_users(&self, key: &ProfileKey) -> Result<u64> {
        Ok(self.one(HoldersOf(key.clone())).await?.unwrap_or(0))
    }

    pub(super) async fn api_key(&self, user: &UserKey) -> Result<Option<ApiKey>> {
        self.one(ApiKeyOf(user.clone())).await
    }

    pub(super) async fn avatar_url(&self, user: &UserKey) -> Result<Option<String>> {
        if_seen(self.one(AvatarOf(user.clone())).await)
    }

    pub(super) async fn licence(&self, tenant: TenantId) -> Result<Vec<String>> {
        Ok(self.one(LicenceOf(tenant)).await?.unwrap_or_default())
    }

    pub(super) async fn profile_modules(&self, row: &ProfileRow) -> Result<Vec<ModuleRow>> {
        let inventory = self.one(InventoryOf(row.profile.key.clone())).await?.unwrap_or_default();
        Ok(self.loader.loader().platform.profile_modules(row, &inventory))
    }

    pub(super) async fn profile_resources(&self, row: &ProfileRow, section: &SectionKey) -> Result<u64> {
        let inventory = self.one(InventoryOf(row.profile.key.clone())).await?.unwrap_or_default();
        Ok(inventory.associated(&row.profile, section))
    }

    pub(super) async fn origins(&self, rule: &Rule) -> Result<Option<Origins>> {
        self.one(OriginsOf(rule.clone())).await
    }

    /// Loads the difference of two revisions: once, however many fields of an operation ask for it.
    pub(super) async fn difference(&self, from: u64, to: u64) -> Result<Difference> {
        let found = self.one(DifferenceOf((from, to))).await?;
        found.ok_or_else(|| Error::internal("a difference that was not found out"))
    }

    /// Loads the newest of the revisions that brought these rules, which hold at `revision`; `None` if all of them
    /// have held since before the log begins.
    pub(super) async fn since(&self, rules: Vec<Rule>, revision: u64) -> Result<Option<PolicyRevision>> {
        let keys = rules.into_iter().map(|rule| BroughtBy((rule, revision)));
        let newest = self.loader.load_many(keys).await?.into_values().max();
        match newest {
            Some(number) => self.one(RevisionOf(number)).await,
            None => Ok(None),
        }
    }

    /// Loads the things that an error names, in its order; those that are deleted or that the caller may not see are
    /// left out.
    pub(super) async fn related(&self, related: &[Related]) -> Result<Vec<Node>> {
        let mut users = Vec::new();
        let mut groups = Vec::new();
        for one in related {
            match one {
                Related::User(key) => users.push(UserOf(UserKey::parse(key)?)),
                Related::Group(key) => groups.push(GroupOf(GroupKey::parse(key)?)),
            }
        }
        let mut found_users = if_seen(self.loader.load_many(users.clone()).await)?;
        let mut found_groups = if_seen(self.loader.load_many(groups.clone()).await)?;
        let users = users.iter().filter_map(|key| found_users.remove(key)).map(Node::User);
        let groups = groups.iter().filter_map(|key| found_groups.remove(key)).map(Node::Group);
        Ok(users.chain(groups).collect())
    }
}
