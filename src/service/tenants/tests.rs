use std::sync::atomic::AtomicBool;

use uuid::Uuid;

use super::*;
use crate::domain::key::{Action, ObjectPattern};
use crate::domain::tenant::Settings;
use crate::engine;
use crate::policy::rule::{BuiltIn, Rule, Subject};

fn limits(tenants: usize, rules: usize) -> Registry {
    Registry::new(Limits { tenants, rules })
}

/// A policy of so many rules.
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

/// Loads the tenant of this number, with so many rules, as `Tenants` does.
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

/// The numbers of the tenants in memory.
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

/// The tenant of number 1, loaded when it is not there: as `Tenants::get` does, for a thread.
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
