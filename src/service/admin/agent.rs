//! Managers of agents (R34): a user who may not touch users can be given agents to manage, and never another user. An
//! agent is a user and a resource in one; here the one is kept to the other.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::Change;
use crate::domain::key::{Object, ResourceKey, SectionKey, UserKey};
use crate::domain::name::Name;
use crate::domain::resource::NewResource;
use crate::domain::user::{BaseRole, User, UserChange};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::reach::Reach;
use crate::policy::rule::{BuiltIn, Subject};
use crate::service::Platform;
use crate::service::access::permit::{Permit, is_self, subject_of};
use crate::service::change::ChangeDraft;
use crate::service::change::state_cache::LoadedState;
use crate::store::Scope;
use crate::store::View;
use crate::store::page::{Page, PageOf};
use crate::store::user::{UserFilter, UserOrder, UserRow};

/// Number of names that are looked up at once.
const NAMES_MAX: usize = 1000;

impl Permit {
    /// Returns the permit to create users, or agents alone.
    pub fn create_users() -> Self {
        Self::USERS_EDIT.or(Object::from(&SectionKey::agents()))
    }

    /// Returns the permit to change this user, also as the agent that they are.
    pub fn change_user(key: &UserKey) -> Self {
        Self::USERS_EDIT.or(Object::agent(key))
    }

    /// Returns the permit to delete this user, also as the agent that they are.
    pub fn delete_user(key: &UserKey) -> Self {
        Self::USERS_DELETE.or(Object::agent(key))
    }
}

/// The users that a caller may see: all, or the agents in reach.
pub(in crate::service) struct VisibleUsers {
    /// The tenant's reads.
    pub(in crate::service) scope: Scope,
    agents: Option<Reach>,
}

impl VisibleUsers {
    /// Returns whether the caller sees this user.
    pub(in crate::service) fn contains(&self, user: &User) -> bool {
        self.contains_key(&user.key) && (self.agents.is_none() || user.base_role == BaseRole::Agent)
    }

    /// Returns whether the caller sees the user of this key, if that is an agent.
    pub(in crate::service) fn contains_key(&self, key: &UserKey) -> bool {
        self.agents.as_ref().is_none_or(|reach| reach.holds(key.as_str()))
    }

    /// Returns whether the caller sees a user that a policy names.
    pub(in crate::service) fn contains_in(&self, policy: &TenantPolicy, key: &UserKey) -> bool {
        let is_agent = || policy.snapshot.holds(&Subject::User(key.clone()), &Subject::Role(BuiltIn::Agent));
        self.agents.is_none() || self.contains_key(key) && (is_agent() || policy.disabled.contains(key))
    }

    /// Returns a page of the visible users that the filter finds.
    pub(in crate::service) async fn users(
        &self,
        filter: &UserFilter,
        order: UserOrder,
        page: &Page,
    ) -> Result<PageOf<UserRow>> {
        match &self.agents {
            None => self.scope.users(filter, order, page).await,
            Some(reach) => self.scope.agents(filter, reach, order, page).await,
        }
    }

    /// Counts the users that the filter finds among these, which the caller sees.
    pub(in crate::service) async fn count_among(&self, keys: &[UserKey], filter: &UserFilter) -> Result<u64> {
        match (&self.agents, filter.base_role) {
            (Some(_), Some(other)) if other != BaseRole::Agent => Ok(0),
            (Some(_), _) => {
                let agents = UserFilter { base_role: Some(BaseRole::Agent), ..filter.clone() };
                self.scope.users_among_count(keys, &agents).await
            }
            (None, _) => self.scope.users_among_count(keys, filter).await,
        }
    }

    /// Counts the visible users that the filter finds.
    pub(in crate::service) async fn users_count(&self, filter: &UserFilter) -> Result<u64> {
        match &self.agents {
            None => self.scope.users_count(filter).await,
            Some(reach) => self.scope.agents_count(filter, reach).await,
        }
    }
}

impl Platform {
    /// Returns the users that the caller may see; refused when there can be none.
    pub(in crate::service) async fn visible_users(&self, caller: &Caller) -> Result<VisibleUsers> {
        let (tenant, agents) = self.authorise_part(caller, Permit::USERS_READ, &SectionKey::agents()).await?;
        Ok(VisibleUsers { scope: tenant.scope(), agents })
    }

