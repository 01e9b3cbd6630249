//! The files by which strangers work on the project keep their promises: workflows run targets that exist, and
//! `deny.toml` allows the licences of all that is built in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn yaml<T: DeserializeOwned>(path: &PathBuf) -> T {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[derive(Deserialize)]
struct Workflow {
    permissions: BTreeMap<String, String>,
    jobs: BTreeMap<String, Job>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Job {
    timeout_minutes: u32,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    uses: Option<String>,
    run: Option<String>,
}

#[test]
fn workflows_run_targets_that_there_are_read_only_and_within_a_time() {
    let makefile = std::fs::read_to_string(file("Makefile")).unwrap();
    let targets: BTreeSet<&str> =
        makefile.lines().filter_map(|line| Some(line.split_once(':')?.0)).filter(|name| !name.contains(' ')).collect();
    let mut run = BTreeSet::new();
    for entry in std::fs::read_dir(file(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let workflow: Workflow = yaml(&path);
        assert_eq!(workflow.permissions, BTreeMap::from([("contents".into(), "read".into())]), "{}", path.display());
        for (name, job) in &workflow.jobs {
            assert!(job.timeout_minutes <= 120, "{}: {name}", path.display());
            for step in &job.steps {
                let versioned = step.uses.as_ref().is_none_or(|action| action.contains('@'));
                assert!(versioned, "{}: {:?} has no version", path.display(), step.uses);
                for target in step.run.iter().filter_map(|command| command.strip_prefix("make ")) {
                    assert!(targets.contains(target), "{}: there is no `make {target}`", path.display());
                    run.insert(target.to_owned());
                }
            }
        }
    }
    assert!(run.is_superset(&["check", "test", "bench-check"].map(String::from).into()), "{run:?}");
}

#[test]
fn templates_and_updates_can_be_read() {
    for path in [".github/dependabot.yml", ".github/ISSUE_TEMPLATE/fault.yml", ".github/ISSUE_TEMPLATE/wish.yml"] {
        yaml::<serde_json::Value>(&file(path));
    }
    let container = std::fs::read_to_string(file(".devcontainer/devcontainer.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&container).unwrap();
}

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

/// Returns `true` if the allowed licences can meet the licences of an SPDX expression: `AND` binds closer than `OR`,
/// and `/` is an old `OR`.
fn allowed(expression: &str, ok: &dyn Fn(&str) -> bool) -> bool {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for word in expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").split_whitespace() {
        match word {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 && word == "OR" {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(word);
            part.push(' ');
        }
    }
    if let [whole] = parts.as_slice() {
        let whole = whole.trim();
        if let Some(inside) = whole.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
            && !inside.contains('(')
        {
            return allowed(inside, ok);
        }
        return match whole.split_once(" AND ") {
            Some((left, right)) => allowed(left, ok) && allowed(right, ok),
            None => ok(whole),
        };
    }
    parts.iter().any(|part| allowed(part, ok))
}

/// Returns the features with which each crate of the workspace's default members is built.
fn features(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", edges, "--prefix", "none", "--format", "{p}|{f}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let mut crates = BTreeMap::<String, BTreeSet<String>>::new();
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        let Some((package, features)) = line.trim_end_matches(" (*)").split_once('|') else { continue };
        crates.entry(package.to_owned()).or_default().extend(features.split(',').map(str::to_owned));
    }
    crates
}

#[test]
fn tests_build_the_crates_of_the_program_with_its_own_features() {
    let (program, tests) = (features("normal,build"), features("normal,build,dev"));
    assert!(program.len() > 100 && tests.len() > program.len(), "{} and {}", program.len(), tests.len());
    for (package, features) in program {
        assert_eq!(tests[&package], features, "{package}: `cargo build` after `cargo test` compiles it again");
    }
}

#[test]
fn deny_toml_allows_every_licence_that_is_built_in_and_no_other_source() {
    let deny: Deny = toml::from_str(&std::fs::read_to_string(file("deny.toml")).unwrap()).unwrap();
    // A line for each crate that is built in: its name, its version, where it is from unless the registry, its licence.
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", "bailiwick", "--edges", "normal,build"])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<(&str, &str)> = tree.lines().filter_map(|line| line.split_once('|')).collect();
    assert!(crates.len() > 100, "{} crates", crates.len());
    for (package, license) in crates {
        let name = package.split(' ').next().unwrap_or_default();
        let exception = deny.licenses.exceptions.iter().find(|exception| exception.name == name);
        let ok = |license: &str| {
            let license = license.trim_end_matches('+');
            deny.licenses.allow.contains(license)
                || exception.is_some_and(|exception| exception.allow.contains(license))
        };
        assert!(allowed(license, &ok), "{package} is under `{license}`");
        assert!(!package.contains("://"), "{package} is not from the registry");
    }
    assert!(!allowed("MIT AND (GPL-3.0 OR AGPL-3.0)", &|license| license == "MIT"));
    assert!(allowed("GPL-3.0 OR MIT AND ISC", &|license| matches!(license, "MIT" | "ISC")));
}

/// Runs a script with these programs and the system's tools in its path; returns the line that it refuses with.
fn refusal(script: &str, programs: &[(&str, &str)]) -> String {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    for tool in ["bash", "env", "sed", "head", "awk", "sort", "dirname"] {
        let place = ["/usr/bin", "/bin"].iter().map(|at| PathBuf::from(at).join(tool)).find(|place| place.exists());
        symlink(place.unwrap(), folder.path().join(tool)).unwrap();
    }
    for (name, text) in programs {
        let place = folder.path().join(name);
        std::fs::write(&place, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(file(script)).env_clear().env("PATH", folder.path()).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_machine_without_what_a_build_needs_is_told_so_in_one_line() {
    let (cargo, cc) = (("cargo", "echo cargo 1.70.0"), ("cc", ""));
    assert!(refusal("scripts/compiler", &[]).contains("https://rustup.rs"));
    assert!(refusal("scripts/compiler", &[cargo]).contains("build-essential"));
    let old = refusal("scripts/compiler", &[cargo, cc]);
    assert!(old.contains("1.70.0 is too old") && old.contains("rustup update"), "{old}");
}

#[test]
fn a_machine_that_cannot_build_the_console_is_told_so_in_one_line() {
    let (user, npm) = (("id", "echo 1000"), ("npm", "exit 1"));
    let (old, new) = (("node", "[ \"$1\" = --version ] && echo v18.0.0; [ \"$1\" = --version ]"), ("node", ""));
    assert!(refusal("scripts/console-packages", &[user]).contains("https://nodejs.org"));
    let said = refusal("scripts/console-packages", &[npm, old]);
    assert!(said.contains("v18.0.0") && said.contains("20.19"), "{said}");
    assert!(refusal("scripts/console-packages", &[npm, new]).contains("is there a network?"));
}
