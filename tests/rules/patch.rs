//! The steps from one state of a tenant to the next: patches, the difference of rules, and the changes that make a
//! revision (R43, R45).

use std::cell::Cell;

use super::*;
use bailiwick::domain::profile::ProfileChange;
use bailiwick::domain::tenant::Settings;
use bailiwick::policy::compile::compile_sources;
use bailiwick::policy::diff::{PolicyDiff, StatePatch, alters_answers};
use bailiwick::policy::source::{self, Source};
use proptest::collection::vec;
use proptest::prelude::*;

/// A random change: its kind, its thing, and another thing.
pub(super) type Step = (u8, u8, u8);

/// The number of kinds of changes.
const KINDS: u8 = 25;

pub(super) fn steps() -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    let step = || (0..KINDS, 0..3_u8, 0..3_u8);
    (vec(step(), 0..80), vec(step(), 0..16))
}

/// Tries one change. Many are refused, for want of what they name.
pub(super) fn take(world: &mut World, (kind, a, b): Step) -> Result<()> {
    let (user, profile, role, group) = (format!("u{a}"), format!("p{b}"), format!("r{b}"), format!("g{b}"));
    let access = UserChange { profile: Change::Set(key(&profile)), ..UserChange::default() };
    let queue = || vec![new_resource(&format!("q{a}"))];
    match kind {
        0 => world.change(|state| state.create_profile(new_profile(None, &profile))).map(drop),
        1 => world.change(|state| state.delete_profile(&profile)).map(drop),
        2 => world.sections(&profile, [SectionSave { add: keys(&format!("q{a}")), ..open("voice/queues") }]),
        3 => world.sections(&profile, [SectionSave { automatic: a == 0, ..closed("voice/queues") }]),
        4 => world.user(&user, BaseRole::User, access),
        5 => {
            world.user(&user, BaseRole::Manager, UserChange { role: Change::Set(key(&role)), ..UserChange::default() })
        }
        6 => world.change_user(&user, access),
        7 => world.change_user(&user, UserChange { enabled: Some(b == 0), ..UserChange::default() }),
        8 => world.change(|state| state.remove_user(&user)).map(drop),
        9 => world.group(&group, "", "reports", &user).map(drop),
        10 => world.change(|state| state.delete_group(&group)).map(drop),
        11 => world.role(&role, "reports", &["allow read voice/queues/q0"]).map(drop),
        12 => world.change(|state| state.delete_role(&role)).map(drop),
        13 => world.register_all("voice/queues", queue(), (b == 0).then_some("u0")),
        14 => world.remove("voice/queues", &format!("q{a}")),
        15 => {
            let new = NewProfile { mask_sensitive_data: true, ..new_profile(None, &profile) };
            world.change(|state| state.create_profile(new)).map(drop)
        }
        16 => world.sections(&profile, [open("contacts/contacts")]),
        17 => world.register_all("voice/queues", vec![NewResource { protected: b == 0, ..queue().remove(0) }], None),
        18 => {
            let members = Some(BTreeSet::from([key("staff/agents/a0"), key(&format!("staff/agents/a{b}"))]));
            world.register_all("staff/agents", vec![new_resource("a0"), new_resource(&format!("a{b}x"))], None).ok();
            world.register_all("staff/teams", vec![NewResource { members, ..new_resource(&format!("t{a}")) }], None)
        }
        19 => world.sections(
            &profile,
            [SectionSave { automatic: a == 0, add: keys(if a == 1 { "t1" } else { "" }), ..open("staff/teams") }],
        ),
        20 => world.change(|state| state.add_members(&group, BTreeSet::from([key(&user)]))),
        21 => world.change(|state| state.remove_members(&group, &BTreeSet::from([key(&user)]))),
        22 => world.change_user(&user, UserChange { groups: Some(keys(&group)), ..UserChange::default() }),
        23 => world.sections(&profile, [SectionSave { keep_associated: true, ..open("voice/queues") }]),
        _ => {
            world.state.settings.masked_characters = i32::from(b) + 1;
            world.licence(if a == 0 { "voice" } else { "voice chat reports" })
        }
    }
}

