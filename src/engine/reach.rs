//! One question about all objects directly below a path: which of them may a subject do something
//! with? Read off the subject's rules, so that it costs by their number, and by no other.

use std::collections::BTreeMap;

use super::decide::Found;
use super::snapshot::Snapshot;
use crate::domain::key::{Action, Object, ResourceKey};
use crate::policy::reach::Reach;
use crate::policy::rule::Subject;

impl Snapshot {
    /// The keys of the objects `parent/KEY` on which `subject` may do `action`: exactly those for
    /// which [`decide`](Self::decide) allows it.
    pub fn reach(&self, subject: &Subject, parent: &Object, action: &Action) -> Reach {
        let wanted = self.index.actions.find(action.as_str(), "");
        let below = format!("{parent}/");
        let mut all = Found::default();
        self.visit(subject, &below, |id, permission| {
            if self.acts(permission, wanted) {
                all.note_any(id, permission.effect);
            }
        });
        let mut named: BTreeMap<ResourceKey, Found> = BTreeMap::new();
        self.visit_below(subject, &below, |id, permission| {
            if self.acts(permission, wanted)
                && let Some(key) = self.index.objects.text(permission.object).and_then(|object| object.strip_prefix(&below))
                // A pattern, and what lies deeper, is no key.
                && let Ok(key) = ResourceKey::parse(key)
            {
                named.entry(key).or_default().note_any(id, permission.effect);
            }
        });
        let allowed = |own: Found| self.allowed_by(own.or(all));
        let rule = allowed(Found::default());
        let exceptions = named.into_iter().filter(|(_, own)| allowed(*own) != rule).map(|(key, _)| key).collect();
        if rule { Reach::AllBut(exceptions) } else { Reach::Only(exceptions) }
    }

    /// Whether a request is allowed that these rules match.
    pub(super) fn allowed_by(&self, found: Found) -> bool {
        self.plan.combine().verdict(found).allowed
    }
}
