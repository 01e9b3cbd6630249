//! Differences of the rules between two revisions, in pages: a difference can be as large as the whole policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use moka::sync::Cache;
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::domain::key::TenantId;
use crate::error::Result;
pub use crate::policy::diff::RuleDiff;
use crate::policy::rule::Rule;
use crate::service::Platform;
use crate::service::access::permit::{Access, Permit};
use crate::service::ask::search::blocking;
use crate::service::policy::history::gone;
use crate::store::page::{Page, PageOf};
use crate::store::revision::StoredDiff;

/// Number of revisions that are read at once.
const CHUNK: u64 = 100;
/// Maximum number of rules in the cached differences, of all tenants together.
const CACHED_RULES_MAX: u64 = 500_000;
/// Cursor field that names a place in a difference.
const PLACE: &str = "place";

/// Cache of recent differences, so that the next page finds its own. Keyed by the older revision and the change that
/// made the newer one: a revision number alone may come again after a database was restored from a backup.
pub(in crate::service) struct Differences(Cache<(TenantId, u64, Uuid), Arc<RuleDiff>>);

impl Differences {
    pub(in crate::service) fn new() -> Self {
        let weigh = |_: &(TenantId, u64, Uuid), diff: &Arc<RuleDiff>| {
            u32::try_from(diff.added.len() + diff.removed.len()).unwrap_or(u32::MAX).max(1)
        };
        Self(Cache::builder().max_capacity(CACHED_RULES_MAX).weigher(weigh).build())
    }
}

/// Rules that were added and removed from one revision to another, which may be the older one.
#[derive(Debug, Clone)]
pub struct Difference {
    forward: Arc<RuleDiff>,
    is_backward: bool,
}

impl Difference {
    /// Returns the rules that were added.
    pub fn added(&self) -> &[Rule] {
        if self.is_backward { &self.forward.removed } else { &self.forward.added }
    }

    /// Returns the rules that were removed.
    pub fn removed(&self) -> &[Rule] {
        if self.is_backward { &self.forward.added } else { &self.forward.removed }
    }

    /// Returns the difference as one value.
    pub(in crate::service) fn rules(&self) -> RuleDiff {
        RuleDiff { added: self.added().to_vec(), removed: self.removed().to_vec() }
    }
}

/// Returns a page of the added or of the removed rules.
pub fn page_of(rules: &[Rule], page: &Page) -> Result<PageOf<Rule>> {
    let part = page.part(PLACE, |place| place.parse::<usize>().ok())?;
    let all = rules.iter().enumerate();
    let found = if part.backward {
        all.rev()
            .skip_while(|(place, _)| !part.holds(place))
            .take_while(|(place, _)| part.holds(place))
            .take(page.sought())
            .collect()
    } else {
        let from = part.after.map_or(0, |after| after.saturating_add(1));
        all.skip(from).take_while(|(place, _)| part.holds(place)).take(page.sought()).collect::<Vec<_>>()
    };
    page.of_part(PLACE, found, |(place, _)| place.to_string()).try_map(|(_, rule)| Ok(rule.clone()))
}

/// Sum of the differences of the revisions read so far.
#[derive(Default)]
struct Sum {
    added: BTreeSet<Rule>,
    removed: BTreeSet<Rule>,
}

impl Sum {
    /// Adds the differences of later revisions.
    fn with(mut self, steps: &[StoredDiff]) -> Result<Self> {
        for step in steps {
            let RuleDiff { added, removed } = step.rules()?;
            // A rule that was added and then removed, or the reverse, is no difference.
            for rule in removed {
                if !self.added.remove(&rule) {
                    self.removed.insert(rule);
                }
            }
            for rule in added {
                if !self.removed.remove(&rule) {
                    self.added.insert(rule);
                }
            }
        }
        Ok(self)
    }

    fn into_diff(self) -> RuleDiff {
        RuleDiff { added: self.added.into_iter().collect(), removed: self.removed.into_iter().collect() }
    }
}