/// Takes what can be taken of the steps.
pub(super) fn walk(world: &mut World, steps: Vec<Step>) {
    for step in steps {
        drop(take(world, step));
    }
}

fn applied(mut state: TenantState, patch: &StatePatch) -> TenantState {
    patch.apply(&mut state);
    state
}

#[test]
fn r45_a_patch_turns_one_state_into_the_other_and_back() {
    let kinds_taken = Cell::new(0_u32);
    let run = |(first, second): (Vec<Step>, Vec<Step>)| {
        let mut world = World::new();
        walk(&mut world, first);
        let before = world.state.clone();
        let mut stepped = before.clone();
        for step in second {
            let last = world.state.clone();
            if take(&mut world, step).is_ok() {
                kinds_taken.set(kinds_taken.get() | 1 << step.0);
            }
            stepped = applied(stepped, &StatePatch::between(&last, &world.state));
        }
        let after = world.state;
        prop_assert_eq!(&stepped, &after, "step by step");
        let stored = serde_json::to_string(&StatePatch::between(&before, &after)).unwrap();
        let patch: StatePatch = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&applied(before.clone(), &patch), &after, "at once");
        prop_assert_eq!(&applied(after.clone(), &StatePatch::between(&after, &before)), &before, "and back");
        prop_assert_eq!(StatePatch::between(&after, &after), StatePatch::default());
        Ok(())
    };
    runner().run(&steps(), run).unwrap();
    assert_eq!(kinds_taken.get(), (1 << KINDS) - 1, "every kind of change was taken at least once");
}

#[test]
fn r43_the_difference_of_two_policies_turns_one_into_the_other() {
    let run = |(first, second): (Vec<Step>, Vec<Step>)| {
        let mut world = World::new();
        walk(&mut world, first);
        let before = compile(&CATALOGUE, &world.state).unwrap();
        walk(&mut world, second);
        let after = compile(&CATALOGUE, &world.state).unwrap();
        let diff = PolicyDiff::between(&before, &after);
        let mut stepped = before.clone();
        stepped.retain(|rule, _| !diff.removed.contains(rule));
        stepped.extend(diff.added.clone());
        stepped.extend(diff.moved.clone());
        prop_assert!(stepped == after);
        prop_assert!(diff.is_empty() == (before == after));
        prop_assert!(diff.rules().is_empty() == before.keys().eq(after.keys()));
        prop_assert!(PolicyDiff::between(&after, &after).is_empty());
        Ok(())
    };
    runner().run(&steps(), run).unwrap();
}

/// Returns whether what a change touches compiles to the difference of the whole, over random walks; with one kind of
/// source left out where `without` says so.
fn compiles_what_is_touched(without: impl Fn(&Source) -> bool) -> bool {
    let run = |(first, second): (Vec<Step>, Vec<Step>)| {
        let mut world = World::new();
        walk(&mut world, first);
        for step in second {
            let before = world.state.clone();
            drop(take(&mut world, step));
            let patch = StatePatch::between(&before, &world.state);
            let mut touched = source::touched(&before, &world.state, &patch);
            touched.retain(|source| !without(source));
            let [was, is] = [&before, &world.state].map(|state| compile_sources(&CATALOGUE, state, &touched).unwrap());
            let [all_was, all_is] = [&before, &world.state].map(|state| compile(&CATALOGUE, state).unwrap());
            prop_assert!(PolicyDiff::between(&was, &is) == PolicyDiff::between(&all_was, &all_is), "{step:?}");
        }
        Ok(())
    };
    runner().run(&steps(), run).is_ok()
}

#[test]
fn r44_what_a_change_touches_compiles_to_the_difference_of_the_whole() {
    assert!(compiles_what_is_touched(|_| false));
}

