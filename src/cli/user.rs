//! `bailiwick user …`.

use std::process::ExitCode;
use std::str::FromStr as _;

use crate::domain::key::{ProfileKey, RoleKey, UserKey};
use crate::domain::name::Name;
use crate::domain::user::{BaseRole, Email, Username};
use crate::error::Result;
use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, typed};
use super::output::{password_from_stdin, print, print_json};
use super::{Place, parsed};

const CREATE: &str = "mutation UserCreate($input: UserCreateInput!) {
  userCreate(input: $input) { user { key } revision userErrors { code message field } }
}";

const SET_PASSWORD: &str = "mutation UserSetPassword($input: UserSetPasswordInput!) {
  userSetPassword(input: $input) { user { key } userErrors { code message field } }
}";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a user. With `--password-stdin`, the password is read from standard input.
    #[command(after_help = "Example:\n  bailiwick user create --tenant acme dana --name 'Dana Reed' \
                            --email dana@acme.example --role user --profile supervisors")]
    Create(Create),
    /// Set a user's password, read from standard input. The user's sessions end, and the API key.
    #[command(
        name = "set-password",
        after_help = "Example:\n  echo \"$PASSWORD\" | bailiwick user set-password --tenant acme dana"
    )]
    SetPassword(SetPassword),
}

#[derive(clap::Args)]
pub(super) struct Create {
    #[command(flatten)]
    place: Place,
    /// The name to sign in with.
    #[arg(value_parser = parsed(Username::parse))]
    username: Username,
    /// The person's name; the username when absent.
    #[arg(long, value_parser = parsed(Name::parse))]
    name: Option<Name>,
    /// The email address.
    #[arg(long, value_parser = parsed(Email::parse))]
    email: Email,
    /// The base role: admin, manager, user, agent or service.
    #[arg(long, value_parser = parsed(BaseRole::from_str))]
    role: BaseRole,
    /// The user profile, for the base role user.
    #[arg(long, value_parser = parsed(ProfileKey::parse))]
    profile: Option<ProfileKey>,
    /// The custom role, for the base role manager.
    #[arg(long, value_parser = parsed(RoleKey::parse))]
    custom_role: Option<RoleKey>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(clap::Args)]
pub(super) struct SetPassword {
    #[command(flatten)]
    place: Place,
    /// The user's key.
    #[arg(value_parser = parsed(UserKey::parse))]
    key: UserKey,
}

#[derive(Deserialize)]
struct Made {
    user: User,
    revision: u64,
}

#[derive(Deserialize)]
struct User {
    key: String,
}

pub(super) async fn run(client: &Client, command: Command) -> Result<ExitCode> {
    match command {
        Command::Create(args) => create(client, &args).await,
        Command::SetPassword(args) => set_password(client, &args).await,
    }
}

async fn create(client: &Client, args: &Create) -> Result<ExitCode> {
    let password = args.password_stdin.then(password_from_stdin).transpose()?;
    let input = json!({
        "username": args.username.as_str(),
        "fullName": args.name.as_ref().map_or_else(|| args.username.as_str(), Name::as_str),
        "email": args.email.as_str(),
        "password": password.as_ref().map(SecretString::expose_secret),
        "baseRole": args.role.as_ref().to_ascii_uppercase(),
        "profile": args.profile.as_ref().map(ProfileKey::as_str),
        "customRole": args.custom_role.as_ref().map(RoleKey::as_str),
    });
    let made = client.change(args.place.tenant.as_ref(), CREATE, input).await?;
    if args.place.json {
        return print_json(&made);
    }
    let Made { user: User { key }, revision } = typed(made)?;
    print(&format!("made the user `{key}`, revision {revision}\n"))
}

async fn set_password(client: &Client, args: &SetPassword) -> Result<ExitCode> {
    let password = password_from_stdin()?;
    let input = json!({ "key": args.key.as_str(), "password": password.expose_secret() });
    let set = client.change(args.place.tenant.as_ref(), SET_PASSWORD, input).await?;
    if args.place.json {
        return print_json(&set);
    }
    print(&format!("the password of `{}` is set, and its sessions and API key have ended\n", args.key))
}
