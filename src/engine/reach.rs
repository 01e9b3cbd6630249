//! The objects directly below a path that a subject can use. The answer is read off the subject's rules, so that its
//! cost depends on their number alone.

use std::collections::BTreeMap;

use super::decide::FirstMatches;
use super::snapshot::Snapshot;
use crate::domain::key::{Action, Object, ResourceKey};
use crate::policy::reach::Reach;
use crate::policy::rule::Subject;

impl Snapshot {
    /// Returns the keys of the objects `parent/KEY` on which `subject` may do `action`: exactly those for which
    /// [`decide`](Self::decide) allows it.
    pub fn reach(&self, subject: &Subject, parent: &Object, action: &Action) -> Reach {
        let wanted = self.index.actions.find(action.as_str(), "");
        let below = format!("{parent}/");
        let mut all = FirstMatches::default();
        self.visit(subject, &below, |id, permission| {
            if self.acts(permission, wanted) {
                all.note_any(id, permission.effect);
            }
        });
        let mut named: BTreeMap<ResourceKey, FirstMatches> = BTreeMap::new();
        self.visit_below(subject, &below, |id, permission| {
            if self.acts(permission, wanted)
                && let Some(key) = self.index.objects.text(permission.object).and_then(|object| object.strip_prefix(&below))
                // A pattern, or a path that lies deeper, is no key.
                && let Ok(key) = ResourceKey::parse(key)
            {
                named.entry(key).or_default().note_any(id, permission.effect);
            }
        });
        let allowed = |own: FirstMatches| self.allowed_by(own.or(all));
        let rule = allowed(FirstMatches::default());
        let exceptions = named.into_iter().filter(|(_, own)| allowed(*own) != rule).map(|(key, _)| key).collect();
        if rule { Reach::AllBut(exceptions) } else { Reach::Only(exceptions) }
    }

    /// Returns whether these rules, which match a request, allow it.
    pub(super) fn allowed_by(&self, found: FirstMatches) -> bool {
        self.plan.combine().verdict(found).allowed
    }
}
