//! Programs that tests run to their end: Node.js, Python, a shell, Cargo.

use std::path::Path;
use std::process::Command;

/// Returns the output of the program, run in the project's folder. It must exist, and must succeed.
pub(crate) async fn run(line: &[&str], environment: &[(&str, &str)]) -> String {
    let (program, arguments) = line.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied()).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    // Off the test's own thread, where the instance serves it.
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let missing = |error| {
        panic!("`{program}` cannot be run, which this test needs: `make test-tools` says how to get it: {error}")
    };
    let output = output.unwrap_or_else(missing);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{line:?} ended with {}\n{out}\n{err}", output.status);
    out
}
