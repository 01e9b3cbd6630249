//! `bailiwick policy …`.

mod history;
mod import;
mod instances;

use std::process::ExitCode;

use crate::app::App;
use crate::auth::caller::Caller;
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::service::policy::verify::Report;
use crate::store::page::Page;
use clap::Subcommand;
use indicatif::ProgressBar;
use serde_json::json;
use url::Url;

use super::client::Client;
use super::output::{print, progress};
use super::{caller_in, parsed};

/// Number of tenants that are read at once.
const PAGE: u64 = 100;
/// The exit status when something differs.
const DIFFERENT: u8 = 1;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Compile tenants anew, and compare with the rules that are stored and that decide.
    ///
    /// Changes nothing. Exit status: 0 equal, 1 differences, 2 error.
    #[command(after_help = "Examples:\n  bailiwick policy verify\n  \
                            bailiwick policy verify --tenant acme --tenant globex --json\n  \
                            BAILIWICK_API_KEY=… bailiwick policy verify --instances http://10.0.0.5:8080,http://10.0.0.6:8080")]
    Verify(Verify),
    /// Write all rules as CSV that any Casbin library can read.
    #[command(after_help = "Examples:\n  bailiwick policy export --tenant demo > policy.csv\n  \
                            bailiwick policy export --tenant demo --revision 12")]
    Export(history::Export),
    /// List the revisions, newest first.
    #[command(after_help = "Example:\n  bailiwick policy history --tenant demo --limit 10")]
    History(history::History),
    /// Show what differs between two revisions, in rules and in what users can do.
    #[command(after_help = "Example:\n  bailiwick policy diff --tenant demo 12 14")]
    Diff(history::Diff),
    /// Bring profiles, custom roles, groups and their assignments back to an earlier revision.
    #[command(after_help = "Example:\n  bailiwick policy restore --tenant demo 12 --dry-run")]
    Restore(history::Restore),
    /// Import the policy of another Casbin: all of it, or nothing.
    ///
    /// The subjects of its `p` lines become custom roles with grants; groups give them to the users that
    /// its `g` lines name. Every bad line is named, and with the file's model each that would be decided
    /// otherwise.
    #[command(after_help = "Example:\n  bailiwick policy import --tenant demo policy.csv --dry-run\n  \
                            bailiwick policy import --tenant acme --domain acme.example --under shop --model model.conf policy.csv\n  \
                            bailiwick policy import --all-domains --absent-as-roles policy.csv")]
    Import(Box<import::Import>),
}

impl Command {
    /// Returns whether the command leaves the policy as it is.
    pub(super) const fn only_reads(&self) -> bool {
        match self {
            Self::Verify(_) | Self::Export(_) | Self::History(_) | Self::Diff(_) => true,
            Self::Restore(_) | Self::Import(_) => false,
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Verify {
    /// A tenant's key; all tenants when absent.
    #[arg(long, value_parser = parsed(TenantKey::parse))]
    tenant: Vec<TenantKey>,
    /// Also compare with the rules that these instances hold in memory. `BAILIWICK_API_KEY` has the credential of an
    /// operator.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    instances: Vec<Url>,
    /// One line of JSON for each tenant.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(client: &Client, command: Command) -> Result<ExitCode> {
    match command {
        Command::Verify(args) => verify(client, args).await,
        Command::Export(args) => history::export(client, &args).await,
        Command::History(args) => history::list(client, &args).await,
        Command::Diff(args) => history::diff(client, &args).await,
        Command::Restore(args) => history::restore(client, &args).await,
        Command::Import(args) => import::import(client, *args).await,
    }
}

async fn verify(client: &Client, args: Verify) -> Result<ExitCode> {
    let app = client.app("policy verify")?;
    let system = caller_in(app, &TenantKey::parse(TenantKey::PLATFORM)?).await?;
    let instances = instances::Instances::new(&args.instances)?;
    let bar = progress("tenants verified");
    let mut run = Run { app, system: &system, instances, json: args.json, bar, tenants: 0, different: 0 };
    if args.tenant.is_empty() {
        run.all().await?;
    }
    for key in &args.tenant {
        if !run.verify(key).await? {
            return Err(Error::not_found("tenant", key).at("tenant"));
        }
    }
    run.end()
}

/// A verification of several tenants.
struct Run<'a> {
    app: &'a App,
    system: &'a Caller,
    instances: instances::Instances,
    json: bool,
    bar: ProgressBar,
    tenants: usize,
    different: usize,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let page = Page::parse(Some(PAGE), after.as_deref(), None, None)?;
            let found = self.app.platform().tenant_list(self.system, None, page).await?;
            for (_, tenant) in &found.items {
                // A tenant deleted meanwhile is no difference.
                self.verify(&tenant.key).await?;
            }
            after = found.items.last().map(|(cursor, _)| cursor.to_string());
            if !found.has_next {
                return Ok(());
            }
        }
    }

    /// Verifies one tenant and prints the result at once. Returns `false` if there is no such tenant.
    async fn verify(&mut self, tenant: &TenantKey) -> Result<bool> {
        let Some(mut report) = self.app.platform().verify(self.system, tenant).await? else { return Ok(false) };
        report.differences.extend(self.instances.compare(self.app, self.system, tenant).await?);
        self.tenants += 1;
        self.different += usize::from(!report.differences.is_empty());
        self.bar.suspend(|| print(&if self.json { for_programs(&report) } else { for_people(&report) }))?;
        self.bar.inc(1);
        Ok(true)
    }

    fn end(self) -> Result<ExitCode> {
        self.bar.finish_and_clear();
        if !self.json && self.tenants > 1 {
            print(&format!("{} tenants, {} with differences\n", self.tenants, self.different))?;
        }
        Ok(ExitCode::from(if self.different == 0 { 0 } else { DIFFERENT }))
    }
}

fn for_people(report: &Report) -> String {
    let Report { tenant, revision, rules, requests, differences } = report;
    if differences.is_empty() {
        return format!(
            "{tenant}: clean at revision {revision}: {rules} rules, {requests} requests decided as casbin does\n"
        );
    }
    let mut lines = vec![format!("{tenant}: {} differences at revision {revision}", differences.len())];
    let named = differences.iter();
    lines.extend(named.map(|one| format!("  {} in the {}: {}", one.kind.as_ref(), one.place.as_ref(), one.what)));
    lines.push(String::new());
    lines.join("\n")
}

fn for_programs(report: &Report) -> String {
    let differences = report.differences.iter();
    let differences = differences
        .map(|one| json!({ "place": one.place.as_ref(), "kind": one.kind.as_ref(), "what": one.what }))
        .collect::<Vec<_>>();
    let line = json!({
        "tenant": report.tenant.as_str(),
        "revision": report.revision,
        "rules": report.rules,
        "requests": report.requests,
        "differences": differences,
    });
    format!("{line}\n")
}
