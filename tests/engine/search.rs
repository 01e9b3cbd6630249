//! Searches (who can, what can) and explanations, compared with single decisions: over random policies, on every model
//! of the family, and over snapshots that have changed many times.

use std::collections::{BTreeSet, HashSet};

use bailiwick::domain::key::{SectionKey, UserKey};
use bailiwick::domain::tenant::Settings;
use bailiwick::engine::tenant::TenantPolicy;
use bailiwick::policy::diff::RuleDiff;
use bailiwick::policy::reach::{Candidates, KeyRange};
use bailiwick::policy::revision::Counters;

use super::*;

/// All users that anything can be known of; `off` is disabled, and no rule names it.
const USERS: [&str; 5] = ["a", "off", "u", "v", "w"];

/// Returns every model of the family that combines effects or matches differently.
fn models() -> [String; 6] {
    let effect = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
    [
        MODEL.to_owned(),
        MODEL.replace(effect, "some(where (p.eft == allow))"),
        MODEL.replace(effect, "!some(where (p.eft == deny))"),
        MODEL.replace("act, eft", "act"),
        MODEL.replace("keyMatch(r.obj, p.obj)", "r.obj == p.obj"),
        MODEL.replace("(r.act == p.act || p.act == \"*\")", "r.act == p.act"),
    ]
}

/// Makes a policy that was not built at once but changed step by step, so that some names came late, and others have
/// outlived their rules.
fn grown(model: &str, random: &mut Random) -> Snapshot {
    let mut rules = random.policy();
    rules.push(Rule::membership(Subject::parse("user:a").unwrap(), random.subject()));
    let first: Vec<Rule> = rules.iter().filter(|_| random.percent(50)).cloned().collect();
    let removed: Vec<Rule> = first.iter().filter(|_| random.percent(30)).cloned().collect();
    let added = rules.iter().filter(|rule| !first.contains(rule)).cloned().collect();
    snapshot(model, &first).after(2, &RuleDiff { added, removed })
}

fn policy_of(snapshot: Snapshot) -> TenantPolicy {
    TenantPolicy {
        counters: Counters { revision: 1, credential_epoch: 0, ..Counters::default() },
        snapshot: Arc::new(snapshot),
        settings: Settings::default(),
        disabled: Arc::new(HashSet::from([UserKey::parse("off").unwrap()])),
    }
}

fn is_there(policy: &TenantPolicy, user: &str) -> bool {
    user == "off" || policy.snapshot.knows(&Subject::parse(&format!("user:{user}")).unwrap())
}

/// Compares over random policies the users that `who_can` finds with those whom decisions allow, in every part of the
/// list. Returns the numbers found and left out.
fn compare_who(model: &str, policies: u64, seed: u64) -> [usize; 2] {
    let (mut found, mut left_out) = (0, 0);
    for round in 0..policies {
        let seed = seed.wrapping_add(round);
        let mut random = Random(seed);
        let policy = policy_of(grown(model, &mut random));
        for _ in 0..20 {
            let Request(_, object, action) = random.request();
            let place = |random: &mut Random| random.percent(40).then(|| UserKey::parse(random.of(&USERS)).unwrap());
            let part = KeyRange { after: place(&mut random), before: place(&mut random), backward: random.percent(50) };
            let may = |user: &&&str| {
                let subject = Subject::parse(&format!("user:{user}")).unwrap();
                is_there(&policy, user) && policy.allows(&subject, &object, &action)
            };
            let mut wanted: Vec<UserKey> = USERS.iter().filter(may).map(|user| UserKey::parse(user).unwrap()).collect();
            left_out += USERS.len() - wanted.len();
            wanted.retain(|user| part.holds(user));
            if part.backward {
                wanted.reverse();
            }
            let users: Vec<UserKey> = policy.who_can(&object, &action, &part).collect();
            assert_eq!(users, wanted, "ENGINE_SEED={seed}: {action} {object} in {part:?} of\n{model}");
            found += users.len();
        }
    }
    [found, left_out]
}

#[test]
fn who_can_finds_exactly_those_whom_decisions_allow() {
    let seed = seed();
    let counts = compare_who(MODEL, 600, seed);
    assert!(counts.iter().all(|count| *count > 1_000), "ENGINE_SEED={seed}: {counts:?} are too few to mean anything");
    for model in models() {
        compare_who(&model, 60, seed);
    }
}

