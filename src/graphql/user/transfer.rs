//! Many users at once: out as CSV, and in from a list.

use async_graphql::{Context, InputObject, Object};

use super::User;
use super::change::UserCreateInput;
use crate::domain::key::UserKey;
use crate::error::{Error, Result};
use crate::graphql::context::caller;
use crate::graphql::input::parse_all;
use crate::graphql::payload::payload;
use crate::graphql::scalar::int;
use crate::service::user::NewUser;

/// Chooses users to export.
#[derive(InputObject)]
pub struct UsersExportInput {
    /// The users' keys, in the order of the lines; 1 to 1000.
    keys: Vec<String>,
}

/// Creates many users.
#[derive(InputObject)]
pub struct UsersImportInput {
    /// The users, 1 to 1000; all are created, or none.
    users: Vec<UserCreateInput>,
    /// Why; it stands in the revision and the audit log.
    reason: Option<String>,
}

payload! {
    /// Exported users.
    UsersExportPayload {
        /// The users as CSV with a header line. It holds no secret, and no cell that a
        /// spreadsheet takes for a formula.
        csv: String,
    }
}

payload! {
    /// New users.
    UsersImportPayload {
        /// The users, in the order of the list.
        users: Vec<User>,
        /// The tenant's policy version.
        revision: i32,
    }
}

/// Mutations of many users.
#[derive(Default)]
pub struct TransferMutation;

#[Object]
impl TransferMutation {
    /// The chosen users as CSV: all of them, or none when one of them is not there. It changes
    /// nothing, and leaves an audit event.
    async fn users_export(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users.")] input: UsersExportInput,
    ) -> Result<UsersExportPayload> {
        let (platform, caller) = caller(ctx)?;
        let exported = async {
            let keys: Vec<UserKey> = parse_all("keys", &input.keys, UserKey::parse)?;
            let csv = platform.export_users(caller, &keys).await?;
            Ok(UsersExportPayload { csv: Some(csv), user_errors: Vec::new() })
        };
        UsersExportPayload::of(exported.await)
    }

    /// Creates many users in one change. An error names its place, such as `users.3.email`.
    async fn users_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users to create.")] input: UsersImportInput,
    ) -> Result<UsersImportPayload> {
        let (platform, caller) = caller(ctx)?;
        let imported = async {
            let users = input.users.into_iter().enumerate().map(|(i, user)| new_user(i, user));
            let done = platform.import_users(caller, users.collect::<Result<_>>()?, input.reason).await?;
            let rows = platform.changed_users(caller, &done.value).await?;
            let tenant = caller.tenant().id;
            Ok(UsersImportPayload {
                users: Some(rows.into_iter().map(|row| User::new(tenant, row)).collect()),
                revision: Some(int(done.revision)),
                user_errors: Vec::new(),
            })
        };
        UsersImportPayload::of(imported.await)
    }
}

/// The user at this place of the list. It has no reason of its own: the change is one.
fn new_user(place: usize, input: UserCreateInput) -> Result<NewUser> {
    let made = match input.reason {
        Some(_) => Err(Error::invalid("the reason stands once, beside `users`").at("reason")),
        None => input.new_user(),
    };
    made.map_err(|error| error.at(place.to_string()).at("users"))
}