    /// Registers, renames and removes the agents as the users of the draft are made, renamed and
    /// removed, whatever use case does it. Those that are no resource yet become one with the
    /// next change that reads the whole tenant.
    pub(in crate::service) async fn follow_agents(
        &self,
        caller: &Caller,
        view: &View,
        found: &LoadedState,
        draft: &mut ChangeDraft<'_>,
    ) -> Result<()> {
        let before = &found.state;
        let mut due: BTreeSet<&UserKey> = draft.state.agents_made(draft.catalogue, before).into_iter().collect();
        if !found.is_followed {
            due.extend(draft.state.agents_unregistered(draft.catalogue));
        }
        let mut names: BTreeMap<UserKey, Name> = BTreeMap::new();
        for (user, account) in &draft.accounts {
            names.extend(account.full_name.iter().map(|name| (user.clone(), name.clone())));
        }
        names.extend(draft.new_accounts.iter().map(|(user, account)| (user.clone(), account.full_name.clone())));
        let unnamed: Vec<UserKey> = due.into_iter().filter(|user| !names.contains_key(*user)).cloned().collect();
        let scope = self.beside(view);
        for some in unnamed.chunks(NAMES_MAX) {
            for row in scope.users_by_keys(some).await? {
                names.insert(row.user.key, Name::stored(row.full_name));
            }
        }
        let agent = |(user, name): (UserKey, Name)| {
            let key = ResourceKey::parse(user.as_str())?;
            Ok(NewResource { id: Uuid::now_v7(), key, name, protected: false, members: None })
        };
        let agents = names.into_iter().map(agent).collect::<Result<_>>()?;
        let creator = Some(caller.user()).filter(|user| is_self(caller, user));
        draft.state.follow_agents(draft.catalogue, before, agents, creator, draft.now)
    }
}

/// Returns the agents that the caller may do it to, when the permit is for no other user.
pub(in crate::service) fn supervised(caller: &Caller, policy: &TenantPolicy, permit: &Permit) -> Result<Option<Reach>> {
    let subject = subject_of(caller);
    if caller.is_system() || permit.is_held_whole(policy, &subject)? {
        return Ok(None);
    }
    Ok(Some(policy.snapshot.reach(&subject, &Object::from(&SectionKey::agents()), &permit.action())))
}

impl ChangeDraft<'_> {
    /// Refuses a caller who may make agents alone and makes another user. They take no agent over that the host has
    /// registered, unless they may change that one.
    pub(in crate::service) fn check_supervised_new(
        &self,
        key: &UserKey,
        base_role: BaseRole,
        access: &UserChange,
    ) -> Result<()> {
        let Some(reach) = &self.supervised else { return Ok(()) };
        check_plain_agent(base_role, access)?;
        if self.state.resources.contains_key(&Object::agent(key)) && !reach.holds(key.as_str()) {
            return Err(Error::new(ErrorCode::AlreadyExists, format!("the username `{key}` is taken")).at("username"));
        }
        Ok(())
    }

    /// Refuses a caller who may change agents alone and changes another user, or gives an agent anything. Any other
    /// user is to them as if it were not there.
    pub(in crate::service) fn check_supervised(&self, key: &UserKey, access: &UserChange) -> Result<()> {
        if self.supervised.is_none() {
            return Ok(());
        }
        if !self.state.is_agent(key.as_str()) {
            return Err(Error::not_found("user", key).at("key"));
        }
        if access.base_role.is_some_and(|role| role != BaseRole::Agent) {
            return Err(beyond("baseRole"));
        }
        // The whole list, whatever is in it: neither may it take the agent out of a group.
        if access.groups.is_some() {
            return Err(beyond("groups"));
        }
        check_gives_nothing(access)
    }
}

/// Refuses a new user who is no agent, or who is given anything: a supervisor makes only plain agents. It takes no look
/// at what there is to give.
pub(in crate::service) fn check_plain_agent(base_role: BaseRole, access: &UserChange) -> Result<()> {
    if base_role != BaseRole::Agent {
        return Err(beyond("baseRole"));
    }
    if access.groups.as_ref().is_some_and(|groups| !groups.is_empty()) {
        return Err(beyond("groups"));
    }
    check_gives_nothing(access)
}

fn check_gives_nothing(access: &UserChange) -> Result<()> {
    if matches!(access.profile, Change::Set(_)) {
        return Err(beyond("profile"));
    }
    if matches!(access.role, Change::Set(_)) {
        return Err(beyond("customRole"));
    }
    Ok(())
}

fn beyond(field: &str) -> Error {
    Error::new(
        ErrorCode::BeyondOwnRights,
        format!("you may manage agents, and give them no profile, role, group or other base role: leave `{field}` out"),
    )
    .at(field)
}
