//! The command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use bailiwick::app::{App, Parts};
use bailiwick::auth::caller::Caller;
use bailiwick::config::{LogFormat, Settings};
use bailiwick::domain::key::{Action, ModuleKey, Object, ProfileKey, RoleKey, TenantKey, UserKey};
use bailiwick::domain::name::Name;
use bailiwick::domain::user::{BaseRole, Email, Telephony, Username};
use bailiwick::error::{Error, Result};
use bailiwick::service::decision::Query;
use bailiwick::service::tenant::{NewAdmin, NewTenant};
use bailiwick::service::user::NewUser;
use bailiwick::store::page::Page;
use clap::{Args, Parser, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

/// Who may do what: a multi-tenant RBAC platform on Casbin.
///
/// Settings come from `bailiwick.toml` and from the environment, as `BAILIWICK_…`.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    /// A settings file instead of `bailiwick.toml`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bailiwick demo && bailiwick serve
  bailiwick tenant create acme --name 'Acme Ltd' --modules voice,staff --admin alice --email alice@acme.example
  bailiwick user create --tenant acme bob --name 'Bob Jones' --email bob@acme.example --role agent
  bailiwick decide --tenant acme dana edit voice/queues/sales; echo $?";

#[derive(Subcommand)]
enum Command {
    /// Serve GraphQL until Ctrl-C or SIGTERM.
    Serve,
    /// Bring the database's schema up to date, and make the platform's own tenant.
    Migrate,
    /// Print the GraphQL schema.
    Schema,
    /// Make and list tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Make users.
    #[command(subcommand)]
    User(UserCommand),
    /// Ask for one decision. Exit status: 0 allow, 1 deny, 2 error.
    Decide(DecideArgs),
    /// Make the tenant `demo` with lifelike data, unless it is there.
    Demo,
}

#[derive(Subcommand)]
enum TenantCommand {
    /// Make a tenant with its default admin. The password is read from standard input.
    #[command(after_help = "Example:\n  echo \"$PASSWORD\" | bailiwick tenant create acme --name 'Acme Ltd' \
                            --modules voice,staff --admin alice --email alice@acme.example")]
    Create {
        /// The tenant's key.
        key: String,
        /// Its name; the key when absent.
        #[arg(long)]
        name: Option<String>,
        /// The modules of its licence, separated by commas.
        #[arg(long, value_delimiter = ',')]
        modules: Vec<String>,
        /// The username of its default admin.
        #[arg(long)]
        admin: String,
        /// The admin's email address.
        #[arg(long)]
        email: String,
    },
    /// List the tenants: key, revision, name.
    #[command(after_help = "Example:\n  bailiwick tenant list")]
    List,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Make a user. With `--password-stdin`, the password is read from standard input.
    #[command(after_help = "Example:\n  bailiwick user create --tenant acme dana --name 'Dana Reed' \
                            --email dana@acme.example --role user --profile supervisors")]
    Create {
        /// The tenant's key.
        #[arg(long)]
        tenant: String,
        /// The name to sign in with.
        username: String,
        /// The person's name; the username when absent.
        #[arg(long)]
        name: Option<String>,
        /// The email address.
        #[arg(long)]
        email: String,
        /// admin, manager, user, agent or service.
        #[arg(long)]
        role: String,
        /// The profile, for a user.
        #[arg(long)]
        profile: Option<String>,
        /// The custom role, for a manager.
        #[arg(long)]
        custom_role: Option<String>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Args)]
#[command(after_help = "Example:\n  bailiwick decide --tenant acme dana edit voice/queues/sales && echo allowed")]
struct DecideArgs {
    /// The tenant's key.
    #[arg(long)]
    tenant: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// The user's key.
    subject: String,
    /// What it wants to do.
    action: String,
    /// On what.
    object: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli).await {
        Ok(code) => code,
        Err(error) => {
            let field = error.field.join(".");
            let place = if field.is_empty() { String::new() } else { format!(" ({field})") };
            eprintln!("error: {error}{place} [{}]", error.code);
            if let Some(cause) = error.source_text() {
                eprintln!("cause: {cause}");
            }
            ExitCode::from(2)
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    if matches!(cli.command, Command::Schema) {
        return print(&bailiwick::graphql::sdl());
    }
    let environment =
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    let settings =
        Settings::load(cli.config.as_deref(), environment).map_err(|error| Error::invalid(error.to_string()))?;
    start_logging(&settings);
    let app = App::new(Parts::from_settings(&settings).await?)?;
    let made = app.first_start(settings.operator_password.clone()).await?;
    if let Some(password) = &made {
        eprintln!("The operator `operator` of the tenant `platform` was made. Its password, shown this once:");
        eprintln!("  {}", password.expose_secret());
    }
    match cli.command {
        Command::Serve => serve(app, &settings).await,
        Command::Migrate => print("the schema is up to date\n"),
        Command::Schema => Ok(ExitCode::SUCCESS),
        Command::Tenant(command) => tenant(&app, command).await,
        Command::User(command) => user(&app, command).await,
        Command::Decide(args) => decide(&app, args).await,
        Command::Demo => bailiwick::demo::load(app.platform()).await.and_then(|text| print(&text)),
    }
}

async fn serve(app: App, settings: &Settings) -> Result<ExitCode> {
    let listener = tokio::net::TcpListener::bind(settings.listen)
        .await
        .map_err(|error| Error::invalid(format!("cannot listen on {}: {error}", settings.listen)))?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let url = settings.public_url.as_ref().map_or_else(|| format!("http://{address}/"), ToString::to_string);
    print(&format!("Bailiwick serves GraphQL at {url}graphql — open it in a browser for GraphiQL.\n"))?;
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    app.serve(listener, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

async fn stop_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
    tracing::info!("stopping");
    shutdown.cancel();
}

async fn tenant(app: &App, command: TenantCommand) -> Result<ExitCode> {
    let platform = app.platform();
    let system = platform.system_caller(&TenantKey::parse(TenantKey::PLATFORM)?).await?;
    match command {
        TenantCommand::Create { key, name, modules, admin, email } => {
            let username = Username::parse(&admin)?;
            let new = NewTenant {
                key: TenantKey::parse(&key)?,
                name: Name::parse(name.as_deref().unwrap_or(&key))?,
                modules: modules.iter().map(|module| ModuleKey::parse(module)).collect::<Result<_>>()?,
                admin: NewAdmin {
                    full_name: Name::parse(username.as_str())?,
                    username,
                    email: Some(Email::parse(&email)?),
                    password: password_from_stdin()?,
                },
            };
            let done = platform.create_tenant(&system, new, None).await?;
            print(&format!("made tenant `{}`, revision {}\n", done.value.key, done.revision))
        }
        TenantCommand::List => list_tenants(app, &system).await,
    }
}

async fn list_tenants(app: &App, system: &Caller) -> Result<ExitCode> {
    let mut after = None;
    loop {
        let page = Page::parse(Some(100), after.as_deref(), None, None)?;
        let found = app.platform().list_tenants(system, None, page).await?;
        for (_, tenant) in &found.items {
            print(&format!("{}\t{}\t{}\n", tenant.key, tenant.counters.revision, tenant.name))?;
        }
        after = found.items.last().map(|(cursor, _)| cursor.to_string());
        if !found.has_next {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

async fn user(app: &App, command: UserCommand) -> Result<ExitCode> {
    let UserCommand::Create { tenant, username, name, email, role, profile, custom_role, password_stdin } = command;
    let system = app.platform().system_caller(&TenantKey::parse(&tenant)?).await?;
    let username = Username::parse(&username)?;
    let new = NewUser {
        full_name: Name::parse(name.as_deref().unwrap_or(username.as_str()))?,
        username,
        email: Some(Email::parse(&email)?),
        password: if password_stdin { Some(password_from_stdin()?) } else { None },
        base_role: BaseRole::parse(&role)?,
        profile: profile.as_deref().map(ProfileKey::parse).transpose()?,
        role: custom_role.as_deref().map(RoleKey::parse).transpose()?,
        groups: std::collections::BTreeSet::new(),
        extension: None,
        telephony: Telephony::default(),
    };
    let done = app.platform().create_user(&system, new, None).await?;
    print(&format!("made user `{}`, revision {}\n", done.value, done.revision))
}

async fn decide(app: &App, args: DecideArgs) -> Result<ExitCode> {
    let system = app.platform().system_caller(&TenantKey::parse(&args.tenant)?).await?;
    let query = Query {
        subject: Some(UserKey::parse(&args.subject)?),
        action: Action::parse(&args.action)?,
        object: Object::parse(&args.object)?,
        at_least_revision: None,
    };
    let decision = app.platform().decide(&system, &[query]).await?.pop();
    let decision = decision.ok_or_else(|| Error::internal("a request without an answer"))?;
    let word = if decision.allowed { "allow" } else { "deny" };
    let reason = decision.reason.as_str();
    if args.json {
        let answer =
            serde_json::json!({ "allowed": decision.allowed, "reason": reason, "revision": decision.revision });
        print(&format!("{answer}\n"))?;
    } else {
        print(&format!("{word} ({reason}, revision {})\n", decision.revision))?;
    }
    Ok(ExitCode::from(u8::from(!decision.allowed)))
}

fn password_from_stdin() -> Result<SecretString> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Error::invalid(format!("no password on standard input: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn print(text: &str) -> Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| Error::invalid(format!("cannot write: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

fn start_logging(settings: &Settings) {
    let filter = tracing_subscriber::EnvFilter::new(&settings.log);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
}
