//! Searches: the users who can do an action, and the actions that a user can do. Each answer is exactly what single
//! decisions at one revision say, and comes in pages that are sought rather than cut from a whole.

pub mod ids;

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::auth::caller::Caller;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{Action, ModuleKey, Object, SectionKey, UserKey};
use crate::engine::search::Access;
use crate::engine::tenant::TenantPolicy;
use crate::error::{Error, Result};
use crate::policy::reach::{Candidates, KeyRange};
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::{Permit, asked_about};
use crate::service::admin::agent::VisibleUsers;
use crate::service::ask::explain::Because;
use crate::store::Scope;
use crate::store::page::{Page, PageOf};
use crate::store::resource::Stretch;
pub use crate::store::user::UserFilter;
use crate::store::user::UserRow;

/// The first segment of the objects of data views.
const DATA: &str = "data";
/// Number of resources that one statement reads while a subject's are listed.
const CHUNK: u64 = 500;
/// Number of permitted users that are held against a filter at once.
const FILTERED: usize = 1000;
/// Name of a cursor that stands at a user.
const USER: &str = "user";
/// Name of a cursor that stands at an object and an action.
const PAIR: &str = "pair";

/// A search for the users who may do an action on an object.
#[derive(Debug, Clone)]
pub struct WhoCan {
    /// The action that the users may do.
    pub action: Action,
    /// The object that they may do it on.
    pub object: Object,
    /// The filter on the users that are found. `None` finds no user: the filter named what cannot be.
    pub among: Option<UserFilter>,
}

/// A listing of a user's access, narrowed by what is given here.
#[derive(Debug, Clone, Default)]
pub struct WhatCan {
    /// The user; the caller when absent.
    pub subject: Option<UserKey>,
    /// A module of the catalogue, or `data` for the data views.
    pub module: Option<ModuleKey>,
    /// This action alone.
    pub action: Option<Action>,
    /// Text that stands in the object, in upper or lower case.
    pub search: Option<String>,
}

impl WhatCan {
    fn wants(&self, object: &Object) -> bool {
        self.search.as_ref().is_none_or(|text| object.as_str().to_lowercase().contains(&text.to_lowercase()))
    }
}

/// An object and an action on it.
type Pair = (Object, Action);

impl Platform {
    /// Returns a page of the users that may do this, by key, each with what explains the decision. Needs `read` on
    /// `admin/decisions`, and finds only users whom the caller may see.
    pub async fn who_can(&self, caller: &Caller, who: &WhoCan, page: Page) -> Result<PageOf<(UserRow, Because)>> {
        let (walk, mut part) = (self.walk(caller, who).await?, page.part(USER, |key| UserKey::parse(key).ok())?);
        let Some(filter) = &who.among else { return Ok(PageOf::empty()) };
        // Of those that may, few may be in the filter; without one, only who went meanwhile is left out.
        let chunk = if *filter == UserFilter::default() { page.sought() } else { FILTERED };
        let mut found = Vec::new();
        while found.len() < page.sought() {
            let keys = self.some(&walk, &part, chunk).await?;
            let rows = walk.visible.scope.users_among(&keys, filter).await?;
            let mut rows: HashMap<UserKey, UserRow> = rows.into_iter().map(|row| (row.user.key.clone(), row)).collect();
            let in_order =
                keys.iter().filter_map(|key| rows.remove(key)).filter(|row| walk.visible.contains(&row.user));
            found.extend(in_order);
            if keys.len() < chunk {
                break;
            }
            *(if part.backward { &mut part.before } else { &mut part.after }) = keys.last().cloned();
        }
        found.truncate(page.sought());
        page.of_part(USER, found, |row| row.user.key.to_string()).try_map(|row| {
            let subject = Subject::User(row.user.key.clone());
            let because = Because::new(&walk.policy, subject, who.object.clone(), who.action.clone());
            Ok((row, because))
        })
    }

    /// Counts the users who may do this.
    pub async fn who_can_count(&self, caller: &Caller, who: &WhoCan) -> Result<u64> {
        let walk = self.walk(caller, who).await?;
        let Some(filter) = &who.among else { return Ok(0) };
        if *filter == UserFilter::default() {
            let tenant = walk.visible.scope.tenant();
            return self.search(tenant, move || walk.seen(&KeyRange::whole()).count() as u64).await;
        }
        let (mut count, mut part) = (0, KeyRange::whole());
        loop {
            let keys = self.some(&walk, &part, FILTERED).await?;
            count += walk.visible.count_among(&keys, filter).await?;
            if keys.len() < FILTERED {
                return Ok(count);
            }
            part.after = keys.last().cloned();
        }
    }

    /// Returns the first `count` permitted users in the part.
    async fn some(&self, walk: &Arc<Walk>, part: &KeyRange<UserKey>, count: usize) -> Result<Vec<UserKey>> {
        let (walk, part) = (Arc::clone(walk), part.clone());
        self.search(walk.visible.scope.tenant(), move || walk.seen(&part).take(count).collect()).await
    }

