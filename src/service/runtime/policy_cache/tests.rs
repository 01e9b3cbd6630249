use std::sync::atomic::AtomicBool;

use uuid::Uuid;

use super::way::{Way, way};
use super::*;
use crate::domain::key::{Action, ObjectPattern};
use crate::domain::name::Timestamp;
use crate::domain::tenant::Settings;
use crate::engine;
use crate::policy::rule::{BuiltIn, Rule, Subject};
use crate::store::audit::{Actor, ActorKind};
use crate::store::revision::{Ahead, RevisionEntry};
use crate::sync::Applier as _;

fn limits(tenants: usize, rules: usize) -> Registry {
    Registry::new(Limits { tenants, rules })
}

/// Returns a policy of so many rules.
fn policy(key: &TenantKey, rules: usize) -> TenantPolicy {
    let plan = Arc::new(Plan::from_model(engine::MODEL).unwrap());
    let rule = |n| {
        let object = ObjectPattern::parse(&format!("voice/queues/{n}")).unwrap();
        Rule::allow(Subject::Role(BuiltIn::Member), object, (&Action::read()).into())
    };
    TenantPolicy {
        counters: Counters::default(),
        snapshot: Arc::new(Snapshot::build(&plan, key, 0, (0..rules).map(rule))),
        settings: Settings::default(),
        disabled: Arc::default(),
    }
}

/// Loads the tenant of this number, with so many rules, as `PolicyCache` does.
fn load(registry: &Registry, n: u128, rules: usize) -> Arc<Tenant> {
    let (id, key) = (TenantId(Uuid::from_u128(n)), TenantKey::parse(&format!("t{n}")).unwrap());
    let policy = policy(&key, rules);
    let tenant = Arc::new(Tenant::new(id, key, policy, Arc::clone(registry.held())));
    registry.put(&registry.slot(id), &tenant);
    tenant
}

fn find(registry: &Registry, n: u128) -> Option<Arc<Tenant>> {
    registry.find(TenantId(Uuid::from_u128(n)))?.tenant().map(|tenant| registry.used(tenant))
}

