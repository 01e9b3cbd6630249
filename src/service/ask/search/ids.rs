//! Searches for hosts: bare ids, in long pages. They look at what there is: the users of the tenant,
//! the resources that were registered, what the catalogue names, and what rules name beside. Of that
//! each thing is found that a decision allows, and no other.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::{CHUNK, blocking, catalogued};
use crate::auth::caller::Caller;
use crate::domain::key::{Action, Object, SectionKey, UserKey};
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::reach::{Candidates, KeyRange};
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::{Access, Permit};
use crate::service::ask::decision::About;
use crate::store::Scope;
use crate::store::resource::Stretch;

/// The most that one page holds.
pub const FOUND_MAX: usize = 1000;

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIds<T> {
    /// The things, in the order of the list.
    pub these: Vec<T>,
    /// `true` if more follow.
    pub has_more: bool,
}

impl<T> FoundIds<T> {
    const fn nothing() -> Self {
        Self { these: Vec::new(), has_more: false }
    }

    /// Keeps the first `limit` of them, of which one more was looked for.
    fn of(mut these: Vec<T>, limit: usize) -> Self {
        let has_more = these.len() > limit;
        these.truncate(limit);
        Self { these, has_more }
    }
}

/// The kind of objects that is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The objects that the catalogue names: modules, sections, data views.
    Catalogue,
    /// The objects directly below this path, such as the queues of `voice/queues`.
    Below(Object),
}

impl Kind {
    /// Reads the kind from its name, if there can be one: `section`, or a path.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "section" { Some(Self::Catalogue) } else { Object::of_type(name).ok().map(Self::Below) }
    }

    /// Returns the host's id of an object of this kind; none of an object whose encoding is not the one that its id
    /// would get, which no host can ask about.
    fn id(&self, object: &Object) -> Option<String> {
        match self {
            Self::Catalogue => Some(object.to_string()),
            Self::Below(path) => object.id_below(path),
        }
    }
}

impl Platform {
    /// Returns the users that may do this, by key, at most `limit` of them after `after`. Needs `read` on
    /// `admin/decisions`: a caller who may ask about each user may ask about all of them, and learns no more than their
    /// keys.
    pub async fn users_allowed(
        &self,
        caller: &Caller,
        action: &Action,
        object: &Object,
        after: Option<&str>,
        limit: usize,
    ) -> Result<FoundIds<UserKey>> {
        let tenant = self.authorise(caller, Permit::DECISIONS_READ).await?;
        let after = after.map(UserKey::parse).transpose()?;
        let policy = Arc::clone(&tenant.policy());
        let (object, action) = (object.clone(), action.clone());
        let part = KeyRange { after, before: None, backward: false };
        let walk = move || policy.who_can(&object, &action, &part).take(limit + 1).collect();
        let users = self.search(tenant.id, walk).await?;
        Ok(FoundIds::of(users, limit))
    }

    /// Returns the objects of a kind on which the subject may do this, each with its place in the list and the host's
    /// id, at most `limit` of them after the place `after`. Callers can ask about themselves; asking about others needs
    /// `read` on `admin/decisions`.
    pub async fn resources_allowed(
        &self,
        caller: &Caller,
        subject: &About,
        action: &Action,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<FoundIds<(String, String)>> {
        let tenant = self.tenant_asked_about(caller, subject).await?;
        let Some(subject) = subject.of(caller) else { return Ok(FoundIds::nothing()) };
        let after = after.map(Place::parse).transpose()?;
        let (catalogued, _) = catalogued(&self.parts.catalogue, None)?;
        let policy = Arc::clone(&tenant.policy());
        let search = Search { policy, subject, action: action.clone(), kind: kind.clone(), wanted: limit + 1 };
        let turn = self.search_turn(tenant.id).await?;
        let (search, named, mut found, after, _turn) = blocking(move || {
            let named = search.named(catalogued);
            let found = search.among_named(&named, after.as_ref());
            (search, named, found, after, turn)
        })
        .await?;
        if found.len() <= limit {
            search.take_registered(&tenant.scope(), &named, after.as_ref(), &mut found).await?;
        }
        Ok(FoundIds::of(found, limit))
    }

    /// Returns the actions that the subject may do on an object: of the actions that the platform knows, and then of
    /// those that rules name, each with the host's name, at most `limit` after `after`. Callers can ask about
    /// themselves; asking about others needs `read` on `admin/decisions`.
    pub async fn actions_allowed(
        &self,
        caller: &Caller,
        subject: &About,
        object: &Object,
        after: Option<&str>,
        limit: usize,
    ) -> Result<FoundIds<(Action, String)>> {
        let tenant = self.tenant_asked_about(caller, subject).await?;
        let Some(subject) = subject.of(caller) else { return Ok(FoundIds::nothing()) };
        let policy = Arc::clone(&tenant.policy());
        let (object, after) = (object.clone(), after.map(str::to_owned));
        let actions = self
            .search(tenant.id, move || {
                let mut actions = Action::all();
                let others = policy.snapshot.named_actions().into_iter();
                actions.extend(others.filter(|action| !Action::all().contains(action)));
                // The place is sought among all of them: what stood there may be denied by now.
                let skipped =
                    after.map_or(Some(0), |after| Some(1 + actions.iter().position(|it| it.as_str() == after)?));
                let rest = actions.into_iter().skip(skipped.unwrap_or(usize::MAX));
                let allowed = rest.filter(|action| policy.allows(&subject, &object, action));
                // One whose encoding is not the one that its name would get can be asked about by nobody.
                let named = allowed.filter_map(|action| action.decoded().map(|name| (action, name)));
                named.take(limit + 1).collect()
            })
            .await?;
        Ok(FoundIds::of(actions, limit))
    }

    async fn tenant_asked_about(&self, caller: &Caller, subject: &About) -> Result<Access<'_>> {
        match subject {
            About::Caller => self.access_own(caller).await,
            About::User(user) => self.authorise_about(caller, Permit::DECISIONS_READ, std::iter::once(user)).await,
            About::Nobody => self.authorise(caller, Permit::DECISIONS_READ).await,
        }
    }
}

