//! The examples, each run against a server as a host would run it.

use std::path::Path;
use std::process::{Command, Output};

use bailiwick::demo;

use crate::common::app::{Client, Instance, both};

/// Returns the host's API key, and a user who can change its answers.
async fn furnish(instance: &Instance) -> (String, Client) {
    demo::load(&instance.platform).await.unwrap();
    let alice = instance.stranger().signed_in("demo", "alice", demo::PASSWORD).await;
    let desk = alice.new_service("desk").await;
    (desk.token.unwrap(), alice)
}

/// Runs a program, and returns its exit status and its output.
async fn run(line: &[&str], server: &str, key: &str) -> (i32, String, String) {
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    command.env("BAILIWICK_SERVER", server).env("BAILIWICK_API_KEY", key);
    let ended: std::io::Result<Output> = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let ended = ended.unwrap_or_else(|error| panic!("{line:?} cannot be run, see `make test-tools`: {error}"));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

/// Returns the example that Cargo has built beside this test.
fn host() -> String {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap().join("examples/host");
    assert!(built.exists(), "`cargo test` builds it: {}", built.display());
    built.display().to_string()
}

/// Builds the example in TypeScript, with types made from today's schema.
async fn typescript() -> &'static str {
    static BUILT: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let build = async || {
        let line = ["npm", "run", "build", "--prefix", "examples/typescript"];
        let (code, out, err) = run(&line, "", "").await;
        assert_eq!(code, 0, "{out}\n{err}");
    };
    BUILT.get_or_init(build).await;
    "examples/typescript/dist/host.js"
}

both!(each_example_allows_denies_and_takes_no_answer_for_a_no);
async fn each_example_allows_denies_and_takes_no_answer_for_a_no(instance: Instance) {
    let (key, _) = furnish(&instance).await;
    let (host, url) = (host(), instance.url.as_str());
    let shell = ["examples/decide.sh"];
    let python = ["python3", "examples/decide.py"];
    let typescript = ["node", typescript().await];
    for (program, allowed, denied, masked) in [
        (
            &shell[..],
            &["dana", "read", "voice/queues", "sales"][..],
            &["dana", "delete", "voice/queues", "sales"][..],
            &["priya", "read", "contacts", "contacts"][..],
        ),
        (
            &python,
            &["dana", "read", "voice/queues", "sales", "billing"],
            &["dana", "read", "voice/queues", "sales", "night-desk"],
            &[],
        ),
        (
            &typescript,
            &["dana", "read", "voice/queues/sales", "voice/queues/billing"],
            &["dana", "read", "voice/queues/sales", "voice/queues/night-desk"],
            &["priya", "read", "contacts/contacts"],
        ),
        (
            &[host.as_str()],
            &["dana", "read", "voice/queues/sales"],
            &["dana", "delete", "voice/queues/sales"],
            &["priya", "read", "contacts/contacts"],
        ),
    ] {
        let ask = async |arguments: &[&str], url: &str, key: &str| run(&[program, arguments].concat(), url, key).await;
        let (code, out, err) = ask(allowed, url, &key).await;
        assert!(code == 0 && out.contains("allowed") && err.is_empty(), "{program:?} {code} {out} {err}");
        let (code, out, _) = ask(denied, url, &key).await;
        assert!(code == 1 && out.contains("denied: NO_MATCHING_RULE"), "{program:?} {code} {out}");
        if !masked.is_empty() {
            let (code, out, _) = ask(masked, url, &key).await;
            assert!(code == 0 && out.contains("MASK contacts 4"), "{program:?} {code} {out}");
        }
        for (url, key) in [(url, "bwk_nobody"), ("http://127.0.0.1:1", key.as_str())] {
            let (code, out, err) = ask(allowed, url, key).await;
            assert!(
                code == 2 && !out.contains("allowed") && err.contains("no answer, so no"),
                "{program:?} {code} {out} {err}"
            );
        }
        assert_eq!(ask(&[], url, &key).await.0, 2, "{program:?} without a question");
    }
}

both!(the_host_waits_for_a_revision_and_takes_none_that_is_older);
async fn the_host_waits_for_a_revision_and_takes_none_that_is_older(instance: Instance) {
    let (key, alice) = furnish(&instance).await;
    let revision = alice.revision().await;
    let host = host();
    let (newest, future) = (revision.to_string(), (revision + 1).to_string());
    let (code, out, _) = run(&[&host, "dana", "read", "voice/queues/sales", &newest], &instance.url, &key).await;
    assert_eq!((code, out), (0, format!("allowed at revision {revision}\n")));
    let (code, out, err) = run(&[&host, "dana", "read", "voice/queues/sales", &future], &instance.url, &key).await;
    assert!(code == 2 && out.is_empty() && err.contains("is not here yet"), "{code} {out} {err}");
}