    async fn walk(&self, caller: &Caller, who: &WhoCan) -> Result<Arc<Walk>> {
        let tenant = self.authorise(caller, Permit::DECISIONS_READ).await?;
        let visible = self.visible_users(caller).await?;
        let (object, action) = (who.object.clone(), who.action.clone());
        Ok(Arc::new(Walk { policy: Arc::clone(&tenant.policy()), visible, object, action }))
    }

    /// Returns a page of the actions that a user may do: on the objects that the catalogue names, in its order, then on
    /// the resources, by section and key. Objects that neither the catalogue nor a host has told are left out. Callers
    /// can ask about themselves; asking about others needs `read` on `admin/decisions`.
    pub async fn what_can(&self, caller: &Caller, what: &WhatCan, page: Page) -> Result<PageOf<Because>> {
        let listing = self.listing_of(caller, what).await?;
        let part = page.part(PAIR, |text| listing.pair(text))?;
        let _turn = self.search_turn(listing.scope.tenant()).await?;
        let (_, found) = listing.pairs(&part, Some(page.sought())).await?;
        let page = page.of_part(PAIR, found, |(object, action)| format!("{object} {action}"));
        page.try_map(|(object, action)| Ok(Because::new(&listing.policy, listing.subject.clone(), object, action)))
    }

    /// Counts the pairs of an object and an action that the listing has.
    pub async fn what_can_count(&self, caller: &Caller, what: &WhatCan) -> Result<u64> {
        let listing = self.listing_of(caller, what).await?;
        let _turn = self.search_turn(listing.scope.tenant()).await?;
        let (count, _) = listing.pairs(&KeyRange::whole(), None).await?;
        Ok(count as u64)
    }

    async fn listing_of(&self, caller: &Caller, what: &WhatCan) -> Result<Listing> {
        let tenant = self.authorise_about(caller, Permit::DECISIONS_READ, what.subject.iter()).await?;
        let policy = Arc::clone(&tenant.policy());
        let subject = asked_about(caller, what.subject.as_ref());
        if let Some(user) = &what.subject
            && !policy.snapshot.knows(&subject)
            && !policy.disabled.contains(user)
        {
            return Err(Error::not_found("user", user).at("subject"));
        }
        if let Some(module) = &what.module
            && module.as_str() != DATA
            && self.parts.catalogue.module(module.as_str()).is_none()
        {
            return Err(Error::bad_input(format!("there is no module `{module}`")).at("module"));
        }
        let (named, sections) = catalogued(&self.parts.catalogue, what.module.as_ref())?;
        Ok(Listing { scope: tenant.scope(), policy, subject, named, sections, what: what.clone() })
    }
}

/// Walks many users off the threads that serve requests.
pub(in crate::service) async fn blocking<T: Send + 'static>(walk: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(walk).await.map_err(Error::internal)
}

/// A walk over the users that may do something.
struct Walk {
    policy: Arc<TenantPolicy>,
    visible: VisibleUsers,
    object: Object,
    action: Action,
}

impl Walk {
    /// Returns the visible users that may, by key: those of a part of the list.
    fn seen(&self, part: &KeyRange<UserKey>) -> impl Iterator<Item = UserKey> + use<'_> {
        let found = self.policy.who_can(&self.object, &self.action, part);
        found.filter(|user| self.visible.contains_in(&self.policy, user))
    }
}

/// Returns the names of the catalogue, of one module or of all: the objects in its order, and the sections that
/// resources are in.
pub(in crate::service) fn catalogued(
    catalogue: &Catalogue,
    module: Option<&ModuleKey>,
) -> Result<(Vec<Object>, Vec<SectionKey>)> {
    let wanted = |key: &str| module.is_none_or(|module| module.as_str() == key);
    let (mut named, mut sections) = (Vec::new(), Vec::new());
    for module in catalogue.modules().iter().filter(|module| wanted(module.key.as_str())) {
        named.push(Object::parse(module.key.as_str())?);
        named.extend(module.sections.iter().map(|section| Object::from(&section.key)));
        let holding = module.sections.iter().filter(|section| section.holds_resources);
        sections.extend(holding.map(|section| section.key.clone()));
    }
    for view in catalogue.data_views().iter().filter(|_| wanted(DATA)) {
        named.push(Object::parse(&format!("{DATA}/{}", view.key))?);
    }
    Ok((named, sections))
}

/// All objects of a tenant, to be held against what one subject may do.
struct Listing {
    scope: Scope,
    policy: Arc<TenantPolicy>,
    subject: Subject,
    /// The objects that the catalogue names, in its order.
    named: Vec<Object>,
    /// The sections whose resources follow.
    sections: Vec<SectionKey>,
    /// The listing that was asked for.
    what: WhatCan,
}

