//! The README's calls and the tour: every command runs against the demo tenant and prints what the page says.

use std::fmt::Write as _;
use std::path::Path;

use bailiwick::demo;

use crate::common::app::{Choices, Database, Instance};
use crate::common::program::run;

/// A command of a page, and what it prints where the page says so.
struct Step {
    command: String,
    printed: Option<String>,
}

/// Returns the blocks of a page: each shell block with the block that follows it directly.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut follows = false;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            follows = false;
            continue;
        };
        let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        match (kind, steps.last_mut()) {
            ("sh", _) => steps.push(Step { command: text.join("\n"), printed: None }),
            ("json" | "", Some(step)) if follows => step.printed = Some(text.join("\n")),
            _ => {}
        }
        follows = kind == "sh";
    }
    steps
}

/// Runs the commands of a page one after the other in one shell, as its reader does.
async fn walk(page: &str) {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    demo::load(&instance.platform).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let steps: Vec<_> = steps(&text).into_iter().filter(|step| !step.command.starts_with("make ")).collect();
    let mut script = format!("cd {}\n", folder.path().display());
    for (number, step) in steps.iter().enumerate() {
        let _ = write!(script, "exec > {number}.out\n{}\n", step.command);
    }
    let script = script
        .replace("http://127.0.0.1:8080", &instance.url)
        .replace("target/debug/bailiwick", env!("CARGO_BIN_EXE_bailiwick"));
    run(&["bash", "-c", &script], &[("BAILIWICK_DATABASE_URL", &database.url), ("BAILIWICK_LOG", "error")]).await;
    let mut compared = 0;
    for (number, step) in steps.iter().enumerate() {
        let printed = std::fs::read_to_string(folder.path().join(format!("{number}.out"))).unwrap();
        if let Some(expected) = &step.printed {
            assert_eq!(printed.trim(), expected.trim(), "{page}: {}", step.command);
            compared += 1;
        }
    }
    assert!(compared > 0, "{page} has nothing to compare");
}

#[tokio::test]
async fn the_calls_of_the_readme_print_what_it_says() {
    walk("README.md").await;
}

#[tokio::test]
async fn the_tour_prints_what_it_says() {
    walk("docs/TOUR.md").await;
}

#[test]
fn the_readme_is_read_in_a_few_minutes() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(text.lines().count() <= 120, "{} lines", text.lines().count());
}
