//! The import of the policy of another Casbin.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::domain::key::{Object, TenantKey};
use crate::error::{Error, Result};
use crate::service::policy::import::{BYTES_MAX, MODEL_MAX};
use clap::ValueHint;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::client::{Client, Payload, typed};
use super::super::impact::Impact;
use super::super::output::{BAD, WARN, print, print_json, progress, say, styled};
use super::super::{Place, parsed};
use domains::NewTenants;

mod domains;

const IMPORT: &str = "mutation PolicyImport($input: PolicyImportInput!) {
  policyImport(input: $input) {
    imported { roles grants groups members }
    skipped
    warnings { line column message }
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
    /// Take the lines of this domain alone.
    #[arg(long)]
    domain: Option<String>,
    /// Take all lines, those of each domain into the tenant of its name; one that is not there is made.
    #[arg(long, conflicts_with_all = ["domain", "tenant"])]
    all_domains: bool,
    #[command(flatten)]
    new: NewTenants,
    /// Bring all objects in under this path: with `shop`, `/orders` becomes `shop/orders`.
    #[arg(long, value_name = "PATH", value_parser = parsed(Object::parse))]
    under: Option<Object>,
    /// The file's model: it says which column is what, and what would be decided otherwise here.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    model: Option<PathBuf>,
    /// Take the lines of this kind of policy alone, of a model that defines several: `p2` is decided by `m2`.
    #[arg(long, value_name = "KIND", requires = "model")]
    policy_type: Option<String>,
    /// A file with the objects that exist, one a line: a pattern such as `/users/:id` becomes a line for each it matches.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    objects: Option<PathBuf>,
    /// The function that the program matches members of roles by, of objects alone: `g2=keyMatch2`.
    #[arg(long, value_name = "LINES=FUNCTION", value_parser = pattern)]
    role_patterns: Vec<(String, Value)>,
    /// The function that the program matches domains of roles by: `g=keyMatch`.
    #[arg(long, value_name = "LINES=FUNCTION", value_parser = pattern)]
    domain_patterns: Vec<(String, Value)>,
    /// Let a name that holds roles, and that no user has, become a role that nobody holds yet.
    #[arg(long)]
    absent_as_roles: bool,
    /// Only say what would come of it, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The reason, for the history.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    imported: Imported,
    skipped: u64,
    warnings: Vec<Warning>,
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

#[derive(Deserialize)]
struct Warning {
    line: u64,
    column: u64,
    message: String,
}

/// A file that was read, to be brought in.
struct Policy<'a> {
    client: &'a Client,
    csv: String,
    args: &'a Import,
    model: Option<String>,
    objects: Vec<String>,
    bar: ProgressBar,
}

pub(super) async fn import(client: &Client, args: Import) -> Result<ExitCode> {
    let bar = progress("lines read");
    let csv = read(&args.file, &bar)?;
    bar.enable_steady_tick(TURN);
    let model = args.model.as_deref().map(read_model).transpose()?;
    let objects = args.objects.as_deref().map(read_objects).transpose()?.unwrap_or_default();
    let policy = Policy { client, csv, args: &args, model, objects, bar };
    if args.all_domains {
        return policy.bring_all().await;
    }
    let answer = policy.bring(args.place.tenant.as_ref(), args.domain.as_deref(), args.dry_run).await?;
    if args.place.json {
        return print_json(&answer);
    }
    print(&told(answer, args.dry_run)?)
}

impl Policy<'_> {
    /// Brings the lines of a domain into a tenant.
    async fn bring(&self, tenant: Option<&TenantKey>, domain: Option<&str>, dry_run: bool) -> Result<Value> {
        let input = json!({
            "csv": self.csv,
            "domain": domain,
            "under": self.args.under.as_ref().map(Object::as_str),
            "model": self.model,
            "policyType": self.args.policy_type,
            "objects": self.objects,
            "rolePatterns": self.args.patterns(),
            "absent": if self.args.absent_as_roles { "ROLE" } else { "REFUSE" },
            "dryRun": dry_run,
            "reason": self.args.reason,
        });
        let answer = self.client.ask(tenant, IMPORT, json!({ "input": input })).await?;
        self.bar.finish_and_clear();
        refused(typed(answer.clone())?)?;
        Ok(answer)
    }
}

/// Formats the result of an import for people. Its warnings go to standard error.
fn told(answer: Value, dry_run: bool) -> Result<String> {
    let Outcome { imported, skipped, warnings, revision, impact } = typed(answer)?;
    for Warning { line, column, message } in warnings {
        say(&styled(WARN, &format!("line {line}, column {column}: {message}")));
    }
    let Imported { roles, grants, groups, members } = imported;
    let passed = if skipped > 0 { format!(", lines of other domains: {skipped}") } else { String::new() };
    let made = format!("roles: {roles}, grants: {grants}, groups: {groups}, members: {members}{passed}");
    Ok(match impact {
        Some(impact) if dry_run => format!("{}would make {made}\n", impact.for_people()),
        _ if dry_run => format!("would make {made}\n"),
        _ => format!("made {made}; the policy is at revision {revision}\n"),
    })
}

fn read_model(path: &Path) -> Result<String> {
    read_text(path, "model", MODEL_MAX)
}

/// Reads `g2=keyMatch2` as the kind of lines, and the function as the API names it.
fn pattern(text: &str) -> std::result::Result<(String, Value), String> {
    let known = [
        ("keyMatch", "KEY_MATCH"),
        ("keyMatch2", "KEY_MATCH_2"),
        ("keyMatch3", "KEY_MATCH_3"),
        ("globMatch", "GLOB_MATCH"),
        ("regexMatch", "REGEX_MATCH"),
    ];
    let (lines, name) = text.split_once('=').ok_or("`g=keyMatch` names the lines, and the function for them")?;
    let function = known.iter().find(|(function, _)| *function == name);
    let (_, function) = function.ok_or("the functions are keyMatch, keyMatch2, keyMatch3, globMatch and regexMatch")?;
    Ok((lines.to_owned(), json!(function)))
}

impl Import {
    /// The functions for the roles of each kind of lines.
    fn patterns(&self) -> Vec<Value> {
        let mut kinds: BTreeMap<&str, Value> = BTreeMap::new();
        for (field, all) in [("names", &self.role_patterns), ("domains", &self.domain_patterns)] {
            for (lines, function) in all {
                let kind = kinds.entry(lines).or_insert_with(|| json!({ "lines": lines }));
                if let Value::Object(kind) = kind {
                    kind.insert(field.to_owned(), function.clone());
                }
            }
        }
        kinds.into_values().collect()
    }
}

/// The lines of a file of objects.
fn read_objects(path: &Path) -> Result<Vec<String>> {
    let text = read_text(path, "objects", BYTES_MAX)?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// The whole file, or one byte more than the most of a larger one.
fn read_text(path: &Path, field: &str, most: usize) -> Result<String> {
    let unread = |error| Error::invalid(format!("`{}` cannot be read: {error}", path.display())).at(field);
    let mut text = String::new();
    File::open(path).map_err(unread)?.take(most as u64 + 1).read_to_string(&mut text).map_err(unread)?;
    Ok(text)
}

/// The whole file, or one byte more than can be imported of a larger one.
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
