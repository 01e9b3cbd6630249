//! `bailiwick user …`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use bailiwick::app::App;
use bailiwick::domain::key::{ProfileKey, RoleKey, TenantKey};
use bailiwick::domain::name::Name;
use bailiwick::domain::user::{BaseRole, Email, Telephony, Username};
use bailiwick::error::Result;
use bailiwick::service::user::NewUser;
use clap::Subcommand;

use super::output::{password_from_stdin, print};
use super::{caller_in, parsed};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a user. With `--password-stdin`, the password is read from standard input.
    #[command(after_help = "Example:\n  bailiwick user create --tenant acme dana --name 'Dana Reed' \
                            --email dana@acme.example --role user --profile supervisors")]
    Create(Create),
}

#[derive(clap::Args)]
pub(super) struct Create {
    /// The tenant's key.
    #[arg(long, value_parser = parsed(TenantKey::parse))]
    tenant: TenantKey,
    /// The name to sign in with.
    #[arg(value_parser = parsed(Username::parse))]
    username: Username,
    /// The person's name; the username when absent.
    #[arg(long, value_parser = parsed(Name::parse))]
    name: Option<Name>,
    /// The email address.
    #[arg(long, value_parser = parsed(Email::parse))]
    email: Email,
    /// admin, manager, user, agent or service.
    #[arg(long, value_parser = parsed(BaseRole::parse))]
    role: BaseRole,
    /// The profile, for a user.
    #[arg(long, value_parser = parsed(ProfileKey::parse))]
    profile: Option<ProfileKey>,
    /// The custom role, for a manager.
    #[arg(long, value_parser = parsed(RoleKey::parse))]
    custom_role: Option<RoleKey>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(app: &App, command: Command) -> Result<ExitCode> {
    let Command::Create(args) = command;
    let system = caller_in(app, &args.tenant).await?;
    let new = NewUser {
        full_name: args.name.map_or_else(|| Name::parse(args.username.as_str()), Ok)?,
        username: args.username,
        email: Some(args.email),
        password: args.password_stdin.then(password_from_stdin).transpose()?,
        base_role: args.role,
        profile: args.profile,
        role: args.custom_role,
        groups: BTreeSet::new(),
        extension: None,
        telephony: Telephony::default(),
    };
    let done = app.platform().create_user(&system, new, None).await?;
    print(&format!("made the user `{}`, revision {}\n", done.value, done.revision))
}
