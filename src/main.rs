//! The program `bailiwick`: runs a command line and says how it ended.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use bailiwick::error::Error;
use clap::Parser as _;
use tokio::runtime::Runtime;

/// The exit status of whatever was refused or went wrong; clap's own for a wrong command line.
const FAILED: u8 = 2;

/// How long work on other threads may go on once the command has ended: what hangs there does not
/// hold the process.
const LEFT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let ended = Runtime::new().map_err(Error::internal).and_then(|runtime| {
        let ended = runtime.block_on(cli::run(cli::Cli::parse()));
        runtime.shutdown_timeout(LEFT);
        ended
    });
    ended.unwrap_or_else(|error| {
        report(&error);
        ExitCode::from(FAILED)
    })
}

/// Tells what was refused, where and under which code; and why, which only the own terminal sees.
fn report(error: &Error) {
    let field = error.field.join(".");
    let place = if field.is_empty() { String::new() } else { format!(" ({field})") };
    eprintln!("error: {error}{place} [{}]", error.code);
    if let Some(cause) = error.source_text() {
        eprintln!("cause: {cause}");
    }
}
