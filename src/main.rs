//! The program `bailiwick`: runs a command line and says how it ended.

mod cli;

use std::process::ExitCode;

use bailiwick::error::Error;
use clap::Parser as _;

/// The exit status of whatever was refused or went wrong; clap's own for a wrong command line.
const FAILED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::from(FAILED)
        }
    }
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
