//! The project keeps its order: each layer names only the layers and crates that it may, and the list of permissions is
//! complete. `docs/ARCHITECTURE.md` shows the same table to people.

mod comments;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// A layer, with the layers and crates that it may name besides itself, `std` and `error`.
struct Layer {
    name: &'static str,
    layers: &'static [&'static str],
    crates: &'static [&'static str],
}

/// The layers from the ground up. Anything that is not in a row is forbidden there.
const HOUSE: [Layer; 13] = [
    // Below every layer, so every layer may name it.
    Layer { name: "error", layers: &[], crates: &["serde", "strum", "thiserror"] },
    Layer { name: "turns", layers: &[], crates: &["thiserror", "tokio"] },
    Layer { name: "domain", layers: &[], crates: DOMAIN_CRATES },
    Layer { name: "config", layers: &["domain"], crates: CONFIG_CRATES },
    Layer {
        name: "policy",
        layers: &["domain"],
        crates: &["serde", "serde_json", "sha2", "strum", "thiserror", "uuid"],
    },
    Layer {
        name: "engine",
        layers: &["domain", "policy"],
        crates: &["casbin", "ahash", "arc_swap", "globset", "regex", "strum", "thiserror"],
    },
    Layer { name: "store", layers: &["domain", "policy", "turns"], crates: STORE_CRATES },
    Layer { name: "sync", layers: &["domain", "policy"], crates: SYNC_CRATES },
    Layer { name: "mail", layers: &["domain"], crates: &["lettre", "tokio", "url", "uuid"] },
    Layer { name: "auth", layers: &["domain", "turns"], crates: AUTH_CRATES },
    Layer {
        name: "service",
        layers: &["domain", "policy", "engine", "store", "sync", "mail", "auth", "turns"],
        crates: SERVICE_CRATES,
    },
    Layer { name: "graphql", layers: &["service", "domain", "auth"], crates: GRAPHQL_CRATES },
    Layer { name: "http", layers: &["service", "graphql", "auth", "turns"], crates: HTTP_CRATES },
];
const DOMAIN_CRATES: &[&str] = &[
    "data_encoding",
    "deunicode",
    "idna",
    "image",
    "imbl",
    "percent_encoding",
    "serde",
    "sha2",
    "strum",
    "thiserror",
    "time",
    "unicode_normalization",
    "unicode_properties",
    "unicode_segmentation",
    "uuid",
];
const CONFIG_CRATES: &[&str] = &[
    "data_encoding",
    "ipnet",
    "lettre",
    "secrecy",
    "serde",
    "serde_path_to_error",
    "serde_saphyr",
    "sha2",
    "thiserror",
    "toml",
    "tracing_subscriber",
    "url",
];
const STORE_CRATES: &[&str] = &[
    "async_trait",
    "casbin",
    "futures_util",
    "regex_syntax",
    "sea_orm",
    "sea_orm_migration",
    "sea_query_sqlx",
    "migrations",
    "uuid",
    "time",
    "serde",
    "serde_json",
    "sha2",
    "strum",
    "data_encoding",
    "thiserror",
    "tokio",
    "tracing",
];
const SYNC_CRATES: &[&str] = &[
    "redis",
    "moka",
    "tokio",
    "tokio_util",
    "futures_util",
    "uuid",
    "serde",
    "serde_json",
    "thiserror",
    "tracing",
    "getrandom",
];
const AUTH_CRATES: &[&str] =
    &["argon2", "data_encoding", "getrandom", "hmac", "secrecy", "sha2", "strum", "tokio", "tracing", "uuid"];
/// Never a transport's crate, nor Redis: the use cases do not know how they are reached.
const SERVICE_CRATES: &[&str] = &[
    "arc_swap",
    "csv",
    "data_encoding",
    "futures_util",
    "moka",
    "papaya",
    "prometheus_client",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "strum",
    "tokio",
    "tokio_util",
    "tracing",
    "url",
    "uuid",
];
const GRAPHQL_CRATES: &[&str] = &["async_graphql", "data_encoding", "futures_util", "serde_json", "tokio", "uuid"];
const HTTP_CRATES: &[&str] = &[
    "axum",
    "async_graphql",
    "data_encoding",
    "futures_util",
    "hyper",
    "hyper_util",
    "ipnet",
    "moka",
    "prometheus_client",
    "rust_embed",
    "serde",
    "serde_json",
    "sha2",
    "strum",
    "socket2",
    "tokio",
    "tokio_util",
    "tower",
    "tracing",
    "url",
    "uuid",
];

