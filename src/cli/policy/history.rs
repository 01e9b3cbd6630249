//! The policy now and at earlier revisions: exported, listed, compared, restored.

use std::process::ExitCode;

use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli::Place;
use crate::cli::client::{Client, typed};
use crate::cli::impact::Impact;
use crate::cli::output::{BAD, FAINT, GOOD, note, print, print_json, styled, table};
use crate::cli::search::{Limit, shown};

const CSV: &str = "query Policy($revision: Int) { policy(revision: $revision) { csv } }";

const REVISIONS: &str = "query PolicyRevisions($first: Int, $after: String) {
  policyRevisions(first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { revision at author { key } reason addedCount removedCount }
  }
}";

const ADDED: &str = "query PolicyDiff($from: Int!, $to: Int!, $first: Int, $after: String) {
  policyDiff(from: $from, to: $to) {
    added(first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { ptype values } }
  }
}";

const REMOVED: &str = "query PolicyDiff($from: Int!, $to: Int!, $first: Int, $after: String) {
  policyDiff(from: $from, to: $to) {
    removed(first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { ptype values } }
  }
}";

const ACCESS: &str = "query PolicyDiff($from: Int!, $to: Int!) {
  policyDiff(from: $from, to: $to) {
    access { affectedUsers gainedCount lostCount truncated gained { user { key } object action } lost { user { key } object action } }
  }
}";

const RESTORE: &str = "mutation PolicyRestore($input: PolicyRestoreInput!) {
  policyRestore(input: $input) {
    revision
    notRestored { thing text }
    notRestoredCount
    impact { affectedUsers gainedCount lostCount truncated gained { user { key } object action } lost { user { key } object action } }
    userErrors { code message field }
  }
}";

#[derive(clap::Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    place: Place,
    /// The revision to export; the current one when absent.
    #[arg(long)]
    revision: Option<u32>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct History {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    limit: Limit,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Diff {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    limit: Limit,
    /// The revision to compare from; 0 is before the first.
    from: u32,
    /// The revision to compare with.
    to: u32,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Restore {
    #[command(flatten)]
    place: Place,
    /// The revision to go back to.
    revision: u32,
    /// Only show the outcome, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The reason, for the history.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn export(client: &Client, args: &Export) -> Result<ExitCode> {
    if let (Client::Server(server), None, false) = (client, args.revision, args.place.json) {
        // The server's stream, however long it is.
        return server.copy(args.place.tenant.as_ref(), "casbin/policy.csv", &[]).await;
    }
    let answer = client.ask(args.place.tenant.as_ref(), CSV, json!({ "revision": args.revision })).await?;
    if args.place.json {
        return print_json(&answer);
    }
    print(&typed::<Policy>(answer)?.csv)
}

pub(super) async fn list(client: &Client, args: &History) -> Result<ExitCode> {
    let found = client.list(args.place.tenant.as_ref(), REVISIONS, Map::new(), args.limit.get()).await?;
    let Some(nodes) = shown(args.place.json, found)? else { return Ok(ExitCode::SUCCESS) };
    let row = |it: Entry| {
        let rules = format!("+{} -{}", it.added_count, it.removed_count);
        [it.revision.to_string(), it.at, it.author.key, rules, it.reason]
    };
    let revisions: Vec<Entry> = typed(nodes)?;
    print(&table(["REVISION", "AT", "AUTHOR", "RULES", "REASON"], revisions.into_iter().map(row)))
}

pub(super) async fn diff(client: &Client, args: &Diff) -> Result<ExitCode> {
    let ends = Map::from_iter([("from".to_owned(), args.from.into()), ("to".to_owned(), args.to.into())]);
    let tenant = args.place.tenant.as_ref();
    let access = client.ask(tenant, ACCESS, Value::Object(ends.clone())).await?;
    let (added, more_added) = client.list(tenant, ADDED, ends.clone(), args.limit.get()).await?;
    let (removed, more_removed) = client.list(tenant, REMOVED, ends, args.limit.get()).await?;
    if more_added || more_removed {
        note("there are more rules: `--all` lists them, `--limit N` so many of each");
    }
    let Value::Object(mut answer) = access else { return Err(Error::unavailable("the answer is not understood")) };
    answer.insert("added".to_owned(), added.into());
    answer.insert("removed".to_owned(), removed.into());
    if args.place.json {
        return print_json(&answer.into());
    }
    let diff: PolicyDiff = typed(answer.into())?;
    let mut text = String::new();
    for (rules, sign, style) in [(&diff.added, '+', GOOD), (&diff.removed, '-', BAD)] {
        for rule in rules {
            text.push_str(&styled(style, &format!("{sign} {}, {}\n", rule.ptype, rule.values.join(", "))));
        }
    }
    text.push_str(&diff.access.for_people());
    print(&text)
}

pub(super) async fn restore(client: &Client, args: &Restore) -> Result<ExitCode> {
    let input = json!({ "revision": args.revision, "dryRun": args.dry_run, "reason": args.reason });
    let answer = client.change(args.place.tenant.as_ref(), RESTORE, input).await?;
    if args.place.json {
        return print_json(&answer);
    }
    let restored: Outcome = typed(answer)?;
    let lost = restored.not_restored.iter();
    let mut lost: String = lost.map(|it| styled(FAINT, &format!("{}: {}\n", it.thing, it.text))).collect();
    let left_out = restored.not_restored_count.saturating_sub(restored.not_restored.len());
    if left_out > 0 {
        lost.push_str(&styled(FAINT, &format!("… and {left_out} more\n")));
    }
    if args.dry_run {
        let unseen = || Error::unavailable("the impact was not answered");
        let impact = restored.impact.ok_or_else(unseen)?;
        return print(&format!("{}{lost}", impact.for_people()));
    }
    let now = restored.revision;
    print(&format!("the policy is as it was at revision {}, in revision {now}\n{lost}", args.revision))
}

#[derive(Deserialize)]
struct Policy {
    csv: String,
}

/// A revision as a line of the list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    revision: u64,
    at: String,
    author: Author,
    reason: String,
    added_count: u64,
    removed_count: u64,
}

#[derive(Deserialize)]
struct Author {
    key: String,
}

#[derive(Deserialize)]
struct PolicyDiff {
    added: Vec<Rule>,
    removed: Vec<Rule>,
    access: Impact,
}

#[derive(Deserialize)]
struct Rule {
    ptype: String,
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    revision: u64,
    not_restored: Vec<NotRestored>,
    not_restored_count: usize,
    impact: Option<Impact>,
}

#[derive(Deserialize)]
struct NotRestored {
    thing: String,
    text: String,
}
