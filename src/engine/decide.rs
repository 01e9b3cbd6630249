//! Asking a snapshot. A decision, the list of matching rules and the question whether a grant is
//! covered all run through one walk, so that they cannot disagree.

use super::permissions::Permission;
use super::plan::Combine;
use super::rules::RuleId;
use super::snapshot::{STAR, Snapshot};
use crate::domain::key::{Action, ActionPattern, Object, ObjectPattern};
use crate::policy::rule::{Effect, Subject};

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the subject may.
    pub allowed: bool,
    /// The rule that made the answer: the first denial that matches, else the first allowance.
    /// None matched when there is none, or none that the model's effect asks for.
    pub deciding: Option<RuleId>,
}

impl Snapshot {
    /// Whether `subject` may do `action` on `object`. Takes no lock and allocates nothing.
    pub fn decide(&self, subject: &Subject, object: &Object, action: &Action) -> Verdict {
        let (mut allow, mut deny): (Option<RuleId>, Option<RuleId>) = (None, None);
        self.visit_matches(subject, object, action, |id, effect| {
            let first = match effect {
                Effect::Allow => &mut allow,
                Effect::Deny => &mut deny,
            };
            *first = Some(first.map_or(id, |known| if self.order(&id, &known).is_lt() { id } else { known }));
        });
        self.plan.combine().verdict(allow, deny)
    }

    /// All permissions that match the request, in order.
    pub fn matches(&self, subject: &Subject, object: &Object, action: &Action) -> Vec<RuleId> {
        let mut matches = Vec::new();
        self.visit_matches(subject, object, action, |id, _| matches.push(id));
        matches.sort_unstable_by(|a, b| self.order(a, b));
        // A role that is held in several ways is visited as often.
        matches.dedup();
        matches
    }

    /// Whether every request that the patterns match is surely allowed to `subject`: one of its
    /// rules allows all of them, and none denies any. Several rules that only together would
    /// allow all are not looked for, so that a `false` may be too strict and a `true` never is.
    pub fn covers(&self, subject: &Subject, object: &ObjectPattern, action: &ActionPattern) -> bool {
        let wanted = if action.is_any() { Some(STAR) } else { self.actions.find(action.as_str(), "") };
        let (mut allow, mut deny) = (None, None);
        let mut note = |id, permission: &Permission| match permission.effect {
            Effect::Allow if self.acts(permission, wanted) => allow = Some(id),
            Effect::Deny if action.is_any() || self.acts(permission, wanted) => deny = Some(id),
            _ => {}
        };
        self.visit(subject, object.prefix().unwrap_or(object.as_str()), &mut note);
        if let Some(prefix) = object.prefix() {
            // What is below overlaps without covering: its denials count, and nothing else.
            self.visit_below(subject, prefix, |id, permission| {
                if permission.effect == Effect::Deny {
                    note(id, permission);
                }
            });
        }
        self.plan.combine().verdict(allow, deny).allowed
    }

    fn visit_matches(&self, subject: &Subject, object: &Object, action: &Action, mut on: impl FnMut(RuleId, Effect)) {
        let wanted = self.actions.find(action.as_str(), "");
        self.visit(subject, object.as_str(), |id, permission| {
            if self.acts(permission, wanted) {
                on(id, permission.effect);
            }
        });
    }

    /// Whether the permission is for the action of this number; `None` is an action that no rule
    /// names. A denial that the model cannot hold is for none.
    pub(super) fn acts(&self, permission: &Permission, wanted: Option<u32>) -> bool {
        let acts = if permission.action == STAR { self.plan.star() } else { Some(permission.action) == wanted };
        acts && self.plan.holds(permission.effect)
    }

    /// Every permission of `subject` and of all that it holds whose object contains `path`: an
    /// object `a/b`, or `a/b/` for all that is below. One may come several times.
    pub(super) fn visit(&self, subject: &Subject, path: &str, mut on: impl FnMut(RuleId, &Permission)) {
        let Some(subject) = self.number(subject) else { return };
        self.containing(path, |object| {
            self.roles.visit(subject, |subject, own| {
                own.on(object).for_each(|permission| on(RuleId { subject, permission: *permission }, permission));
            });
        });
    }

    /// The numbers of the objects of rules that contain `path`.
    pub(super) fn containing(&self, path: &str, mut on: impl FnMut(u32)) {
        self.objects.find(path, "").into_iter().for_each(&mut on);
        if self.plan.prefixes() {
            // As keyMatch has it, `a/*` takes what starts with `a/`: never `a` itself or `ab`.
            for (slash, _) in path.bytes().enumerate().filter(|(_, byte)| *byte == b'/') {
                self.objects.find(path.get(..=slash).unwrap_or_default(), "*").into_iter().for_each(&mut on);
            }
        }
    }

    /// Every permission of `subject` and of all that it holds whose object starts with `prefix`.
    /// One may come several times.
    pub(super) fn visit_below(&self, subject: &Subject, prefix: &str, mut on: impl FnMut(RuleId, &Permission)) {
        let Some(subject) = self.number(subject) else { return };
        let below = self.objects.below(prefix);
        self.roles.visit(subject, |subject, own| {
            let permissions = own.iter().filter(|permission| below(permission.object));
            permissions.for_each(|permission| on(RuleId { subject, permission: *permission }, permission));
        });
    }
}

impl Combine {
    pub(super) const fn verdict(self, allow: Option<RuleId>, deny: Option<RuleId>) -> Verdict {
        match self {
            Self::SomeAllowAndNoDeny if deny.is_some() => Verdict { allowed: false, deciding: deny },
            Self::SomeAllowAndNoDeny | Self::SomeAllow => Verdict { allowed: allow.is_some(), deciding: allow },
            Self::NoDeny => Verdict { allowed: deny.is_none(), deciding: deny },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::key::TenantKey;
    use crate::engine::{MODEL, Plan};
    use crate::policy::rule::Rule;

    /// A snapshot of lines such as `p user:dana voice/* read allow` and `g user:dana role:member`.
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
