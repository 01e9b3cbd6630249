//! The questions to a snapshot. A decision, the list of matching rules and the question whether a grant is covered all
//! run through one walk, so that they cannot disagree.

use super::index::{Index, STAR};
use super::layout::Combine;
use super::permissions::Permission;
use super::rules::RuleId;
use super::snapshot::Snapshot;
use crate::domain::key::{Action, ActionPattern, Object, ObjectPattern};
use crate::policy::rule::{Effect, Subject};

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// `true` if the subject may do it.
    pub allowed: bool,
    /// The rule that made the answer: the first denial that matches, else the first allowance. `None` if no rule
    /// matched, or none that the model's effect considers.
    pub deciding: Option<RuleId>,
}

impl Snapshot {
    /// Decides whether `subject` may do `action` on `object`. Takes no lock and allocates nothing.
    pub fn decide(&self, subject: &Subject, object: &Object, action: &Action) -> Verdict {
        let mut found = FirstMatches::default();
        self.visit_matches(subject, object, action, |id, effect| {
            found.note(id, effect, |one, other| self.index.order(one, other).is_lt());
        });
        self.plan.combine().verdict(found)
    }

    /// Returns all permissions that match the request, in order.
    pub fn matches(&self, subject: &Subject, object: &Object, action: &Action) -> Vec<RuleId> {
        let mut matches = Vec::new();
        self.visit_matches(subject, object, action, |id, _| matches.push(id));
        matches.sort_unstable_by(|a, b| self.index.order(a, b));
        // A role that is held in several ways is visited as often.
        matches.dedup();
        matches
    }

    /// Returns `true` if one rule of `subject` allows every request that the patterns match, and no rule denies any of
    /// them. It does not look for several rules that allow all only together, so a `false` can be too strict; a `true`
    /// never is.
    pub fn covers(&self, subject: &Subject, object: &ObjectPattern, action: &ActionPattern) -> bool {
        let wanted = if action.is_any() {
            self.plan.star().then_some(STAR)
        } else {
            self.index.actions.find(action.as_str(), "")
        };
        let mut found = FirstMatches::default();
        let mut note = |id, permission: &Permission| match permission.effect {
            Effect::Allow if self.acts(permission, wanted) => found.allow = Some(id),
            Effect::Deny if action.is_any() || self.acts(permission, wanted) => found.deny = Some(id),
            _ => {}
        };
        self.visit(subject, object.prefix().unwrap_or(object.as_str()), &mut note);
        if let Some(prefix) = object.prefix() {
            // An object below overlaps without covering: only its denials count.
            self.visit_below(subject, prefix, |id, permission| {
                if permission.effect == Effect::Deny {
                    note(id, permission);
                }
            });
        }
        self.plan.combine().verdict(found).allowed
    }

    fn visit_matches(&self, subject: &Subject, object: &Object, action: &Action, mut on: impl FnMut(RuleId, Effect)) {
        let wanted = self.index.actions.find(action.as_str(), "");
        self.visit(subject, object.as_str(), |id, permission| {
            if self.acts(permission, wanted) {
                on(id, permission.effect);
            }
        });
    }

    /// Returns whether the permission is for the action of this number, or for an action that no rule names if `wanted`
    /// is `None`. A denial that the model cannot hold is for none.
    pub(super) fn acts(&self, permission: &Permission, wanted: Option<u32>) -> bool {
        Index::acts(permission, wanted, self.plan.star()) && self.plan.holds(permission.effect)
    }

    /// Visits every permission of `subject`, and of every subject that it holds, whose object contains `path`: an
    /// object `a/b`, or `a/b/` for everything below. A permission can come several times.
    #[inline]
    pub(super) fn visit(&self, subject: &Subject, path: &str, on: impl FnMut(RuleId, &Permission)) {
        if let Some(subject) = self.number(subject) {
            self.index.visit(self.plan.prefixes(), subject, path, on);
        }
    }

