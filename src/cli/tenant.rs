//! `bailiwick tenant …`.

use std::process::ExitCode;

use crate::domain::key::{ModuleKey, TenantKey};
use crate::domain::name::Name;
use crate::domain::user::{Email, Username};
use crate::error::Result;
use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::{Client, typed};
use super::impact::Impact;
use super::output::{password_from_stdin, print, print_json, table};
use super::parsed;

pub(super) const TENANTS: &str = "query Tenants($search: String, $first: Int, $after: String) {
  tenants(search: $search, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { key name licensedModules policyRevision }
  }
}";

pub(super) const CREATE: &str = "mutation TenantCreate($input: TenantCreateInput!) {
  tenantCreate(input: $input) { tenant { key name licensedModules policyRevision } revision userErrors { code message field } }
}";

const LICENCE: &str = "mutation TenantSetLicence($input: TenantSetLicenceInput!) {
  tenantSetLicence(input: $input) {
    tenant { key name licensedModules policyRevision }
    revision
    impact { affectedUsers gainedCount lostCount truncated gained { user { key } object action } lost { user { key } object action } }
    userErrors { code message field }
  }
}";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a tenant with its default admin. The password is read from standard input.
    #[command(after_help = "Example:\n  echo \"$PASSWORD\" | bailiwick tenant create acme --name 'Acme Ltd' \
                            --modules voice,staff --admin alice --email alice@acme.example")]
    Create(Create),
    /// List the tenants.
    #[command(after_help = "Example:\n  bailiwick tenant list")]
    List(List),
    /// Set all the modules of a tenant's licence.
    #[command(after_help = "Example:\n  bailiwick tenant licence acme --modules voice,staff,chat")]
    Licence(Licence),
}

#[derive(clap::Args)]
pub(super) struct Create {
    /// The tenant's key.
    #[arg(value_parser = parsed(TenantKey::parse))]
    key: TenantKey,
    /// The name; the key when absent.
    #[arg(long, value_parser = parsed(Name::parse))]
    name: Option<Name>,
    /// The modules of the licence, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = parsed(ModuleKey::parse))]
    modules: Vec<ModuleKey>,
    /// The username of the default admin.
    #[arg(long, value_parser = parsed(Username::parse))]
    admin: Username,
    /// The admin's email address.
    #[arg(long, value_parser = parsed(Email::parse))]
    email: Email,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct List {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct Licence {
    /// The tenant's key.
    #[arg(value_parser = parsed(TenantKey::parse))]
    key: TenantKey,
    /// All the modules of the licence, separated by commas.
    #[arg(long, value_delimiter = ',', required = true, value_parser = parsed(ModuleKey::parse))]
    modules: Vec<ModuleKey>,
    /// Only show the access that users would gain and lose, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The reason, for the history.
    #[arg(long)]
    reason: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// The answer of a dry run.
#[derive(Deserialize)]
struct DryRun {
    /// The impact; `None` for callers who cannot see rules.
    impact: Option<Impact>,
}

/// The answer of a change to a tenant.
#[derive(Deserialize)]
struct Changed {
    tenant: Tenant,
    revision: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tenant {
    key: String,
    name: String,
    licensed_modules: Vec<String>,
    policy_revision: u64,
}

pub(super) async fn run(client: &Client, command: Command) -> Result<ExitCode> {
    match command {
        Command::Create(args) => create(client, args).await,
        Command::List(args) => list(client, args.json).await,
        Command::Licence(args) => licence(client, args).await,
    }
}

/// The tenant that operators are in: they act from there.
pub(super) fn platform(client: &Client) -> Result<Option<TenantKey>> {
    match client {
        Client::Database(_) => TenantKey::parse(TenantKey::PLATFORM).map(Some),
        Client::Server(_) => Ok(None),
    }
}

async fn create(client: &Client, args: Create) -> Result<ExitCode> {
    let Create { key, name, modules, admin, email, json } = args;
    let password = password_from_stdin()?;
    let input = json!({
        "key": key.as_str(),
        "name": name.as_ref().map_or_else(|| key.as_str(), Name::as_str),
        "modules": keys(&modules),
        "admin": {
            "username": admin.as_str(),
            "fullName": admin.as_str(),
            "email": email.as_str(),
            "password": password.expose_secret(),
        },
    });
    let made = client.change(platform(client)?.as_ref(), CREATE, input).await?;
    if json {
        return print_json(&made);
    }
    let Changed { tenant, revision } = typed(made)?;
    print(&format!("made the tenant `{}`, revision {revision}\n", tenant.key))
}

async fn list(client: &Client, json: bool) -> Result<ExitCode> {
    let (nodes, _) = client.list(platform(client)?.as_ref(), TENANTS, Map::new(), None).await?;
    if json {
        return print_json(&nodes.into());
    }
    let tenants: Vec<Tenant> = typed(nodes.into())?;
    let row = |it: Tenant| [it.key, it.policy_revision.to_string(), it.name, it.licensed_modules.join(" ")];
    print(&table(["KEY", "REVISION", "NAME", "MODULES"], tenants.into_iter().map(row)))
}

async fn licence(client: &Client, args: Licence) -> Result<ExitCode> {
    let Licence { key, modules, dry_run, reason, json } = args;
    let input = json!({ "tenant": key.as_str(), "modules": keys(&modules), "dryRun": dry_run, "reason": reason });
    let set = client.change(platform(client)?.as_ref(), LICENCE, input).await?;
    if json {
        return print_json(&set);
    }
    if dry_run {
        let impact = typed::<DryRun>(set)?.impact;
        return print(&impact.map_or_else(|| "nothing was changed\n".to_owned(), |impact| impact.for_people()));
    }
    let Changed { tenant, revision } = typed(set)?;
    let modules = tenant.licensed_modules.join(", ");
    print(&format!("the licence of `{}` is now {modules}, revision {revision}\n", tenant.key))
}

fn keys(modules: &[ModuleKey]) -> Value {
    modules.iter().map(ModuleKey::as_str).collect()
}