/// Returns the numbers of the tenants in memory.
fn loaded(registry: &Registry) -> Vec<u128> {
    let mut numbers: Vec<u128> = registry.loaded().iter().map(|id| id.0.as_u128()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn the_one_not_used_for_longest_goes_with_its_key() {
    let registry = limits(2, 1000);
    for n in 1..=2 {
        load(&registry, n, 10);
    }
    assert!(find(&registry, 1).is_some());
    load(&registry, 3, 10);
    registry.make_room();
    assert_eq!(loaded(&registry), [1, 3]);
    let known = |n: u128| registry.id_of(&TenantKey::parse(&format!("t{n}")).unwrap()).is_some();
    assert!(known(1) && !known(2) && known(3));
    assert!(registry.find(TenantId(Uuid::from_u128(2))).is_none(), "nothing is left of it");
    assert_eq!((registry.held().tenants(), registry.held().rules()), (2, 20));
}

#[test]
fn rules_count_as_tenants_do_and_changes_of_them_too() {
    let registry = limits(1000, 100);
    for n in 1..=3 {
        load(&registry, n, 30);
    }
    registry.make_room();
    assert_eq!(loaded(&registry), [1, 2, 3]);
    let third = find(&registry, 3).unwrap();
    third.swap(policy(&third.key, 70));
    assert_eq!(registry.held().rules(), 130);
    registry.make_room();
    assert_eq!(loaded(&registry), [3], "with a little to spare");
    third.swap(policy(&third.key, 1));
    assert_eq!(registry.held().rules(), 1);
}

#[test]
fn one_that_is_held_or_followed_stays_and_the_next_goes() {
    let registry = limits(1, 1000);
    let held = load(&registry, 1, 10);
    let changes = load(&registry, 2, 10).changes();
    load(&registry, 3, 10);
    load(&registry, 4, 10);
    registry.make_room();
    assert_eq!(loaded(&registry), [1, 2]);
    assert!(Arc::ptr_eq(&held, &find(&registry, 1).unwrap()), "the same as before");
    drop((held, changes));
    registry.make_room();
    assert_eq!(loaded(&registry).len(), 1);
}

#[tokio::test]
async fn one_that_is_being_loaded_stays_and_who_waits_for_a_closed_slot_learns_of_it() {
    let registry = limits(0, 0);
    let tenant = load(&registry, 1, 10);
    let slot = registry.find(tenant.id).unwrap();
    drop(tenant);
    let turn = slot.turn.lock().await;
    registry.make_room();
    assert_eq!(loaded(&registry), [1]);
    drop(turn);
    registry.make_room();
    assert_eq!(loaded(&registry), [] as [u128; 0]);
    assert!(slot.is_closed());
    assert!(!Arc::ptr_eq(&slot, &registry.slot(TenantId(Uuid::from_u128(1)))), "the next use has a slot of its own");
}

#[tokio::test]
async fn a_forgotten_tenant_is_gone_for_the_next_and_its_followers_hear_the_end() {
    let registry = limits(10, 1000);
    let tenant = load(&registry, 1, 10);
    let mut changes = tenant.changes();
    registry.forget(&tenant).await;
    assert_eq!(loaded(&registry), [] as [u128; 0]);
    let successor = load(&registry, 1, 20);
    // Whoever learns late that the first is gone does not take the second away.
    registry.forget(&tenant).await;
    assert!(Arc::ptr_eq(&successor, &find(&registry, 1).unwrap()));
    assert_eq!(registry.held().rules(), 30, "what is still held counts");
    drop(tenant);
    assert!(changes.changed().await.is_err());
    assert_eq!(registry.held().rules(), 20);
}

#[test]
fn a_slot_whose_load_was_given_up_is_taken_out() {
    let registry = limits(10, 1000);
    load(&registry, 1, 10);
    let given_up = registry.slot(TenantId(Uuid::from_u128(2)));
    registry.tidy();
    assert!(given_up.is_closed());
    assert!(registry.find(TenantId(Uuid::from_u128(2))).is_none() && find(&registry, 1).is_some());
}

/// Returns the tenant of number 1, loaded when it is not there: as `PolicyCache::get` does, for a thread.
fn used(registry: &Registry) -> Arc<Tenant> {
    loop {
        let slot = registry.slot(TenantId(Uuid::from_u128(1)));
        if let Some(tenant) = slot.tenant() {
            return tenant;
        }
        let Ok(_turn) = slot.turn.try_lock() else { continue };
        if !slot.is_closed() && slot.tenant().is_none() {
            return load(registry, 1, 1);
        }
    }
}

#[test]
fn there_is_never_a_second_one_beside_one_that_is_held_while_room_is_made() {
    let registry = Arc::new(limits(0, 0));
    let stop = Arc::new(AtomicBool::new(false));
    let maker = {
        let (registry, stop) = (Arc::clone(&registry), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                registry.make_room();
            }
        })
    };
    let same = (0..5_000).all(|_| {
        let held = used(&registry);
        Arc::ptr_eq(&held, &used(&registry))
    });
    stop.store(true, Ordering::Relaxed);
    maker.join().unwrap();
    assert!(same);
    registry.make_room();
    assert_eq!((loaded(&registry).len(), registry.held().tenants()), (0, 0));
}

/// Returns the counters of this revision and epoch, and the changes that made them.
fn counters([revision, credential_epoch]: [u64; 2], [policy, credential]: [u128; 2]) -> Counters {
    let (policy_change, credential_change) = (Uuid::from_u128(policy), Uuid::from_u128(credential));
    Counters { revision, credential_epoch, policy_change, credential_change }
}

