//! The command line, one file per command. It turns arguments into the domain's types, asks a `client::Client`, and
//! puts the answer into words; the use cases live in [`crate::service`].
//!
//! Answers go to standard output, everything else (logs, the operator's first password, errors) to standard error.

mod audit;
mod bench;
mod client;
mod decide;
mod explain;
mod impact;
mod output;
mod policy;
mod remote;
mod search;
mod serve;
mod shell;
mod stop;
mod tenant;
mod user;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::app::{App, AppConfig};
use crate::auth::caller::Caller;
use crate::config::{LogFormat, Settings, kubernetes};
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use clap::{Parser, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Runtime;
use url::Url;

use client::Client;
use output::print;

/// Exit status of a command that was refused or went wrong; clap has its own for a wrong command line.
const FAILED: u8 = 2;

/// Time for which work on other threads can go on once the command has ended. Longer work does not hold the process.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The variable with the address of a server for commands to ask, instead of the database.
const SERVER: &str = "BAILIWICK_SERVER";
/// The variable with the credential for that server. It is never an argument, because other users of the machine see
/// those.
const API_KEY: &str = "BAILIWICK_API_KEY";

/// A multi-tenant RBAC platform on Casbin: it decides what users may do.
///
/// Settings come from `bailiwick.toml` and from the environment, as `BAILIWICK_…`.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    /// A settings file instead of `bailiwick.toml`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask this server, as the caller of `BAILIWICK_API_KEY`, instead of the database.
    #[arg(long, global = true, value_name = "URL", env = SERVER)]
    server: Option<Url>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bailiwick demo && bailiwick serve
  bailiwick tenant list
  bailiwick decide --tenant demo dana delete voice/queues/sales; echo $?
  BAILIWICK_API_KEY=… bailiwick --server https://desk.example who-can delete voice/queues/sales";

/// The tenant that a command is about, and the form of its answer.
#[derive(clap::Args)]
struct Place {
    /// The tenant's key. At a server, operators name one; all other callers are in their own.
    #[arg(long, value_parser = parsed(TenantKey::parse))]
    tenant: Option<TenantKey>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until Ctrl-C or SIGTERM.
    #[command(after_help = "Examples:\n  bailiwick serve\n  \
                            BAILIWICK_LISTEN=0.0.0.0:8080 BAILIWICK_DATABASE_URL=postgres://… bailiwick serve")]
    Serve,
    /// Bring the database's schema up to date, and make the platform's own tenant.
    #[command(after_help = "Example:\n  BAILIWICK_DATABASE_URL=postgres://… bailiwick migrate")]
    Migrate,
    /// Print the GraphQL schema.
    #[command(after_help = "Example:\n  bailiwick schema > schema.graphql")]
    Schema,
    /// Make and list tenants.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Make users.
    #[command(subcommand)]
    User(user::Command),
    /// Ask for one decision. Exit status: 0 allow, 1 deny, 2 error.
    Decide(decide::Args),
    /// Ask why a decision is what it is.
    Explain(explain::Args),
    /// List the users who can do something.
    WhoCan(search::WhoCan),
    /// List what a user can do.
    WhatCan(search::WhatCan),
    /// Look after the compiled rules.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Read, export and check the audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Measure how long decisions of a tenant take here, beside casbin's Enforcer.
    Bench(bench::Args),
    /// Make the tenant `demo` with lifelike data, unless it exists.
    #[command(after_help = "Example:\n  bailiwick demo && bailiwick decide --tenant demo dana read voice/queues/sales")]
    Demo,
    /// Print the script by which a shell completes this command line.
    Completions(shell::Completions),
    /// Print the manual.
    Man(shell::Man),
}

/// Runs the command line of the process to its end, and returns its exit status.
pub fn main() -> ExitCode {
    let ended = Runtime::new().map_err(Error::internal).and_then(|runtime| {
        let ended = runtime.block_on(run(Cli::parse()));
        runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
        ended
    });
    ended.unwrap_or_else(|error| {
        report(&error);
        ExitCode::from(FAILED)
    })
}

/// Prints the refusal on the terminal, with its field, its code, and its cause, which no client is told.
fn report(error: &Error) {
    let field = error.field.join(".");
    let place = if field.is_empty() { String::new() } else { format!(" ({field})") };
    eprintln!("error: {error}{place} [{}]", error.code);
    if let Some(cause) = error.source_text() {
        eprintln!("cause: {cause}");
    }
}

/// Runs a command to its end.
async fn run(cli: Cli) -> Result<ExitCode> {
    let Cli { config, server, command } = cli;
    match command {
        Command::Schema => print(&crate::graphql::sdl()),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::Serve => {
            let (settings, passed_over) = settings(config.as_deref())?;
            serve::tell_passed_over(&passed_over);
            serve::run(open(&settings).await?, &settings).await
        }
        command => {
            if let Some(url) = server {
                return ask(&Client::server(&url, api_key()?)?, command).await;
            }
            let (settings, _) = settings(config.as_deref())?;
            let app = if command.only_reads() { open_to_read(&settings).await? } else { open(&settings).await? };
            ask(&Client::database(app), command).await
        }
    }
}

impl Command {
    /// Returns whether the command leaves the data of tenants as it is. It then makes no database and no schema.
    const fn only_reads(&self) -> bool {
        match self {
            Self::Decide(_)
            | Self::Explain(_)
            | Self::WhoCan(_)
            | Self::WhatCan(_)
            | Self::Audit(_)
            | Self::Bench(_)
            | Self::Tenant(tenant::Command::List(_)) => true,
            Self::Policy(command) => command.only_reads(),
            _ => false,
        }
    }
}

/// Runs a command that asks a client.
async fn ask(client: &Client, command: Command) -> Result<ExitCode> {
    match command {
        Command::Tenant(command) => tenant::run(client, command).await,
        Command::User(command) => user::run(client, command).await,
        Command::Decide(args) => decide::run(client, &args).await,
        Command::Explain(args) => explain::run(client, &args).await,
        Command::WhoCan(args) => search::who_can(client, &args).await,
        Command::WhatCan(args) => search::what_can(client, &args).await,
        Command::Policy(command) => policy::run(client, command).await,
        Command::Audit(command) => audit::run(client, command).await,
        Command::Bench(args) => bench::run(client, &args).await,
        Command::Demo => print(&crate::demo::load(client.app("demo")?.platform()).await?),
        // Opening the database has done all that `migrate` does; only the message is left.
        _ => client.app("migrate").and_then(|_| print("the schema is up to date\n")),
    }
}

/// Reads the settings and starts the log that they describe. Also returns the variables that were ignored.
fn settings(file: Option<&Path>) -> Result<(Settings, Vec<String>)> {
    let (ours, passed_over) = kubernetes::divide(environment()?);
    let settings = Settings::load(file, ours).map_err(|error| Error::invalid(error.to_string()))?;
    start_logging(&settings);
    Ok((settings, passed_over))
}

/// Reads the credential for a server.
fn api_key() -> Result<Option<SecretString>> {
    match std::env::var(API_KEY) {
        Ok(key) => Ok(Some(key.into())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::invalid(format!("wrong {API_KEY}: it must be UTF-8"))),
    }
}

/// Opens the instance, with the platform's own tenant in its database. The first command makes that tenant, and shows
/// the operator's password if it had to make one.
async fn open(settings: &Settings) -> Result<App> {
    let app = App::new(AppConfig::from_settings(settings).await?)?;
    if let Some(password) = app.first_start(settings.operator_password.clone()).await? {
        eprintln!("The operator `operator` of the tenant `platform` was made. Its password, shown this once:");
        eprintln!("  {}", password.expose_secret());
    }
    Ok(app)
}

/// Opens the instance for a command that only reads.
async fn open_to_read(settings: &Settings) -> Result<App> {
    App::new(AppConfig::to_read(settings).await?)
}

/// Reads the environment's settings as text. Variables of other programs can be of any form.
fn environment() -> Result<Vec<(String, String)>> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("BAILIWICK_"))?;
        let is_of_clients = [SERVER, API_KEY].contains(&name.as_str());
        (!is_of_clients).then_some(())?;
        Some((name, value.into_string()))
    });
    ours.map(|(name, value)| match value {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(Error::invalid(format!("wrong setting {name}: it must be UTF-8"))),
    })
    .collect()
}

fn start_logging(settings: &Settings) {
    let filter = tracing_subscriber::EnvFilter::new(&settings.log);
    let colours = std::io::stderr().is_terminal();
    // A line that cannot be written, on a full disk, is lost: to say so in its place would fail as well, and
    // take the request with it.
    let logs = tracing_subscriber::fmt().log_internal_errors(false);
    let logs = logs.with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
}

/// Returns the tenant, which a command on the database must be told.
fn named(tenant: Option<&TenantKey>) -> Result<TenantKey> {
    tenant.cloned().ok_or_else(|| Error::bad_input("name the tenant: `--tenant KEY`").at("tenant"))
}

/// Makes the command line itself a caller in a tenant.
async fn caller_in(app: &App, tenant: &TenantKey) -> Result<Caller> {
    app.platform().system_caller(tenant).await.map_err(|error| error.at("tenant"))
}

/// Parses an argument into a domain type. The parser of arguments names the wrong argument; the code is shown with it,
/// as with every other refusal.
fn parsed<T>(parse: fn(&str) -> Result<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: 'static,
{
    move |text| parse(text).map_err(|error| format!("{error} [{}]", error.code))
}