impl Platform {
    /// Refuses revisions that do not exist; 0 is before the first. Needs `read` on `admin/rules`.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such revision, or it is no longer kept.
    pub async fn check_revisions(&self, caller: &Caller, from: u64, to: u64) -> Result<()> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        self.find_revision(&tenant, from).await.map_err(|error| error.at_instead("from"))?;
        self.find_revision(&tenant, to).await.map_err(|error| error.at_instead("to"))?;
        Ok(())
    }

    /// Returns the rules that were added and removed from one revision to another, which may be older.
    pub async fn policy_diff(&self, caller: &Caller, from: u64, to: u64) -> Result<Difference> {
        let tenant = self.authorise(caller, Permit::RULES_READ).await?;
        let forward = self.difference(&tenant, from.min(to), from.max(to)).await?;
        Ok(Difference { forward, is_backward: from > to })
    }

    async fn difference(&self, tenant: &Access<'_>, low: u64, high: u64) -> Result<Arc<RuleDiff>> {
        if low == high {
            return Ok(Arc::default());
        }
        let (change, _) = self.find_revision(tenant, high).await?;
        let key = (tenant.id, low, change);
        if let Some(known) = self.parts.differences.0.get(&key) {
            return Ok(known);
        }
        let mut turn = self.search_turn(tenant.id).await?;
        // Another task may have computed it while this one waited.
        if let Some(known) = self.parts.differences.0.get(&key) {
            return Ok(known);
        }
        let (mut sum, mut at) = (Sum::default(), low);
        while at < high {
            let wanted = CHUNK.min(high - at);
            let steps = tenant.scope().diffs_after(at, wanted).await?;
            let is_whole =
                steps.len() as u64 == wanted && steps.last().is_some_and(|last| last.revision == at + wanted);
            if !is_whole {
                return Err(gone(&tenant.scope(), at).await?);
            }
            // The work holds the turn, because it goes on when the caller goes away.
            let (summed, held) = blocking(move || (sum.with(&steps), turn)).await?;
            (sum, turn) = (summed?, held);
            at += wanted;
        }
        drop(turn);
        let diff = Arc::new(sum.into_diff());
        self.parts.differences.0.insert(key, Arc::clone(&diff));
        Ok(diff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{ActionPattern, ObjectPattern};
    use crate::policy::rule::Subject;

    fn rules(count: usize) -> Vec<Rule> {
        let subject = Subject::parse("custom:night").unwrap();
        let rule = |n: usize| {
            let object = ObjectPattern::parse(&format!("voice/queues/q{n:03}")).unwrap();
            Rule::deny(subject.clone(), object, ActionPattern::any())
        };
        (0..count).map(rule).collect()
    }

    #[test]
    fn pages_of_a_difference_are_the_whole_of_it_from_either_end() {
        let rules = rules(7);
        for backward in [false, true] {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let (first, last) = if backward { (None, Some(3)) } else { (Some(3), None) };
                let (after, before) = if backward { (None, cursor.as_deref()) } else { (cursor.as_deref(), None) };
                let page = page_of(&rules, &Page::parse(first, after, last, before).unwrap()).unwrap();
                let edge = if backward { page.items.first() } else { page.items.last() };
                cursor = edge.map(|(cursor, _)| cursor.to_string());
                let more = if backward { page.has_previous } else { page.has_next };
                let found: Vec<Rule> = page.items.into_iter().map(|(_, rule)| rule).collect();
                seen = if backward { [found, seen].concat() } else { [seen, found].concat() };
                if !more {
                    break;
                }
            }
            assert_eq!(seen, rules, "backward: {backward}");
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = crate::store::opaque::seal(br#"{"rule":"p"}"#);
        let other = Page::parse(None, Some(&cursor), None, None).unwrap();
        assert_eq!(page_of(&rules(1), &other).unwrap_err().field, ["after"]);
    }
}
