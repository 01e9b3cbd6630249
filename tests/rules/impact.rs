//! The impact of changes on access, compared with every request one by one.

use std::cell::Cell;

use super::patch::{Step, steps, take, walk};
use super::*;
use bailiwick::engine::impact::Objects;
use bailiwick::policy::diff::{PolicyDiff, RuleDiff};
use bailiwick::policy::impact::{AccessChange, Impact};
use bailiwick::policy::rule::Rule;
use proptest::prelude::*;

/// The objects of the catalogue that the walks are about, and resources that are never registered.
const NAMED: [&str; 12] = [
    "voice",
    "voice/queues",
    "voice/contexts",
    "chat",
    "chat/queues",
    "contacts/contacts",
    "staff/agents",
    "staff/teams",
    "reports/activity",
    "data/contacts",
    "data/performance",
    "admin/users",
];

/// Returns all objects that either state knows of.
fn told(states: [&TenantState; 2]) -> BTreeSet<Object> {
    let resources = states.into_iter().flat_map(|state| state.resources.keys().cloned());
    resources.chain(NAMED.iter().map(|object| key(object))).collect()
}

fn snapshot(state: &TenantState) -> Snapshot {
    let rules: Vec<Rule> = compile(&CATALOGUE, state).unwrap().into_keys().collect();
    Snapshot::build(&Arc::new(Plan::from_model(MODEL).unwrap()), &state.key, 1, &rules)
}

/// Asks about everything, before and after.
fn by_hand(before: &Snapshot, after: &Snapshot, states: [&TenantState; 2]) -> Impact {
    let mut impact = Impact::default();
    let users: BTreeSet<UserKey> = states.iter().flat_map(|state| state.users.keys().cloned()).collect();
    let mut objects = told(states);
    for rule in before.rules().chain(after.rules()) {
        if let Rule::Permission { object, .. } = rule {
            objects.extend(Object::parse(object.as_str()));
        }
    }
    let dance = Action::parse("dance").unwrap();
    for user in users {
        let subject = Subject::User(user.clone());
        let mut is_affected = false;
        for object in &objects {
            for action in Action::all().iter().chain([&dance]) {
                let [was, is] = [before, after].map(|snapshot| snapshot.decide(&subject, object, action).allowed);
                if was == is || (*action == dance && !names_dance(before, &subject) && !names_dance(after, &subject)) {
                    continue;
                }
                is_affected = true;
                let change = AccessChange { user: user.clone(), object: object.clone(), action: action.clone() };
                if is { impact.gained.push(change) } else { impact.lost.push(change) }
            }
        }
        impact.affected_users += u64::from(is_affected);
    }
    impact.gained_count = impact.gained.len() as u64;
    impact.lost_count = impact.lost.len() as u64;
    impact
}

/// Returns whether a rule that the subject comes by names the action that no platform knows.
fn names_dance(snapshot: &Snapshot, subject: &Subject) -> bool {
    let names = |rule: &Rule| matches!(rule, Rule::Permission { action, .. } if action.as_str() == "dance");
    snapshot.rules_of(subject).iter().any(names)
}

fn sorted(mut impact: Impact) -> Impact {
    impact.gained.sort();
    impact.lost.sort();
    impact
}

/// Returns whether the impact of random changes agrees with asking about everything, given the difference as
/// `forgetful` leaves it.
fn is_exact(forgetful: impl Fn(&mut RuleDiff)) -> bool {
    let (gains, losses) = (Cell::new(0_u64), Cell::new(0_u64));
    let run = |(first, second): (Vec<Step>, Vec<Step>)| {
        let mut world = World::new();
        let odd = ["allow dance nowhere/one", "allow edit nowhere/*", "deny delete voice/queues/q1", "allow * staff/*"];
        drop(world.role("r1", "", &odd));
        walk(&mut world, first);
        for some in second.chunks(4) {
            let before = world.state.clone();
            for step in some {
                drop(take(&mut world, *step));
            }
            let (was, is) = (snapshot(&before), snapshot(&world.state));
            let [one, other] = [&before, &world.state].map(|state| compile(&CATALOGUE, state).unwrap());
            let mut diff = PolicyDiff::between(&one, &other).rules();
            forgetful(&mut diff);
            let states = [&before, &world.state];
            let objects = Objects::new(told(states), &was);
            let impact = was.impact(&is, &diff, &objects, |_| true, usize::MAX);
            let expected = by_hand(&was, &is, states);
            gains.set(gains.get() + expected.gained_count);
            losses.set(losses.get() + expected.lost_count);
            prop_assert!(sorted(impact) == sorted(expected), "{some:?}");
        }
        Ok(())
    };
    let exact = runner().run(&steps(), run).is_ok();
    assert!(!exact || (gains.get() > 500 && losses.get() > 500), "{gains:?} gained, {losses:?} lost");
    exact
}

#[test]
fn r41_an_impact_is_exactly_what_decisions_before_and_after_differ_in() {
    assert!(is_exact(|_| {}));
}

#[test]
fn r41_an_impact_that_forgets_a_kind_of_rule_is_noticed() {
    assert!(!is_exact(|diff| diff.added.retain(|rule| matches!(rule, Rule::Membership { .. }))));
    assert!(!is_exact(|diff| diff.removed.retain(|rule| matches!(rule, Rule::Membership { .. }))));
    assert!(!is_exact(|diff| {
        let is_allow = |rule: &Rule| !matches!(rule, Rule::Permission { effect: Effect::Deny, .. });
        diff.added.retain(is_allow);
        diff.removed.retain(is_allow);
    }));
}

#[test]
fn r41_a_list_of_an_impact_has_a_bound_and_the_counts_have_none() {
    let mut world = World::with_dana();
    world.register("voice/queues", "a b c d e f");
    world.holder("eve", "supervisors");
    let before = world.state.clone();
    world.switch("supervisors", "voice", true);
    let (was, is) = (snapshot(&before), snapshot(&world.state));
    let [one, other] = [&before, &world.state].map(|state| compile(&CATALOGUE, state).unwrap());
    let diff = PolicyDiff::between(&one, &other).rules();
    let objects = Objects::new(told([&before, &world.state]), &was);
    let whole = was.impact(&is, &diff, &objects, |_| true, usize::MAX);
    let cut = was.impact(&is, &diff, &objects, |_| true, 5);
    assert!(!whole.truncated() && cut.truncated());
    assert_eq!(cut.gained, whole.gained[..5]);
    let counts = |impact: &Impact| (impact.gained_count, impact.lost_count, impact.affected_users);
    assert_eq!(counts(&cut), counts(&whole));
    let unseen = was.impact(&is, &diff, &objects, |user| user.as_str() == "eve", usize::MAX);
    assert_eq!((unseen.affected_users, unseen.gained_count * 2), (1, whole.gained_count));
    assert!(unseen.gained.iter().all(|change| change.user.as_str() == "eve"));
}
