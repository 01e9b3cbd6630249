//! The import of the policy of another Casbin.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::service::import::BYTES_MAX;
use clap::ValueHint;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::json;

use super::super::Place;
use super::super::client::{Client, Payload, typed};
use super::super::impact::Impact;
use super::super::output::{BAD, print, print_json, progress, say, styled};

const IMPORT: &str = "mutation PolicyImport($input: PolicyImportInput!) {
  policyImport(input: $input) {
    imported { roles grants groups members }
    revision
    impact { affectedUsers gainedCount lostCount truncated gained { user { key } object action } lost { user { key } object action } }
    userErrors { code message field count }
  }
}";
/// Interval at which the progress mark turns.
const TURN: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    place: Place,
    /// A CSV file of `p` and `g` lines; `-` is standard input.
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Only show the outcome, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The reason, for the history.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    imported: Imported,
    revision: u64,
    impact: Option<Impact>,
}

#[derive(Deserialize)]
struct Imported {
    roles: u64,
    grants: u64,
    groups: u64,
    members: u64,
}

pub(super) async fn import(client: &Client, args: Import) -> Result<ExitCode> {
    let Import { place, file, dry_run, reason } = args;
    let bar = progress("lines read");
    let csv = read(&file, &bar)?;
    bar.enable_steady_tick(TURN);
    let input = json!({ "csv": csv, "dryRun": dry_run, "reason": reason });
    let answer = client.ask(place.tenant.as_ref(), IMPORT, json!({ "input": input })).await?;
    bar.finish_and_clear();
    refused(typed(answer.clone())?)?;
    if place.json {
        return print_json(&answer);
    }
    let Outcome { imported, revision, impact } = typed(answer)?;
    let Imported { roles, grants, groups, members } = imported;
    let made = format!("roles: {roles}, grants: {grants}, groups: {groups}, members: {members}");
    match impact {
        Some(impact) if dry_run => print(&format!("{}would make {made}\n", impact.for_people())),
        _ if dry_run => print(&format!("would make {made}\n")),
        _ => print(&format!("made {made}; the policy is at revision {revision}\n")),
    }
}

/// Reads the whole file, or, of one that is too large, one byte more than can be imported.
fn read(path: &Path, bar: &ProgressBar) -> Result<String> {
    let unread = |error| Error::invalid(format!("`{}` cannot be read: {error}", path.display())).at("file");
    let (mut text, mut line) = (String::new(), Vec::new());
    let source: Box<dyn BufRead> = match path.as_os_str().as_encoded_bytes() {
        b"-" => Box::new(std::io::stdin().lock()),
        _ => Box::new(BufReader::new(File::open(path).map_err(unread)?)),
    };
    let mut source = source.take(BYTES_MAX as u64 + 1);
    while source.read_until(b'\n', &mut line).map_err(unread)? > 0 {
        bar.inc(1);
        let whole = std::str::from_utf8(&line);
        // The end of a file that is too large can be in the middle of a letter.
        if whole.is_err() && source.limit() > 0 {
            return Err(Error::invalid(format!("line {} is not UTF-8", bar.position())).at("file"));
        }
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(text)
}

/// Names every bad line, if there are any.
fn refused(payload: Payload) -> Result<()> {
    let count = payload.user_errors.first().and_then(|first| first.count);
    let Some(count) = count else { return payload.accepted() };
    for error in &payload.user_errors {
        say(&styled(BAD, &error.message));
    }
    let lines = if count == 1 { "1 bad line".to_owned() } else { format!("{count} bad lines") };
    Err(Error::invalid(format!("{lines}: nothing was imported")).at("file"))
}
