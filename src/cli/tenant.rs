//! `bailiwick tenant …`.

use std::process::ExitCode;

use bailiwick::app::App;
use bailiwick::auth::caller::Caller;
use bailiwick::domain::key::{ModuleKey, TenantKey};
use bailiwick::domain::name::Name;
use bailiwick::domain::user::{Email, Username};
use bailiwick::error::Result;
use bailiwick::service::tenant::{NewAdmin, NewTenant};
use bailiwick::store::page::Page;
use clap::Subcommand;

use super::output::{password_from_stdin, print};
use super::{caller_in, parsed};

/// How many tenants are read at once.
const PAGE: u64 = 100;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a tenant with its default admin. The password is read from standard input.
    #[command(after_help = "Example:\n  echo \"$PASSWORD\" | bailiwick tenant create acme --name 'Acme Ltd' \
                            --modules voice,staff --admin alice --email alice@acme.example")]
    Create(Create),
    /// List the tenants: key, revision, name.
    #[command(after_help = "Example:\n  bailiwick tenant list")]
    List,
}

#[derive(clap::Args)]
pub(super) struct Create {
    /// The tenant's key.
    #[arg(value_parser = parsed(TenantKey::parse))]
    key: TenantKey,
    /// Its name; the key when absent.
    #[arg(long, value_parser = parsed(Name::parse))]
    name: Option<Name>,
    /// The modules of its licence, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = parsed(ModuleKey::parse))]
    modules: Vec<ModuleKey>,
    /// The username of its default admin.
    #[arg(long, value_parser = parsed(Username::parse))]
    admin: Username,
    /// The admin's email address.
    #[arg(long, value_parser = parsed(Email::parse))]
    email: Email,
}

pub(super) async fn run(app: &App, command: Command) -> Result<ExitCode> {
    let system = caller_in(app, &TenantKey::parse(TenantKey::PLATFORM)?).await?;
    match command {
        Command::Create(args) => create(app, &system, args).await,
        Command::List => list(app, &system).await,
    }
}

async fn create(app: &App, system: &Caller, args: Create) -> Result<ExitCode> {
    let Create { key, name, modules, admin, email } = args;
    let new = NewTenant {
        name: name.map_or_else(|| Name::parse(key.as_str()), Ok)?,
        key,
        modules: modules.into_iter().collect(),
        admin: NewAdmin {
            full_name: Name::parse(admin.as_str())?,
            username: admin,
            email: Some(email),
            password: password_from_stdin()?,
        },
    };
    let done = app.platform().create_tenant(system, new, None).await?;
    print(&format!("made the tenant `{}`, revision {}\n", done.value.key, done.revision))
}

async fn list(app: &App, system: &Caller) -> Result<ExitCode> {
    let mut after = None;
    loop {
        let page = Page::parse(Some(PAGE), after.as_deref(), None, None)?;
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
