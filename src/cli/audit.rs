//! `bailiwick audit …`.

use std::process::ExitCode;

use crate::domain::key::TenantKey;
use crate::domain::name::Timestamp;
use crate::error::{Error, Result};
use crate::service::admin::audit::{AuditFilter, Break, ChainReport, ExportFormat};
use clap::{Subcommand, ValueEnum};
use futures_util::TryStreamExt as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::{Client, typed};
use super::output::{BAD, FAINT, GOOD, print, print_json, progress, styled, table};
use super::search::{Limit, shown};
use super::{Place, caller_in, parsed};

const EVENTS: &str = "query AuditEvents($filter: AuditFilter, $first: Int, $after: String) {
  auditEvents(filter: $filter, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id at actor { kind key name } action target before after requestId address reason revision }
  }
}";

/// The exit status when a chain is broken.
const BROKEN: u8 = 1;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List what was done, newest first.
    #[command(after_help = "Examples:\n  bailiwick audit list --tenant demo --actor alice\n  \
                            bailiwick audit list --tenant demo --target profile:supervisors-voice --from 2026-01-01T00:00:00Z")]
    List(List),
    /// Write the log to standard output, newest first. The export itself is audited.
    #[command(after_help = "Example:\n  bailiwick audit export --tenant demo --format jsonl > audit.jsonl")]
    Export(Export),
    /// Check that no event of the log was changed, removed or inserted.
    ///
    /// The digest that it prints, kept elsewhere, shows later that the log up to here is still the same. Exit status: 0
    /// in order, 1 broken, 2 error.
    #[command(after_help = "Example:\n  bailiwick audit verify --tenant demo")]
    Verify(Verify),
}

#[derive(clap::Args)]
struct Filter {
    /// Only events of this user or operator.
    #[arg(long, value_name = "KEY")]
    actor: Option<String>,
    /// Only this action, such as `profile.update`, or `profile.*`.
    #[arg(long)]
    action: Option<String>,
    /// Only events about this target, such as `user:dana`, or `user:*`.
    #[arg(long)]
    target: Option<String>,
    /// From this time on, such as `2026-01-31T09:30:00Z`.
    #[arg(long, value_name = "TIME", value_parser = parsed(Timestamp::from_rfc3339))]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = parsed(Timestamp::from_rfc3339))]
    to: Option<Timestamp>,
}

#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    limit: Limit,
}

#[derive(clap::Args)]
pub(super) struct Export {
    /// The tenant's key. At a server, operators name one; all other callers are in their own.
    #[arg(long, value_parser = parsed(TenantKey::parse))]
    tenant: Option<TenantKey>,
    #[command(flatten)]
    filter: Filter,
    /// The format.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For spreadsheets.
    Csv,
    /// One line of JSON for each event.
    Jsonl,
}

#[derive(clap::Args)]
pub(super) struct Verify {
    /// The tenant's key.
    #[arg(long, value_parser = parsed(TenantKey::parse))]
    tenant: TenantKey,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Event {
    at: String,
    actor: Actor,
    action: String,
    target: String,
    reason: Option<String>,
    revision: Option<u64>,
}

#[derive(Deserialize)]
struct Actor {
    key: String,
}

impl Filter {
    /// Returns the filter's members by name, both for the query of a URL and for the contract's input.
    fn members(&self) -> Vec<(&'static str, String)> {
        let time = |time: Option<Timestamp>| time.map(Timestamp::to_rfc3339);
        let members = [
            ("actor", self.actor.clone()),
            ("action", self.action.clone()),
            ("target", self.target.clone()),
            ("from", time(self.from)),
            ("to", time(self.to)),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

pub(super) async fn run(client: &Client, command: Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list(client, &args).await,
        Command::Export(args) => export(client, args).await,
        Command::Verify(args) => verify(client, &args).await,
    }
}

async fn list(client: &Client, args: &List) -> Result<ExitCode> {
    let filter: Map<String, Value> =
        args.filter.members().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let variables = Map::from_iter([("filter".to_owned(), filter.into())]);
    let found = client.list(args.place.tenant.as_ref(), EVENTS, variables, args.limit.get()).await?;
    let Some(nodes) = shown(args.place.json, found)? else { return Ok(ExitCode::SUCCESS) };
    let row = |it: Event| {
        let revision = it.revision.map_or_else(String::new, |revision| revision.to_string());
        [it.at, it.actor.key, it.action, it.target, revision, it.reason.unwrap_or_default()]
    };
    let events: Vec<Event> = typed(nodes)?;
    print(&table(["AT", "ACTOR", "ACTION", "TARGET", "REVISION", "REASON"], events.into_iter().map(row)))
}

async fn export(client: &Client, args: Export) -> Result<ExitCode> {
    let format = match args.format {
        Format::Csv => ExportFormat::Csv,
        Format::Jsonl => ExportFormat::JsonLines,
    };
    let database = match client {
        Client::Server(server) => {
            let path = format!("audit.{}", format.as_ref());
            return server.copy(args.tenant.as_ref(), &path, &args.filter.members()).await;
        }
        Client::Database(database) => database,
    };
    let caller = caller_in(&database.app, &super::named(args.tenant.as_ref())?).await?;
    let Filter { actor, action, target, from, to } = args.filter;
    let filter = AuditFilter { actor, action, target, since: from, until: to };
    let pieces = database.app.platform().audit_export(&caller, filter, format).await?;
    let mut pieces = std::pin::pin!(pieces);
    while let Some(text) = pieces.try_next().await? {
        print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(client: &Client, args: &Verify) -> Result<ExitCode> {
    let app = client.app("audit verify")?;
    let system = caller_in(app, &TenantKey::parse(TenantKey::PLATFORM)?).await?;
    let bar = progress("events checked");
    let report = app.platform().audit_verify(&system, &args.tenant, |seen| bar.set_position(seen)).await?;
    bar.finish_and_clear();
    let report = report.ok_or_else(|| Error::not_found("tenant", &args.tenant).at("tenant"))?;
    let broken = report.broken.as_ref().map(words);
    if args.json {
        let ChainReport { events, head, .. } = &report;
        print_json(&json!({
            "tenant": args.tenant.as_str(), "events": events, "count": head.count, "digest": head.hex(), "broken": broken,
        }))?;
    } else {
        print(&for_people(&args.tenant, &report, broken.as_deref()))?;
    }
    Ok(ExitCode::from(if broken.is_none() { 0 } else { BROKEN }))
}

fn for_people(tenant: &TenantKey, report: &ChainReport, broken: Option<&str>) -> String {
    let events = report.events;
    match broken {
        None => {
            let digest = styled(FAINT, &format!("digest {}", report.head.hex()));
            format!("{tenant}: {}, {events} events\n{digest}\n", styled(GOOD, "in order"))
        }
        Some(broken) => format!("{tenant}: {}: {broken}; {events} events before are in order\n", styled(BAD, "broken")),
    }
}

fn words(broken: &Break) -> String {
    match broken {
        Break::Missing(place) => format!("event {place} is missing"),
        Break::Changed(place) => format!("event {place} was changed"),
        Break::CutAfter(place) => format!("what came after event {place} is gone"),
        Break::Added(place) => format!("event {place} was added by somebody else"),
        Break::Outside(count) => format!("{count} events are in no place of the chain"),
    }
}