#[test]
fn r44_leaving_out_any_kind_of_source_is_noticed() {
    assert!(!compiles_what_is_touched(|source| matches!(source, Source::Tenant)));
    assert!(!compiles_what_is_touched(|source| matches!(source, Source::User(_))));
    assert!(!compiles_what_is_touched(|source| matches!(source, Source::Profile(_))));
    assert!(!compiles_what_is_touched(|source| matches!(source, Source::Role(_))));
    assert!(!compiles_what_is_touched(|source| matches!(source, Source::Group(_))));
    assert!(!compiles_what_is_touched(|source| matches!(source, Source::Member(..))));
}

#[test]
fn r43_a_rule_that_only_comes_from_elsewhere_is_moved_and_makes_no_revision() {
    let mut world = World::with_dana();
    let before = compile(&CATALOGUE, &world.state).unwrap();
    world.sections("supervisors", [SectionSave { add: keys("from-sip"), ..closed("voice/contexts") }]).unwrap();
    let diff = PolicyDiff::between(&before, &compile(&CATALOGUE, &world.state).unwrap());
    assert!(diff.rules().is_empty() && !diff.is_empty());
    let moved: Vec<usize> = diff.moved.values().map(BTreeSet::len).collect();
    assert_eq!(moved, [2, 2], "`read` and `link` come from the list now, and from the protection still");
}

/// Returns whether a change makes a revision: by the rules, and by what is beside them.
fn revises(change: impl FnOnce(&mut World)) -> (bool, bool) {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.group("Night", "", "", "dana").unwrap();
    world.holder("off", "supervisors");
    world.disable("off");
    let before = world.clone();
    change(&mut world);
    (before.rules() != world.rules(), alters_answers(&before.state, &world.state))
}

#[test]
fn r43_a_change_makes_a_revision_when_it_can_change_an_answer() {
    let by_rules = (true, false);
    let beside = (false, true);
    assert_eq!(revises(|world| world.switch("supervisors", "voice", true)), by_rules);
    assert_eq!(revises(|world| world.licence("voice").unwrap()), by_rules);
    assert_eq!(revises(|world| world.staff("gus", BaseRole::Agent)), by_rules);
    assert_eq!(revises(|world| drop(world.group("Day", "", "reports", "").unwrap())), by_rules);
    assert_eq!(revises(|world| drop(world.change(|state| state.remove_user("dana")).unwrap())), by_rules);
    assert_eq!(revises(|world| world.register("voice/queues", "support")), beside);
    assert_eq!(revises(|world| world.remove("voice/queues", "sales").unwrap()), beside);
    let settings = Settings { masked_characters: 9, ..Settings::default() };
    assert_eq!(revises(|world| world.state.settings = settings), beside);
    // Only the reason of a deny: no longer disabled, but unknown.
    assert_eq!(revises(|world| drop(world.change(|state| state.remove_user("off")).unwrap())), beside);
    assert_eq!(revises(|world| world.disable("dana")), (true, true));
}

#[test]
fn r43_a_change_that_cannot_change_an_answer_makes_no_revision() {
    let neither = (false, false);
    assert_eq!(revises(|_| {}), neither);
    let text = ProfileChange { description: Some("Of the night".to_owned()), ..ProfileChange::default() };
    assert_eq!(revises(|world| world.change(|state| state.update_profile("supervisors", 1, text)).unwrap()), neither);
    let name = GroupChange { name: Some(key("Moon")), ..GroupChange::default() };
    assert_eq!(
        revises(|world| world.change(|state| state.update_group(&CATALOGUE, "night", 1, name)).unwrap()),
        neither
    );
    assert_eq!(revises(|world| world.change_user("dana", UserChange::default()).unwrap()), neither);
    assert_eq!(revises(|world| drop(world.group("Day", "", "", "").unwrap())), neither);
}