/// Returns the rows that are stored, with the change at the revision that is in memory, and the revisions after it.
fn ahead(counters: Counters, from: Option<u128>, log: &[u64]) -> Ahead {
    let entry = |revision: &u64| RevisionEntry {
        revision: *revision,
        change_id: Uuid::now_v7(),
        at: Timestamp(0),
        author: Actor { kind: ActorKind::System, key: String::new(), name: String::new() },
        reason: String::new(),
        rules: RuleDiff::default(),
        patch: StatePatch::default(),
        model_hash: String::new(),
        catalogue_hash: String::new(),
        compiler_version: 0,
    };
    Ahead { counters, from: from.map(Uuid::from_u128), log: log.iter().map(entry).collect() }
}

/// Returns the way from counters in memory, in a word.
fn told(here: Counters, ahead: &Ahead) -> &'static str {
    let key = TenantKey::parse("acme").unwrap();
    match way(&TenantPolicy { counters: here, ..policy(&key, 1) }, ahead) {
        Way::None => "none",
        Way::Forward(next) => {
            assert_eq!(next.counters, ahead.counters);
            "forward"
        }
        Way::Far => "far",
        Way::Elsewhere => "elsewhere",
    }
}

#[test]
fn a_history_is_followed_only_if_it_holds_the_change_that_made_what_is_here() {
    let here = counters([7, 3], [70, 30]);
    for (stored, from, log, expected) in [
        (here, Some(70), &[][..], "none"),
        (counters([8, 3], [80, 30]), Some(70), &[8], "forward"),
        (counters([9, 4], [90, 40]), Some(70), &[8, 9], "forward"),
        (counters([7, 4], [70, 40]), Some(70), &[], "forward"),
        // Too far, or the log was shortened.
        (counters([9, 3], [90, 30]), Some(70), &[8], "far"),
        (counters([9, 3], [90, 30]), None, &[9], "far"),
        // Numbers that were given out twice.
        (counters([7, 3], [71, 30]), Some(71), &[], "elsewhere"),
        (counters([8, 3], [80, 30]), Some(71), &[8], "elsewhere"),
        (counters([6, 3], [60, 30]), None, &[], "elsewhere"),
        (counters([7, 3], [70, 31]), Some(70), &[], "elsewhere"),
        (counters([8, 2], [80, 20]), Some(70), &[8], "elsewhere"),
    ] {
        assert_eq!(told(here, &ahead(stored, from, log)), expected, "{stored:?} {from:?} {log:?}");
    }
}

#[test]
fn what_an_older_program_has_made_is_followed_by_its_number() {
    let unnamed = counters([7, 3], [0, 0]);
    assert_eq!(told(unnamed, &ahead(counters([8, 3], [80, 0]), Some(70), &[8])), "forward");
    assert_eq!(told(counters([6, 3], [60, 30]), &ahead(unnamed, Some(60), &[7])), "elsewhere");
    assert_eq!(told(counters([6, 2], [60, 20]), &ahead(unnamed, Some(60), &[7])), "forward");
    // A number that was given out to nobody whom the program knows, and then to somebody.
    assert_eq!(told(unnamed, &ahead(counters([7, 3], [70, 0]), Some(70), &[])), "elsewhere");
    assert_eq!(told(counters([0, 0], [0, 0]), &ahead(counters([1, 0], [10, 0]), None, &[1])), "forward");
}

#[test]
fn late_news_of_what_was_followed_from_are_nothing_and_all_others_are_looked_at() {
    let registry = limits(10, 1000);
    let tenant = load(&registry, 1, 1);
    let at = |counters: Counters| TenantPolicy { counters, ..TenantPolicy::clone(&tenant.policy()) };
    let (first, second) = (counters([7, 3], [70, 30]), counters([8, 3], [80, 30]));
    tenant.swap(at(first));
    tenant.swap(at(second));
    let has = |counters| tenant.has(&news_of(tenant.id, counters));
    assert!(has(second) && has(first));
    assert!(!has(counters([8, 3], [81, 30])) && !has(counters([7, 3], [71, 30])) && !has(counters([8, 3], [80, 31])));
    let unnamed = News { policy_change: None, credential_change: None, ..news_of(tenant.id, second) };
    assert!(!tenant.has(&unnamed));
    // Of another history, nothing of the one before is known.
    let moment = registry.held().moments.now();
    assert!(tenant.is_watched_since(moment));
    tenant.replace(at(counters([8, 3], [82, 30])));
    assert!(!has(first) && !has(second));
    assert!(!tenant.is_watched_since(moment), "what was remembered before counts no more");
}