impl Listing {
    /// Reads a pair from a cursor.
    fn pair(&self, text: &str) -> Option<Pair> {
        let (object, action) = text.split_once(' ')?;
        let (object, action) = (Object::parse(object).ok()?, Action::parse(action).ok()?);
        (self.place(&object).is_some() || object.as_resource().is_some()).then_some((object, action))
    }

    /// Returns the place of an object among those that the catalogue names.
    fn place(&self, object: &Object) -> Option<usize> {
        self.named.iter().position(|named| named == object)
    }

    /// Returns the first `sought` pairs of a part of the list that are allowed, in its direction, and their number;
    /// with none sought, the number of all, and no list.
    async fn pairs(&self, part: &KeyRange<Pair>, sought: Option<usize>) -> Result<(usize, Vec<Pair>)> {
        let snapshot = &self.policy.snapshot;
        let access = match &self.what.action {
            Some(action) => snapshot.access_to(&self.subject, action),
            None => snapshot.access(&self.subject),
        };
        let mut found = RightsFound { access, part, what: &self.what, sought, count: 0, pairs: Vec::new() };
        if !part.backward {
            found.take(self.named_in(part));
        }
        if let Some(stretch) = self.stretch(part) {
            self.take_resources(&mut found, stretch).await?;
        }
        if part.backward {
            found.take(self.named_in(part).rev());
        }
        Ok((found.count, found.pairs))
    }

    /// Returns the objects of a part that the catalogue names, its ends included.
    fn named_in(&self, part: &KeyRange<Pair>) -> impl DoubleEndedIterator<Item = &Object> {
        let place = |pair: &Option<Pair>, beyond: usize, absent: usize| {
            pair.as_ref().map_or(absent, |(object, _)| self.place(object).unwrap_or(beyond))
        };
        let (low, high) = (place(&part.after, usize::MAX, 0), place(&part.before, usize::MAX, usize::MAX));
        let named = self.named.iter().enumerate().filter(move |(place, _)| (low..=high).contains(place));
        named.map(|(_, object)| object)
    }

    /// Returns the resources of a part, its ends included; none when it ends before them.
    fn stretch(&self, part: &KeyRange<Pair>) -> Option<Stretch> {
        let end = |pair: &Option<Pair>| match pair {
            Some((object, _)) if self.place(object).is_none() => Bound::Included(object.clone()),
            _ => Bound::Unbounded,
        };
        let ends_before = part.before.as_ref().is_some_and(|(object, _)| self.place(object).is_some());
        let stretch = Stretch { low: end(&part.after), high: end(&part.before), backward: part.backward };
        (!ends_before).then_some(stretch)
    }

    async fn take_resources(&self, found: &mut RightsFound<'_>, mut stretch: Stretch) -> Result<()> {
        if found.is_full() {
            return Ok(());
        }
        let candidates: Candidates = found.access.candidates(self.sections.iter());
        loop {
            let objects = self.scope.objects_among(&candidates, &stretch, CHUNK).await?;
            found.take(objects.iter());
            let Some(last) = objects.last().filter(|_| objects.len() as u64 == CHUNK && !found.is_full()) else {
                return Ok(());
            };
            *(if stretch.backward { &mut stretch.high } else { &mut stretch.low }) = Bound::Excluded(last.clone());
        }
    }
}

/// The pairs that are found so far.
struct RightsFound<'a> {
    access: Access<'a>,
    part: &'a KeyRange<Pair>,
    what: &'a WhatCan,
    /// Number of pairs to list; none when they are counted.
    sought: Option<usize>,
    count: usize,
    pairs: Vec<Pair>,
}

impl RightsFound<'_> {
    fn is_full(&self) -> bool {
        self.sought.is_some_and(|sought| self.count >= sought)
    }

    /// Takes what is allowed on these objects, up to as many pairs as are sought.
    fn take<'o>(&mut self, objects: impl Iterator<Item = &'o Object>) {
        for object in objects.filter(|object| self.what.wants(object)) {
            if self.is_full() {
                return;
            }
            let mut actions = self.access.on(object);
            actions.retain(|action| self.is_inside(object, action));
            if self.part.backward {
                actions.reverse();
            }
            let Some(sought) = self.sought else {
                self.count += actions.len();
                continue;
            };
            actions.truncate(sought - self.count);
            self.count += actions.len();
            self.pairs.extend(actions.into_iter().map(|action| (object.clone(), action)));
        }
    }

    /// Returns whether the pair lies between the ends of the part; on other objects than theirs it does.
    fn is_inside(&self, object: &Object, action: &Action) -> bool {
        let same = |end: &&Pair| end.0 == *object;
        let (after, before) = (self.part.after.as_ref().filter(same), self.part.before.as_ref().filter(same));
        after.is_none_or(|(_, after)| order(after) < order(action))
            && before.is_none_or(|(_, before)| order(action) < order(before))
    }
}

/// Returns the place of an action in a list, in the order of [`Access::on`].
fn order(action: &Action) -> (usize, &str) {
    let known = Action::all();
    (known.iter().position(|known| known == action).unwrap_or(known.len()), action.as_str())
}