/// Compares over random policies the answers of `access` with decisions, pair by pair: of every object and every action
/// there is, and of the candidates. Returns the numbers of pairs found and left out.
fn compare_what(model: &str, policies: u64, seed: u64) -> [usize; 2] {
    let (mut found, mut left_out) = (0, 0);
    let section = SectionKey::parse("a/a").unwrap();
    for round in 0..policies {
        let seed = seed.wrapping_add(round);
        let mut random = Random(seed);
        let snapshot = grown(model, &mut random);
        let known = Action::all();
        let actions: BTreeSet<Action> =
            known.clone().into_iter().chain(ACTIONS.map(|action| Action::parse(action).unwrap())).collect();
        for _ in 0..6 {
            let subject = random.request().0;
            let mut access = snapshot.access(&subject);
            let Candidates { sections, resources } = access.candidates([&section].into_iter());
            // Side by side and not, so that what is kept of one place is left behind at the next.
            for object in OBJECTS.iter().chain(&["a/a/c", "b/z", "a/a/b"]) {
                let object = Object::parse(object).unwrap();
                let listed: BTreeSet<Action> = access.on(&object).into_iter().collect();
                for action in &actions {
                    let decided = snapshot.decide(&subject, &object, action).allowed;
                    let pair = format!("{subject} {action} {object}");
                    // Of the others those are listed that a rule of the subject names.
                    let is_told = listed.contains(action) == decided || decided && !known.contains(action);
                    assert!(is_told, "ENGINE_SEED={seed}: {pair} of\n{model}");
                    *(if decided { &mut found } else { &mut left_out }) += 1;
                }
                if object.as_str().starts_with("a/a/") && !listed.is_empty() {
                    let known = sections.contains(&section) || resources.contains(&object);
                    assert!(known, "ENGINE_SEED={seed}: {object} is no candidate of {subject}");
                }
            }
        }
    }
    [found, left_out]
}

#[test]
fn what_can_finds_exactly_what_decisions_allow() {
    let seed = seed();
    let counts = compare_what(MODEL, 300, seed);
    assert!(counts.iter().all(|count| *count > 5_000), "ENGINE_SEED={seed}: {counts:?} are too few to mean anything");
    for model in models() {
        compare_what(&model, 40, seed);
    }
}

#[test]
fn actions_that_only_rules_name_are_found_while_a_rule_of_the_subject_names_them() {
    let rule = |text: &str| Rule::try_from(text.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap();
    let dance = rule("p custom:c a/b dance allow");
    let rules = [dance.clone(), rule("p user:u a/* * allow"), rule("g user:u custom:c"), rule("p user:v a/* * allow")];
    let before = snapshot(MODEL, &rules);
    let after = before.after(2, &RuleDiff { added: vec![], removed: vec![dance] });
    let dances = |snapshot: &Snapshot, user: &str| {
        let subject = Subject::parse(user).unwrap();
        let actions = snapshot.access(&subject).on(&Object::parse("a/b").unwrap());
        assert!(actions.starts_with(&Action::all()));
        actions.len() > Action::all().len()
    };
    assert!(dances(&before, "user:u") && !dances(&before, "user:v") && !dances(&after, "user:u"));
}

/// Checks that each way is one of links that are rules, from the subject to the rule's own.
fn check_way(snapshot: &Snapshot, subject: &Subject, rule: &Rule, via: &[(Subject, Subject)], seed: u64) {
    let Rule::Permission { subject: holder, .. } = rule else { panic!("ENGINE_SEED={seed}: {rule:?} matches nothing") };
    let mut at = subject;
    for (from, to) in via {
        let link = Rule::membership(from.clone(), to.clone());
        assert!(from == at && snapshot.rules().any(|rule| rule == link), "ENGINE_SEED={seed}: {via:?}");
        at = to;
    }
    assert_eq!(at, holder, "ENGINE_SEED={seed}: {via:?}");
}

#[test]
fn an_explanation_names_the_rules_that_match_and_every_first_link_that_leads_to_each() {
    let seed = seed();
    let mut random = Random(seed);
    let (mut ways, mut long) = (0, 0);
    for _ in 0..200 {
        let snapshot = grown(MODEL, &mut random);
        for _ in 0..20 {
            let Request(subject, object, action) = random.request();
            let explained = snapshot.explain(&subject, &object, &action, usize::MAX).first;
            let matches = snapshot.matches(&subject, &object, &action);
            let mut rules: Vec<&Rule> = explained.iter().map(|matched| &matched.rule).collect();
            rules.dedup();
            // The denials first: they decide.
            let is_denial = |rule: &Rule| matches!(rule, Rule::Permission { effect: Effect::Deny, .. });
            let (denials, others): (Vec<Rule>, Vec<Rule>) =
                matches.iter().map(|id| snapshot.rule(*id).unwrap()).partition(is_denial);
            assert!(rules.into_iter().cloned().eq(denials.into_iter().chain(others)), "ENGINE_SEED={seed}");
            for matched in &explained {
                check_way(&snapshot, &subject, &matched.rule, &matched.via, seed);
                // Without this first link and the others that are told, the rule is out of reach.
                let firsts = explained.iter().filter(|other| other.rule == matched.rule);
                let removed = firsts
                    .filter_map(|other| other.via.first())
                    .map(|(from, to)| Rule::membership(from.clone(), to.clone()))
                    .collect();
                let without = snapshot.after(3, &RuleDiff { added: vec![], removed });
                let holds = without
                    .explain(&subject, &object, &action, usize::MAX)
                    .first
                    .iter()
                    .any(|left| left.rule == matched.rule);
                assert_eq!(holds, matched.via.is_empty(), "ENGINE_SEED={seed}: {matched:?} of {subject}");
                ways += 1;
                long += usize::from(matched.via.len() > 1);
            }
        }
    }
    assert!(ways > 1_000 && long > 200, "ENGINE_SEED={seed}: {ways} and {long} are too few to mean anything");
}
