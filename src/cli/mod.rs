//! The command line, a file per command. It turns arguments into the domain's types, calls the
//! use cases, and puts what they give into words; the use cases themselves live in the library.
//!
//! What was asked for goes to standard output, everything else (logs, the operator's first
//! password, errors) to standard error.

mod decide;
mod output;
mod policy;
mod serve;
mod tenant;
mod user;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use bailiwick::app::{App, Parts};
use bailiwick::auth::caller::Caller;
use bailiwick::config::{LogFormat, Settings};
use bailiwick::domain::key::TenantKey;
use bailiwick::error::{Error, Result};
use clap::{Parser, Subcommand};
use secrecy::ExposeSecret as _;

use output::print;

/// Who may do what: a multi-tenant RBAC platform on Casbin.
///
/// Settings come from `bailiwick.toml` and from the environment, as `BAILIWICK_…`.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// A settings file instead of `bailiwick.toml`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bailiwick demo && bailiwick serve
  bailiwick tenant list
  bailiwick decide --tenant demo dana delete voice/queues/sales; echo $?";

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
    /// Look after the compiled rules.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Make the tenant `demo` with lifelike data, unless it is there.
    #[command(after_help = "Example:\n  bailiwick demo && bailiwick decide --tenant demo dana read voice/queues/sales")]
    Demo,
}

/// Runs a command line to its end.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode> {
    if matches!(cli.command, Command::Schema) {
        return print(&bailiwick::graphql::sdl());
    }
    let settings =
        Settings::load(cli.config.as_deref(), environment()?).map_err(|error| Error::invalid(error.to_string()))?;
    start_logging(&settings);
    let app = open(&settings).await?;
    match cli.command {
        Command::Serve => serve::run(app, &settings).await,
        Command::Migrate => print("the schema is up to date\n"),
        Command::Schema => Ok(ExitCode::SUCCESS),
        Command::Tenant(command) => tenant::run(&app, command).await,
        Command::User(command) => user::run(&app, command).await,
        Command::Decide(args) => decide::run(&app, args).await,
        Command::Policy(command) => policy::run(&app, command).await,
        Command::Demo => print(&bailiwick::demo::load(app.platform()).await?),
    }
}

/// The instance, with the platform's own tenant in its database. Whichever command comes first
/// makes that, and shows the operator's password if it had to make one.
async fn open(settings: &Settings) -> Result<App> {
    let app = App::new(Parts::from_settings(settings).await?)?;
    if let Some(password) = app.first_start(settings.operator_password.clone()).await? {
        eprintln!("The operator `operator` of the tenant `platform` was made. Its password, shown this once:");
        eprintln!("  {}", password.expose_secret());
    }
    Ok(app)
}

/// The environment's settings as text. Variables of others may be anything.
fn environment() -> Result<Vec<(String, String)>> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("BAILIWICK_"))?;
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
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
}

/// The command line itself as a caller in a tenant.
async fn caller_in(app: &App, tenant: &TenantKey) -> Result<Caller> {
    app.platform().system_caller(tenant).await.map_err(|error| error.at("tenant"))
}

/// Parses an argument into a domain type. The parser of arguments names the argument that is
/// wrong; the code is shown with it, as with every other refusal.
fn parsed<T>(parse: fn(&str) -> Result<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: 'static,
{
    move |text| parse(text).map_err(|error| format!("{error} [{}]", error.code))
}