/// A place in a list of objects: first come those that the catalogue or a rule names, then the other
/// resources.
enum Place {
    Named(Object),
    Registered(Object),
}

impl Place {
    fn parse(text: &str) -> Result<Self> {
        match text.split_once(' ') {
            Some(("named", object)) => Object::parse(object).map(Self::Named),
            Some(("registered", object)) => Object::parse(object).map(Self::Registered),
            _ => Err(Error::bad_input("this is no place of this list")),
        }
    }
}

/// A search for objects.
struct Search {
    policy: Arc<TenantPolicy>,
    subject: Subject,
    action: Action,
    kind: Kind,
    /// Number of objects that are looked for.
    wanted: usize,
}

impl Search {
    /// Returns the host's id, if it is allowed there.
    fn allowed(&self, object: &Object) -> Option<String> {
        self.kind.id(object).filter(|_| self.policy.allows(&self.subject, object, &self.action))
    }

    /// Returns the objects of the kind that the catalogue or a rule names.
    fn named(&self, catalogued: Vec<Object>) -> BTreeSet<Object> {
        match &self.kind {
            Kind::Catalogue => catalogued.into_iter().collect(),
            Kind::Below(path) => {
                let mut named = self.policy.snapshot.named_below(path);
                named.extend(catalogued.into_iter().filter(|object| object.is_directly_below(path)));
                named
            }
        }
    }

    fn among_named(&self, named: &BTreeSet<Object>, after: Option<&Place>) -> Vec<(String, String)> {
        let low = match after {
            None => Bound::Unbounded,
            Some(Place::Named(after)) => Bound::Excluded(after),
            Some(Place::Registered(_)) => return Vec::new(),
        };
        let found = named
            .range::<Object, _>((low, Bound::Unbounded))
            .filter_map(|object| Some((object, self.allowed(object)?)));
        found.map(|(object, id)| (format!("named {object}"), id)).take(self.wanted).collect()
    }

    /// Adds the registered resources that are allowed and not named, until as many are found as are
    /// wanted.
    async fn take_registered(
        &self,
        scope: &Scope,
        named: &BTreeSet<Object>,
        after: Option<&Place>,
        found: &mut Vec<(String, String)>,
    ) -> Result<()> {
        let Kind::Below(path) = &self.kind else { return Ok(()) };
        let Ok(section) = SectionKey::parse(path.as_str()) else { return Ok(()) };
        let open = self.policy.snapshot.access(&self.subject).candidates(std::iter::once(&section)).sections;
        if open.is_empty() {
            // What is allowed there is named by a rule, each for itself.
            return Ok(());
        }
        let candidates = Candidates { sections: open, resources: BTreeSet::new() };
        let low = match after {
            Some(Place::Registered(after)) => Bound::Excluded(after.clone()),
            _ => Bound::Unbounded,
        };
        let mut stretch = Stretch { low, high: Bound::Unbounded, backward: false };
        loop {
            let objects = scope.objects_among(&candidates, &stretch, CHUNK).await?;
            for object in objects.iter().filter(|object| !named.contains(*object)) {
                found.extend(self.allowed(object).map(|id| (format!("registered {object}"), id)));
            }
            let is_last = (objects.len() as u64) < CHUNK || found.len() >= self.wanted;
            let Some(last) = objects.into_iter().next_back().filter(|_| !is_last) else { return Ok(()) };
            stretch.low = Bound::Excluded(last);
        }
    }
}
