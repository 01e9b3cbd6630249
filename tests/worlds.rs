//! Worlds: tenants as tables, in `tests/worlds/*.yaml`. Each says how a tenant is set up, in a short form of the
//! operations' inputs, and what then holds: exactly what users may do on objects, why not, with which obligations,
//! their menus and homes, and the states of modules.
//!
//! A world is made through GraphQL, on both databases. Every question to it is put a second time to casbin's Enforcer
//! over the tenant's exported rules.

mod ask;
mod form;
mod make;

use std::path::PathBuf;

use crate::common::app::{Instance, both};
use form::World;

/// Returns the worlds by their names, sorted.
fn worlds() -> Vec<(String, World)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    let world = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let world = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), world)
    };
    files.into_iter().map(world).collect()
}

both!(every_world_is_as_its_table_says);
async fn every_world_is_as_its_table_says(instance: Instance) {
    let operator = instance.operator().await;
    for (name, world) in worlds() {
        let alice = instance.tenant(&name).await;
        make::make(&operator, &alice, &name, &world).await;
        ask::check(&alice, &name, &world).await;
    }
}

#[test]
fn there_are_worlds_enough_and_each_allows_and_denies() {
    let worlds = worlds();
    assert!(worlds.len() >= 25, "{} worlds", worlds.len());
    for (name, world) in worlds {
        let answers: Vec<bool> = world.may.values().flat_map(|table| table.values()).map(|it| !it.is_empty()).collect();
        assert!(answers.contains(&true) && answers.contains(&false), "{name} asks for one kind of answer alone");
        assert!(
            !world.rules.is_empty() && !world.about.is_empty(),
            "{name} says neither what it shows nor of which rule"
        );
    }
}