    /// Visits every permission of `subject`, and of every subject that it holds, whose object starts with `prefix`. A
    /// permission can come several times.
    pub(super) fn visit_below(&self, subject: &Subject, prefix: &str, mut on: impl FnMut(RuleId, &Permission)) {
        let Some(subject) = self.number(subject) else { return };
        let below = self.index.objects.below(prefix);
        self.index.roles.visit(subject, |subject, own| {
            let permissions = own.iter().filter(|permission| below(permission.object));
            permissions.for_each(|permission| on(RuleId { subject, permission: *permission }, permission));
        });
    }
}

/// The first rule of each effect among those that match.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FirstMatches {
    pub(super) allow: Option<RuleId>,
    pub(super) deny: Option<RuleId>,
}

impl FirstMatches {
    /// Takes one more rule that matches; `before` tells which of two comes first.
    #[inline]
    pub(super) fn note(&mut self, id: RuleId, effect: Effect, before: impl Fn(&RuleId, &RuleId) -> bool) {
        let first = match effect {
            Effect::Allow => &mut self.allow,
            Effect::Deny => &mut self.deny,
        };
        *first = Some(first.map_or(id, |known| if before(&id, &known) { id } else { known }));
    }

    /// Takes one more rule that matches, where any one of each effect will do because none is shown.
    #[inline]
    pub(super) fn note_any(&mut self, id: RuleId, effect: Effect) {
        self.note(id, effect, |_, _| false);
    }

    /// Returns these and the others; these come first.
    pub(super) fn or(self, other: Self) -> Self {
        Self { allow: self.allow.or(other.allow), deny: self.deny.or(other.deny) }
    }
}