/// The parts that put the layers together: they may name anything.
const WIRING: [&str; 4] = ["app", "cli", "lib", "main"];
/// The module beside the layers: the demo tenant is a client of the use cases.
const DEMO: Layer =
    Layer { name: "demo", layers: &["auth", "domain", "service"], crates: &["serde", "serde_saphyr", "uuid"] };
/// The files of the use cases that may name the store itself: the doors to it, what loads policies into memory, and the
/// platform, which is made of it and puts it behind its doors.
const STORE_ROOMS: [&str; 3] = ["service/access/permit/access.rs", "service/runtime/policy_cache", "service/mod.rs"];
/// A file of more lines than this deserves another thought.
const LONG: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the names in code of the crates that the package depends on.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, table) = manifest.split_once("\n[dependencies]\n").unwrap();
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=', '#']).next()).filter(|name| !name.is_empty());
    names.map(|name| name.replace('-', "_")).collect()
}

/// Returns all Rust files below a folder, by path.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Returns the names in a text of `layer` that the layer may not use.
fn breaches(layer: &Layer, source: &Source, crates: &BTreeSet<String>) -> Vec<String> {
    let own = |name: &str| name == layer.name || name == "error";
    let layers = source.layers().into_iter().filter(|name| {
        let known =
            HOUSE.iter().any(|other| other.name == *name) || WIRING.contains(&name.as_str()) || name == DEMO.name;
        known && !own(name) && !layer.layers.contains(&name.as_str())
    });
    let foreign = source.crates(crates).into_iter().filter(|name| !layer.crates.contains(&name.as_str()));
    layers.map(|name| format!("crate::{name}")).chain(foreign).collect()
}

#[test]
fn each_layer_names_only_what_it_may() {
    let crates = dependencies();
    let mut found = Vec::new();
    for file in rust_files(&root().join("src")) {
        let path = file.strip_prefix(root().join("src")).unwrap();
        let first = path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if WIRING.contains(&first) {
            continue;
        }
        let layer = HOUSE.iter().chain([&DEMO]).find(|layer| layer.name == first);
        let layer = layer.unwrap_or_else(|| panic!("`src/{first}` is in no row of the table"));
        let source = Source::new(path, &fs::read_to_string(&file).unwrap());
        found.extend(breaches(layer, &source, &crates).iter().map(|name| format!("{} names {name}", path.display())));
    }
    assert!(found.is_empty(), "these break the order of the layers:\n{}", found.join("\n"));
}

#[test]
fn a_breach_is_found_however_it_is_written() {
    let crates = dependencies();
    let layer = |name: &str| HOUSE.iter().find(|layer| layer.name == name).unwrap();
    let check =
        |name, text: &str| breaches(layer(name), &Source::new(Path::new(&format!("{name}/x.rs")), text), &crates);
    for (name, text, breach) in [
        ("domain", "use crate::store::Tx;", "crate::store"),
        ("domain", "use crate::{error::Error, http};", "crate::http"),
        ("domain", "fn f() { let tx = crate::store::Tx::new(); }", "crate::store"),
        ("domain", "use super::super::engine::plan::Plan;", "crate::engine"),
        ("policy", "use sea_orm::ConnectionTrait as _;", "sea_orm"),
        ("service", "fn f(state: axum::extract::State<()>) {}", "axum"),
        ("service", "use {redis::Client, std::fmt};", "redis"),
        ("graphql", "    page: $crate::store::page::Page,", "crate::store"),
        ("http", "use crate::{service::{Page, Platform}, sync::Bus};", "crate::sync"),
    ] {
        assert_eq!(check(name, text), [breach], "{text}");
    }
    for (name, text) in [
        ("domain", "//! Not `crate::store::Tx`.\nuse crate::error::Error; // axum::Router"),
        ("domain", "use super::key::Key;\nuse std::time::Duration;"),
        (
            "sync",
            "use tokio::{sync::mpsc, time};\nmod redis;\npub use self::redis::RedisBus;\nasync fn f() { time::sleep(D).await }",
        ),
        ("graphql", "use crate::{auth::caller::Caller, service::{Page, Platform}};"),
    ] {
        assert_eq!(check(name, text), [""; 0], "{text}");
    }
}

