//! Many users at once: out as CSV, and in from a list.

use async_graphql::{Context, InputObject, Object};

use super::User;
use super::change::UserCreateInput;
use crate::domain::key::UserKey;
use crate::error::{Error, Result};
use crate::graphql::context::caller;
use crate::graphql::impact::Impact;
use crate::graphql::input::parse_all;
use crate::graphql::payload::{payload, unless_dry};
use crate::graphql::scalar::int;
use crate::service::admin::user::NewUser;
use crate::service::change::ChangeOptions;

/// Chooses users to export.
#[derive(InputObject)]
pub struct UsersExportInput {
    /// Keys of the users, in the order of the lines; 1 to 1000.
    keys: Vec<String>,
}

/// Creates many users.
#[derive(InputObject)]
pub struct UsersImportInput {
    /// Users to create, 1 to 1000; all are created, or none.
    users: Vec<UserCreateInput>,
    /// Reason for the change, kept in the revision and the audit log.
    reason: Option<String>,
    /// `true` for a dry run: nothing changes, and the answer is the refusal or the impact.
    #[graphql(default)]
    dry_run: bool,
}

payload! {
    /// Exported users.
    UsersExportPayload {
        /// Users as CSV with a header line. It holds no secret, and no cell that a spreadsheet takes for a formula.
        csv: String,
    }
}

payload! {
    /// New users.
    UsersImportPayload {
        /// Users that were created, in the order of the list.
        users: Vec<User> [at most 1000],
        /// Policy revision of the tenant.
        revision: i32,
        /// Access that users would gain or lose, after a dry run. Null after a real change, and for callers who
        /// cannot see rules and users.
        impact: Impact,
    }
}

/// Mutations of many users.
#[derive(Default)]
pub struct TransferMutation;

#[Object]
impl TransferMutation {
    /// Exports the chosen users as CSV: all of them, or none if one of them does not exist. It changes nothing, and
    /// leaves an audit event.
    async fn users_export(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users.")] input: UsersExportInput,
    ) -> Result<UsersExportPayload> {
        let (platform, caller) = caller(ctx)?;
        let exported = async {
            let keys: Vec<UserKey> = parse_all("keys", &input.keys, UserKey::parse)?;
            let csv = platform.user_export(caller, &keys).await?;
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
            let options = ChangeOptions { reason: input.reason, dry_run: input.dry_run };
            let done = platform.user_import(caller, users.collect::<Result<_>>()?, options).await?;
            let rows =
                unless_dry(&done, async { platform.user_list_changed(caller, &done.value).await.map(Some) }).await;
            let tenant = caller.tenant().id;
            Ok(UsersImportPayload {
                users: rows.map(|rows| rows.into_iter().map(|row| User::new(tenant, row)).collect()),
                revision: Some(int(done.revision)),
                impact: Impact::of(caller.tenant().id, done),
                user_errors: Vec::new(),
            })
        };
        UsersImportPayload::of(imported.await)
    }
}

/// Creates the user at this place of the list. It has no reason or dry run of its own: the whole list is one change.
fn new_user(place: usize, input: UserCreateInput) -> Result<NewUser> {
    let made = match input.reason {
        Some(_) => Err(Error::invalid("the reason stands once, beside `users`").at("reason")),
        None if input.dry_run => Err(Error::invalid("a dry run is asked for beside `users`").at("dryRun")),
        None => input.new_user(),
    };
    made.map_err(|error| error.at(place.to_string()).at("users"))
}