impl Combine {
    #[inline]
    pub(super) fn verdict(self, FirstMatches { allow, deny }: FirstMatches) -> Verdict {
        let denied = match self {
            Self::SomeAllow => None,
            Self::SomeAllowAndNoDeny | Self::NoDeny => deny,
            // Each line has a place of its own there, and it is its action.
            Self::First => {
                deny.filter(|deny| allow.is_none_or(|allow| deny.permission.action < allow.permission.action))
            }
        };
        let allowed = denied.is_none() && (self == Self::NoDeny || allow.is_some());
        Verdict { allowed, deciding: denied.or(if self == Self::NoDeny { None } else { allow }) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::key::TenantKey;
    use crate::engine::{MODEL, Plan};
    use crate::policy::rule::Rule;

    /// Builds a snapshot of lines such as `p user:dana voice/* read allow` and `g user:dana role:member`.
    fn snapshot_of(model: &str, lines: &[&str]) -> Snapshot {
        let rules = lines.iter().map(|line| {
            let values: Vec<String> = line.split(' ').map(str::to_owned).collect();
            Rule::try_from(values).unwrap()
        });
        let plan = Arc::new(Plan::from_model(model).unwrap());
        Snapshot::build(&plan, &TenantKey::parse("acme").unwrap(), 7, rules)
    }

    fn snapshot(lines: &[&str]) -> Snapshot {
        snapshot_of(MODEL, lines)
    }

    fn subject(text: &str) -> Subject {
        Subject::parse(text).unwrap()
    }

    fn decide(snapshot: &Snapshot, who: &str, object: &str, action: &str) -> Verdict {
        snapshot.decide(&subject(who), &Object::parse(object).unwrap(), &Action::parse(action).unwrap())
    }

    fn allowed(snapshot: &Snapshot, who: &str, object: &str, action: &str) -> bool {
        decide(snapshot, who, object, action).allowed
    }

    fn covers(snapshot: &Snapshot, object: &str, action: &str) -> bool {
        let object = ObjectPattern::parse(object).unwrap();
        snapshot.covers(&subject("user:dana"), &object, &ActionPattern::parse(action).unwrap())
    }

    fn line(snapshot: &Snapshot, id: Option<RuleId>) -> String {
        id.and_then(|id| snapshot.rule(id)).map_or_else(String::new, |rule| Vec::<String>::from(rule).join(" "))
    }

    #[test]
    fn prefixes_match_as_key_match_does() {
        let snapshot = snapshot(&["p user:dana voice/queues/* read allow"]);
        for object in
            ["voice", "voice/queues", "voice/queuesx", "voice/queuesx/a", "voice/Queues/a", "a/voice/queues/b"]
        {
            assert!(!allowed(&snapshot, "user:dana", object, "read"), "{object}");
            assert!(!casbin::function_map::key_match(object, "voice/queues/*"), "{object}");
        }
        for object in ["voice/queues/a", "voice/queues/a/b/c", "voice/queues/queues"] {
            assert!(allowed(&snapshot, "user:dana", object, "read"), "{object}");
            assert!(casbin::function_map::key_match(object, "voice/queues/*"), "{object}");
        }
    }

    #[test]
    fn exact_objects_match_themselves_alone() {
        let snapshot = snapshot(&["p user:dana voice/queues read allow"]);
        assert!(allowed(&snapshot, "user:dana", "voice/queues", "read"));
        for object in ["voice", "voice/queue", "voice/queues/a", "voice/queues2"] {
            assert!(!allowed(&snapshot, "user:dana", object, "read"), "{object}");
        }
    }

    #[test]
    fn a_model_without_patterns_takes_them_to_the_letter() {
        let model = MODEL
            .replace("keyMatch(r.obj, p.obj)", "r.obj == p.obj")
            .replace("(r.act == p.act || p.act == \"*\")", "r.act == p.act");
        let snapshot = snapshot_of(
            &model,
            &["p user:dana voice/* read allow", "p user:dana chat * allow", "p user:dana data read allow"],
        );
        assert!(!allowed(&snapshot, "user:dana", "voice/queues", "read"));
        assert!(!allowed(&snapshot, "user:dana", "chat", "read"));
        assert!(allowed(&snapshot, "user:dana", "data", "read"));
        assert!(!covers(&snapshot, "voice/*", "read") && !covers(&snapshot, "chat", "*"));
    }

    #[test]
    fn a_denial_from_any_source_wins_and_decides() {
        let snapshot = snapshot(&[
            "p role:member chat/* * deny",
            "p profile:night chat/rooms read allow",
            "g user:dana profile:night",
            "g user:dana role:member",
            "g user:ed profile:night",
        ]);
        let denied = decide(&snapshot, "user:dana", "chat/rooms", "read");
        assert!(!denied.allowed);
        assert_eq!(line(&snapshot, denied.deciding), "p role:member chat/* * deny");
        let allowed = decide(&snapshot, "user:ed", "chat/rooms", "read");
        assert!(allowed.allowed);
        assert_eq!(line(&snapshot, allowed.deciding), "p profile:night chat/rooms read allow");
        assert_eq!(decide(&snapshot, "user:ed", "chat/rooms", "edit"), Verdict { allowed: false, deciding: None });
    }

    #[test]
    fn the_effect_of_the_model_combines_what_matches() {
        let lines = ["p user:dana chat read allow", "p user:dana chat read deny", "p user:dana data read deny"];
        let effect = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
        let some_allow = snapshot_of(&MODEL.replace(effect, "some(where (p.eft == allow))"), &lines);
        let no_deny = snapshot_of(&MODEL.replace(effect, "!some(where (p.eft == deny))"), &lines);
        let no_effect = snapshot_of(&MODEL.replace("act, eft", "act"), &lines);
        for (object, answers) in
            [("chat", [true, false, true]), ("data", [false, false, false]), ("voice", [false, true, false])]
        {
            let given = [&some_allow, &no_deny, &no_effect].map(|it| allowed(it, "user:dana", object, "read"));
            assert_eq!(given, answers, "{object}");
        }
        assert!(allowed(&no_deny, "user:nobody", "chat", "read"));
    }

    #[test]
    fn cycles_of_roles_end() {
        let snapshot = snapshot(&[
            "g group:a group:b",
            "g group:b group:c",
            "g group:c group:a",
            "g group:a group:a",
            "g user:dana group:b",
            "p group:a voice read allow",
        ]);
        assert!(allowed(&snapshot, "user:dana", "voice", "read"));
        assert_eq!(snapshot.matches(&subject("group:a"), &Object::parse("voice").unwrap(), &Action::read()).len(), 1);
        assert!(snapshot.holds(&subject("group:a"), &subject("group:c")));
    }

    #[test]
    fn an_unknown_subject_holds_nothing_and_may_nothing() {
        let snapshot = snapshot(&["p role:member voice/* * allow", "g user:dana role:member"]);
        assert!(!allowed(&snapshot, "user:member", "voice/queues", "read"));
        assert!(!snapshot.knows(&subject("user:member")) && snapshot.knows(&subject("user:dana")));
        assert!(!snapshot.holds(&subject("user:member"), &subject("role:member")));
        assert!(snapshot.holds(&subject("user:dana"), &subject("role:member")));
        assert!(!snapshot.holds(&subject("role:member"), &subject("user:dana")));
        let empty = self::snapshot(&[]);
        assert!(empty.is_empty() && !allowed(&empty, "user:dana", "voice", "read"));
    }

    #[test]
    fn rules_are_read_back_in_order_whatever_order_they_came_in() {
        let lines = [
            "p user:dana a/%20 read allow",
            "p user:dana a/* * deny",
            "p user:dana a/* read allow",
            "p group:g a/+ read allow",
            "g user:dana group:g",
            "g user:ed group:g",
        ];
        let (forward, backward) =
            (snapshot(&lines), snapshot(&lines.map(|line| line).into_iter().rev().collect::<Vec<_>>()));
        let rules: Vec<Rule> = forward.rules().collect();
        assert_eq!(rules.len(), lines.len());
        assert_eq!((forward.len(), forward.revision(), forward.tenant().as_str()), (lines.len(), 7, "acme"));
        assert!(rules.is_sorted());
        assert!(backward.rules().eq(rules));
        let one = forward.matches(&subject("user:dana"), &Object::parse("a/%20").unwrap(), &Action::read());
        assert!(one.iter().all(|id| forward.rule(*id).is_some() && snapshot(&[]).rule(*id).is_none()));
        let verdicts = [&forward, &backward].map(|snapshot| decide(snapshot, "user:dana", "a/+", "read"));
        assert_eq!(verdicts[0], verdicts[1]);
    }

    #[test]
    fn a_grant_is_covered_by_one_rule_as_wide_that_nothing_denies() {
        let snapshot = snapshot(&[
            "p profile:night voice/* read allow",
            "p profile:night chat/* * allow",
            "p profile:night data/contacts * allow",
            "p role:member chat/rooms/secret edit deny",
            "g user:dana profile:night",
            "g user:dana role:member",
        ]);
        for (object, action) in [
            ("voice/*", "read"),
            ("voice/queues/*", "read"),
            ("voice/queues", "read"),
            ("chat/*", "read"),
            ("chat/rooms/*", "delete"),
            ("chat/bots/*", "*"),
            ("chat/rooms/secret", "read"),
            ("data/contacts", "*"),
        ] {
            assert!(covers(&snapshot, object, action), "{object} {action}");
        }
        for (object, action) in [
            ("voice", "read"),
            ("voice/*", "edit"),
            ("voice/*", "*"),
            ("chat/*", "*"),
            ("chat/*", "edit"),
            ("chat/rooms/*", "edit"),
            ("chat/rooms/secret", "*"),
            ("data/*", "read"),
            ("data/contacts/*", "read"),
        ] {
            assert!(!covers(&snapshot, object, action), "{object} {action}");
        }
    }

    #[test]
    fn a_denial_above_or_at_the_same_prefix_uncovers_a_grant() {
        let above = ["p user:dana voice/queues/* * allow", "p user:dana voice/* edit deny"];
        let same = ["p user:dana voice/queues/* * allow", "p user:dana voice/queues/* edit deny"];
        for lines in [above, same] {
            let snapshot = snapshot(&lines);
            assert!(covers(&snapshot, "voice/queues/*", "read"));
            assert!(!covers(&snapshot, "voice/queues/*", "edit") && !covers(&snapshot, "voice/queues/*", "*"));
        }
    }
}