/// Tenants over a database of a test's own, and the folder that it goes with.
async fn tenants() -> (Arc<PolicyCache>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
    let store = Store::connect(&url, 4).await.unwrap();
    store.migrate().await.unwrap();
    let plan = Arc::new(Plan::from_model(engine::MODEL).unwrap());
    (PolicyCache::new(store, plan, Limits { tenants: 10, rules: 1000 }), folder)
}

#[tokio::test]
async fn a_tenant_that_a_change_of_its_own_brought_on_is_not_behind() {
    let (tenants, _folder) = tenants().await;
    let tenant = load(&tenants.registry, 1, 1);
    let before = tenant.policy().counters;
    let stored = counters([1, 0], [10, 0]);
    let own = OwnChange { before, counters: stored, policy: None };
    for applies in [true, false] {
        tenant.swap(TenantPolicy { counters: before, ..TenantPolicy::clone(&tenant.policy()) });
        // The sweep finds the change stored while whoever made it is at it.
        let applying = tenant.applying.lock().await;
        tenants.compare(tenant.id, Some(stored)).await;
        assert!(tenant.behind_since().is_some());
        drop(applying);
        if applies {
            tenants.apply_own(tenant.id, &own).await.unwrap();
        } else {
            tenant.swap(TenantPolicy { counters: stored, ..TenantPolicy::clone(&tenant.policy()) });
            tenants.compare(tenant.id, Some(stored)).await;
        }
        assert_eq!((tenant.policy().counters, tenant.behind_since()), (stored, None));
    }
}

#[tokio::test]
async fn who_waits_for_a_first_load_that_fails_fails_with_it() {
    let (tenants, _folder) = tenants().await;
    let id = TenantId(Uuid::from_u128(1));
    let slot = tenants.registry.slot(id);
    let turn = slot.turn.lock().await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let tenants = Arc::clone(&tenants);
        waiting.spawn(async move { tenants.get(id).await.map(|found| found.is_some()) });
    }
    // The registry's, this one, and one of each that waits.
    while Arc::strong_count(&slot) < 10 {
        tokio::task::yield_now().await;
    }
    tenants.registry.give_up(id, &slot, Some(&Error::unavailable("the database is away")));
    drop(turn);
    for outcome in waiting.join_all().await {
        assert_eq!(outcome.unwrap_err().code, crate::error::ErrorCode::Unavailable);
    }
    assert!(tenants.get(id).await.unwrap().is_none(), "the next looks anew, and the database says that there is none");
}

#[tokio::test]
async fn news_are_followed_at_the_places_for_them_and_what_is_here_needs_none() {
    let (tenants, _folder) = tenants().await;
    let tenant = load(&tenants.registry, 1, 1);
    let (here, elsewhere) = (tenant.policy().counters, counters([1, 0], [10, 0]));
    let places = tenants.following.available_permits();
    assert_eq!(places, 1, "a quarter of the connections");
    let place = tenants.following.acquire().await.unwrap();
    tenants.heard(news_of(tenant.id, here)).await;
    let hearing = tokio::spawn({
        let (tenants, news) = (Arc::clone(&tenants), news_of(tenant.id, elsewhere));
        async move { tenants.heard(news).await }
    });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tenant.tickets.begun(), 0, "it waits for its place");
    drop(place);
    hearing.await.unwrap();
    assert_eq!(tenant.tickets.begun(), 1);
    assert_eq!(tenants.following.available_permits(), places);
}