/// Returns `true` for a file of the use cases that names the store although it has no business with it.
fn is_past_the_doors(path: &Path, text: &str) -> bool {
    let has_business =
        STORE_ROOMS.iter().any(|room| path.starts_with(room) || path.with_extension("").starts_with(room));
    path.starts_with("service") && !has_business && Source::new(path, text).names("Store")
}

#[test]
fn only_the_doors_and_the_policies_in_memory_reach_the_store() {
    let files = rust_files(&root().join("src/service"));
    let paths = files.iter().map(|file| file.strip_prefix(root().join("src")).unwrap());
    let breaches: Vec<_> = paths
        .filter(|path| is_past_the_doors(path, &fs::read_to_string(root().join("src").join(path)).unwrap()))
        .collect();
    assert!(breaches.is_empty(), "these reach the store without a permit: {breaches:?}");
    for room in STORE_ROOMS {
        assert!(files.iter().any(|file| file.with_extension("").ends_with(room.trim_end_matches(".rs"))), "no {room}");
    }
}

#[test]
fn a_way_past_the_doors_is_found_however_it_is_written() {
    for (path, text, is_breach) in [
        ("service/admin/group.rs", "use crate::store::Store;", true),
        ("service/admin/group.rs", "use crate::store::{Scope, Store as Rows};", true),
        ("service/access/permit.rs", "fn f(store: &crate::store::Store) {}", true),
        ("service/access/session.rs", "use crate::{error::Error, store::{page::Page, Store}};", true),
        ("service/runtime/health.rs", "let opened = store::Store::open(url);", true),
        ("service/admin/group.rs", "// The Store is behind its doors.\nuse crate::store::{Scope, Tx};", false),
        ("service/ask/search.rs", "struct Stored;", false),
        ("service/access/permit/access.rs", "use crate::store::Store;", false),
        ("service/runtime/policy_cache.rs", "use crate::store::Store;", false),
        ("service/runtime/policy_cache/tests.rs", "use crate::store::Store;", false),
        ("app.rs", "use crate::store::Store;", false),
    ] {
        assert_eq!(is_past_the_doors(Path::new(path), text), is_breach, "{path}: {text}");
    }
}

#[test]
fn no_file_is_a_drawer_for_what_has_no_place() {
    for file in ["src", "tests", "benches", "migrations"].iter().flat_map(|folder| rust_files(&root().join(folder))) {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        assert!(!["util", "utils", "helpers", "misc"].contains(&stem), "{} says nothing by its name", file.display());
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        if lines > LONG {
            println!("{} has {lines} lines: does it hold one concept?", file.strip_prefix(root()).unwrap().display());
        }
    }
}

#[test]
fn every_permission_that_a_use_case_asks_for_is_documented() {
    let code = fs::read_to_string(root().join("src/service/access/permit.rs")).unwrap();
    let document = fs::read_to_string(root().join("docs/PERMISSIONS.md")).unwrap();
    let permits: Vec<_> = code.lines().filter_map(permit).collect();
    assert!(permits.len() > 15, "the list of permits is not where it was: {permits:?}");
    for (object, action) in permits {
        let pair = format!("`{object}` · `{action}`");
        assert!(document.contains(&pair), "docs/PERMISSIONS.md does not say what needs {pair}");
    }
}

/// Returns the object and the action of a line such as `USERS_READ = "admin/users", read;`.
fn permit(line: &str) -> Option<(&str, &str)> {
    let (name, pair) = line.trim().split_once(" = \"")?;
    let (object, action) = pair.strip_suffix(';')?.split_once("\", ")?;
    name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_').then_some((object, action))
}
